//! How a thread of the application takes the socket over.

use std::task::{Context, Poll};

use super::{Exchange, inner::Hijack};
use crate::{
    error::{Error, Kind, Result},
    hijack::{self, Hijacked},
};

impl Exchange {
    /// Asks for the socket. The request body must have been read to its end.
    ///
    /// # Errors
    /// There is an answer, or the client has gone.
    pub fn want_hijack(&self) -> Result<()> {
        let mut state = self.inner.state.lock();
        if state.is_answered() {
            return Err(Error::new(Kind::Misuse, "the response was already begun"));
        }
        if let Some(gone) = self.inner.outbox.gone() {
            return Err(gone.to_error());
        }
        let is_first = matches!(state.hijack, Hijack::None);
        if is_first {
            state.hijack = Hijack::Wanted;
        }
        let service = state.service.take();
        drop(state);
        self.inner.outbox.leave_all();
        // A thread that waits for another one costs more than all else of a hijack.
        if is_first && let Some((socket, permit)) = self.inner.carrier.hand_over() {
            self.inner.note_hijack();
            let hijacked = hijack::give_plain(socket, self.connection(), permit);
            self.inner.give_hijacked(hijacked);
        } else if let Some(service) = service {
            self.inner.server.wakeups.wake(service);
        }
        Ok(())
    }

    /// The socket, after [`Exchange::want_hijack`].
    ///
    /// # Errors
    /// The client went before it could be handed over.
    pub fn poll_hijacked(&self, cx: &mut Context<'_>) -> Poll<Result<Hijacked>> {
        let mut state = self.inner.state.lock();
        match std::mem::replace(&mut state.hijack, Hijack::Taken) {
            Hijack::Given(hijacked) => Poll::Ready(*hijacked),
            Hijack::Wanted | Hijack::Waiting(_) => {
                state.hijack = Hijack::Waiting(cx.waker().clone());
                Poll::Pending
            }
            other @ (Hijack::None | Hijack::Taken) => {
                state.hijack = other;
                Poll::Ready(Err(Error::new(
                    Kind::Misuse,
                    "the socket was not asked for",
                )))
            }
        }
    }

    /// Gives up a wait of [`Exchange::poll_hijacked`]. It can be begun again until
    /// [`Exchange::release`].
    pub fn cancel_hijack(&self) {
        let mut state = self.inner.state.lock();
        if matches!(state.hijack, Hijack::Waiting(_)) {
            state.hijack = Hijack::Wanted;
        }
    }
}
