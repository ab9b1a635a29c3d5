//! ActionCable: broadcasts to many WebSockets, and echoes at a fixed rate. The server runs `apps/cable.ru`.

use std::rc::Rc;

use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::broadcast::broadcast;
use crate::http::Connection;
use crate::idle::OPENING;
use crate::rate::{Answers, PATIENCE, Schedule};
use crate::tally::{End, Listener, Tally};
use crate::websocket::WebSocket;
use crate::{Failure, phase};

/// WebSockets that have messages echoed.
const ECHOING: usize = 64;

/// What the subscription is called, as a JSON string has it.
const IDENTIFIER: &str = r#""{\"channel\":\"NewsChannel\"}""#;

/// Has messages echoed at this rate, and reports; then opens so many WebSockets, broadcasts to them so many times, and
/// reports each time.
pub async fn run(
    port: u16,
    rate: u32,
    seconds: u32,
    subscribers: usize,
    broadcasts: u64,
) -> Result<(), Failure> {
    // First, and with few open: ActionCable sends a ping to each WebSocket every 3 s, behind which an echo would wait.
    echoes(port, rate, seconds).await?;

    let tally = Rc::new(Tally::new());
    for socket in subscribe_all(port, subscribers).await? {
        let tally = Rc::clone(&tally);
        spawn_local(async move {
            let end = listen(socket, &tally).await;
            tally.ended(end);
        });
    }
    phase::finished("open", &format!("\"clients\":{subscribers}")).await?;

    let mut control = Connection::open(port).await?;
    for message in 1..=broadcasts {
        let figures = broadcast(&mut control, &tally, message, subscribers).await?;
        phase::finished("broadcast", &figures).await?;
    }
    Ok(())
}

/// Has messages echoed at this rate.
async fn echoes(port: u16, rate: u32, seconds: u32) -> Result<(), Failure> {
    let sockets = subscribe_all(port, ECHOING).await?;
    phase::finished("open_to_echo", &format!("\"clients\":{ECHOING}")).await?;
    let schedule = Rc::new(Schedule::new(rate, seconds));
    let answers = Rc::new(Answers::default());
    let tasks: Vec<_> = sockets
        .into_iter()
        .map(|socket| {
            let (schedule, answers) = (Rc::clone(&schedule), Rc::clone(&answers));
            spawn_local(echo(socket, schedule, answers))
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    phase::finished("echo", &answers.to_json(&schedule)).await
}

/// Opens so many WebSockets and subscribes on each.
async fn subscribe_all(port: u16, count: usize) -> Result<Vec<WebSocket>, Failure> {
    let mut sockets = Vec::with_capacity(count);
    while sockets.len() < count {
        let first = sockets.len();
        let opening: Vec<_> = (first..count.min(first + OPENING))
            .map(|index| spawn_local(timeout(PATIENCE, subscribe(port, index))))
            .collect();
        for task in opening {
            sockets.push(task.await?.map_err(|_| "a subscription took too long")??);
        }
    }
    Ok(sockets)
}

/// Opens the `index`th WebSocket, and waits until it is subscribed.
async fn subscribe(port: u16, index: usize) -> Result<WebSocket, Failure> {
    let mut socket = WebSocket::open(port, index, "/cable", "actioncable-v1-json").await?;
    wait_for(&mut socket, "\"welcome\"").await?;
    let command = format!("{{\"command\":\"subscribe\",\"identifier\":{IDENTIFIER}}}");
    socket.send(&command).await?;
    wait_for(&mut socket, "\"confirm_subscription\"").await?;
    Ok(socket)
}

/// Reads until a text has `part` in it.
async fn wait_for(socket: &mut WebSocket, part: &str) -> Result<(), Failure> {
    while !socket.next().await?.contains(part) {}
    Ok(())
}

/// Tells `tally` of each message, until the WebSocket ends.
async fn listen(mut socket: WebSocket, tally: &Tally) -> End {
    while let Ok(text) = socket.next().await {
        if let Some(message) = number(&text) {
            tally.arrived(message);
        }
    }
    End::Broken
}

/// The number behind the `#` of a text, if it has one.
fn number(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once('#')?;
    let end = rest.find(|character: char| !character.is_ascii_digit())?;
    rest[..end].parse().ok()
}

/// Has one message echoed after another, until none is left or the WebSocket ends.
async fn echo(mut socket: WebSocket, schedule: Rc<Schedule>, answers: Rc<Answers>) {
    while let Some(due) = schedule.take() {
        let started = due.wait().await;
        let text = format!("#{} is echoed", due.number);
        let data = format!("{{\\\"action\\\":\\\"echo\\\",\\\"text\\\":\\\"{text}\\\"}}");
        let command =
            format!("{{\"command\":\"message\",\"identifier\":{IDENTIFIER},\"data\":\"{data}\"}}");
        let answer = async {
            socket.send(&command).await?;
            wait_for(&mut socket, &text).await
        };
        match timeout(PATIENCE, answer).await {
            Ok(Ok(())) => answers.push(Some(started.elapsed())),
            // What failed is missing among the answers; the next one may be read in spite of it.
            Err(_) => {}
            Ok(Err(_)) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn finds_the_number_of_a_message() {
        let text = r##"{"identifier":"{\"channel\":\"NewsChannel\"}","message":"#0000000012 is for each"}"##;
        assert_eq!(number(text), Some(12));
        assert_eq!(number(r#"{"type":"ping","message":1700000000}"#), None);
    }
}
