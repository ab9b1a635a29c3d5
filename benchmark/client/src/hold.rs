//! Open streams that are held and on which nothing comes. The server runs `apps/broadcast.ru`.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::idle::OPENING;
use crate::open_stream::Source;
use crate::rate::PATIENCE;
use crate::tally::{End, Listener};
use crate::{Failure, open_stream, phase};

/// What all streams report to.
#[derive(Default)]
struct Held {
    /// Streams that have begun.
    begun: Cell<usize>,
    /// Streams that have ended, which none should.
    ended: Cell<usize>,
    /// Wakes whoever waits for one of these to change.
    news: Notify,
}

/// One stream.
struct Stream {
    /// Shared with the others.
    held: Rc<Held>,
}

impl Listener for Stream {
    fn arrived(&self, _message: u64) {
        self.held.begun.set(self.held.begun.get() + 1);
        self.held.news.notify_one();
    }

    fn ended(&self, _end: End) {
        self.held.ended.set(self.held.ended.get() + 1);
        self.held.news.notify_one();
    }
}

/// Opens streams at `path` until there are as many as each of `counts` says, and reports each time.
pub async fn run(port: u16, path: &str, counts: &[usize]) -> Result<(), Failure> {
    let held = Rc::new(Held::default());
    let (source, path) = (Rc::new(Source::Http1 { port }), Rc::<str>::from(path));
    let mut opened = 0;
    for &count in counts {
        while opened < count {
            let next = count.min(opened + OPENING);
            for index in opened..next {
                let (source, path) = (Rc::clone(&source), Rc::clone(&path));
                let stream = Rc::new(Stream {
                    held: Rc::clone(&held),
                });
                spawn_local(open_stream::follow(source, index, path, stream));
            }
            opened = next;
            all_there(&held, opened).await?;
        }
        phase::finished("open", &format!("\"opened\":{opened}")).await?;
    }
    Ok(())
}

/// Waits until so many streams have begun.
async fn all_there(held: &Held, count: usize) -> Result<(), Failure> {
    let begin = async {
        while held.begun.get() < count && held.ended.get() == 0 {
            held.news.notified().await;
        }
    };
    let in_time = timeout(PATIENCE, begin).await.is_ok();
    if in_time && held.ended.get() == 0 {
        return Ok(());
    }
    let (begun, ended) = (held.begun.get(), held.ended.get());
    Err(format!("of {count} streams {begun} have begun and {ended} have ended").into())
}
