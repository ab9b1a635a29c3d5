//! What a connection is in, and what is wanted of it.

use std::sync::Arc;

use crate::{exchange::Inner, response::Head};

/// What a connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The first byte.
    Fresh,
    /// The rest of a head.
    Head,
    /// The rest of a body that is received before the application is called.
    Body,
    /// A thread, the application, or the client that reads its response.
    Busy,
    /// The rest of a body whose response is through.
    Upload,
    /// The next request.
    Idle,
}

/// What the server wants of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Go on.
    Serve,
    /// End after the request under way.
    Drain,
    /// End now.
    Stop,
}

/// What the task of a connection finds behind hyper's turn.
pub(crate) enum Look {
    /// hyper has to let go.
    Takeover,
    /// The exchange under way, if there is one.
    Exchange(Option<Arc<Inner>>),
}

/// Why a connection leaves hyper's hands.
pub(crate) enum Takeover {
    /// For the application's own HTTP/1.1.
    Hijack,
    /// For another protocol, behind this 101.
    Upgrade(Head),
}
