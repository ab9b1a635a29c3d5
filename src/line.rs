//! A line of those that wait for their turn: first come, first served.

use std::{
    collections::VecDeque,
    task::{Context, Waker},
};

/// A line. Who stands in it knows its place by a ticket.
#[derive(Debug, Default)]
pub(crate) struct Line {
    places: VecDeque<Place>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Place {
    ticket: u64,
    waker: Option<Waker>,
}

impl Line {
    /// Whether nobody stands in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Takes the last place.
    pub(crate) fn enter(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let waker = None;
        self.places.push_back(Place { ticket, waker });
        ticket
    }

    /// Whether it is the turn of the one with `ticket`.
    pub(crate) fn is_first(&self, ticket: u64) -> bool {
        let first = self.places.front();
        first.is_some_and(|first| first.ticket == ticket)
    }

    /// Has the one with `ticket` be woken by what concerns it.
    pub(crate) fn set_waker(&mut self, ticket: u64, cx: &Context<'_>) {
        let mut places = self.places.iter_mut();
        if let Some(place) = places.find(|place| place.ticket == ticket) {
            place.waker = Some(cx.waker().clone());
        }
    }

    /// Gives the place up that belongs to `ticket`. Returns whom to wake then.
    pub(crate) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        self.places.retain(|place| place.ticket != ticket);
        self.wake_first()
    }

    /// The waker of the first one, where it waits.
    pub(crate) fn wake_first(&mut self) -> Option<Waker> {
        self.places.front_mut().and_then(|first| first.waker.take())
    }

    /// Sends all away. Returns whom to wake.
    pub(crate) fn disband(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let places = std::mem::take(&mut self.places);
        places.into_iter().filter_map(|place| place.waker)
    }
}
