//! A full hijack of a stream: the application gets one end of a pair, and writes HTTP/1.1.

use std::sync::Arc;

use http::HeaderValue;

use super::{
    task::Task,
    translator::{Fault, Translator},
};
use crate::{
    exchange::Inner,
    hijack::{linger, pair},
};

/// Serves a hijacked stream to its end. `key`: of an extended CONNECT.
pub(super) async fn run(mut task: Task, inner: &Arc<Inner>, key: Option<HeaderValue>) {
    let connection = task.stream.connection().clone();
    let server = &connection.server;
    let (ours, hijacked) = match pair(server, connection.peer, connection.local()) {
        Ok(pair) => pair,
        Err(error) => {
            inner.give_hijacked(Err(error));
            return task.break_off(inner, Fault::Broken).await;
        }
    };
    inner.note_hijack();
    // Before the application has its socket, and its part may be over.
    let incoming = key.as_ref().and_then(|_| inner.reader.take_body());
    inner.give_hijacked(Ok(hijacked));
    let key = key.map(|key| key.as_bytes().to_vec());
    let max_head = server.config.max_header_bytes;
    let mut translator = Translator::new(ours, incoming, key, inner.is_head, max_head);
    let stream = task.stream.clone();
    let copied = task.run(|cx, sender, timer| {
        let copied = translator.poll(cx, sender);
        if copied.is_ready() {
            return copied;
        }
        let late = timer.poll_with(cx, |now| {
            translator.check(stream.sent(), now, server.config.linger_total)
        });
        late.map(Err)
    });
    let copied = copied.await;
    match copied {
        Ok(Ok(())) => {
            // The application reads an end, and what it still writes is dropped.
            let server = server.clone();
            let open = stream.open();
            tokio::spawn(async move {
                let _open = open;
                linger(translator.into_socket(), &server).await;
            });
        }
        Ok(Err(fault)) => {
            // The application sees the end first.
            drop(translator);
            task.break_off(inner, fault).await;
        }
        // The client has gone.
        Err(_) => {}
    }
}
