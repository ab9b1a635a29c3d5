//! Broadcasts to long polls of MessageBus, which are open streams of chunks as its client asks for them. The server runs
//! `apps/message_bus.ru`.

use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::broadcast::broadcast;
use crate::http::Connection;
use crate::idle::OPENING;
use crate::open_stream::{SUCCESS, Scanner, read};
use crate::tally::{Listener, Tally};
use crate::{Failure, http, phase, rate};

/// What a poll is told at once: where the channel stands.
const STATUS: &[u8] = b"__status";

/// The channel, from its next message on.
const CHANNEL: &str = "/news=-1";

/// Opens so many polls, reports, broadcasts to them so many times, and reports each time.
pub async fn run(port: u16, clients: usize, broadcasts: u64) -> Result<(), Failure> {
    let mut polls = Vec::with_capacity(clients);
    while polls.len() < clients {
        let first = polls.len();
        let opening: Vec<_> = (first..clients.min(first + OPENING))
            .map(|index| spawn_local(timeout(rate::PATIENCE, poll(port, index))))
            .collect();
        for task in opening {
            polls.push(task.await?.map_err(|_| "a poll was not answered")??);
        }
    }
    let tally = Rc::new(Tally::new());
    for stream in polls {
        let tally = Rc::clone(&tally);
        spawn_local(async move {
            let end = read(&stream, Scanner::behind_the_head(), &*tally).await;
            tally.ended(end);
        });
    }
    phase::finished("open", &format!("\"clients\":{clients}")).await?;

    let mut control = Connection::open(port).await?;
    for message in 1..=broadcasts {
        let figures = broadcast(&mut control, &tally, message, clients).await?;
        phase::finished("broadcast", &figures).await?;
    }
    Ok(())
}

/// Opens the `index`th poll, and reads until it has been told where the channel stands.
async fn poll(port: u16, index: usize) -> Result<TcpStream, Failure> {
    let mut stream = http::connect(port, index).await?;
    let process = std::process::id();
    let request = format!(
        "POST /message-bus/{process}-{index}/poll HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{CHANNEL}",
        CHANNEL.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(1024);
    while !answer.windows(STATUS.len()).any(|bytes| bytes == STATUS) {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("a poll ended before its first chunk".into());
        }
    }
    if answer.starts_with(SUCCESS) {
        Ok(stream)
    } else {
        Err("a poll was not answered with 200".into())
    }
}
