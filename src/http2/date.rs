//! The Date field, made once a second.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;

thread_local! {
    static LATEST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
}

/// The value of a Date field (RFC 9110 section 6.6.1); `None`: the clock is before its time.
pub(super) fn now() -> Option<HeaderValue> {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    LATEST.with_borrow_mut(|latest| match latest {
        Some((then, value)) if *then == second => Some(value.clone()),
        _ => {
            let value = HeaderValue::try_from(httpdate::fmt_http_date(now)).ok()?;
            *latest = Some((second, value.clone()));
            Some(value)
        }
    })
}
