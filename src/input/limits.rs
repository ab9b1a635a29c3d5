//! What a request body, and what follows it, may be.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

use crate::config::Config;

/// The limits of a body that is read by the application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    max: Option<u64>,
    pub(super) max_trailers: usize,
    pub(super) min_rate: Option<u64>,
    /// Longest silence while the application waits.
    pub(crate) silence: Option<Duration>,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            max: config.max_body_bytes,
            max_trailers: config.max_trailer_bytes,
            min_rate: config.min_body_rate,
            silence: config.body_timeout,
        }
    }

    /// None at all.
    pub(super) fn none() -> Self {
        Self {
            max: None,
            max_trailers: usize::MAX,
            min_rate: None,
            silence: None,
        }
    }

    /// Whether `received` bytes are more than is allowed.
    pub(crate) fn is_exceeded_by(&self, received: u64) -> bool {
        self.max.is_some_and(|max| received > max)
    }
}

/// Trailers of a request as an application may see them. A name with an underscore could pass for
/// the dashed one, as in a head.
pub(super) fn of_request(mut trailers: HeaderMap) -> HeaderMap {
    let is_ambiguous = |name: &&HeaderName| name.as_str().contains('_');
    let ambiguous: Vec<_> = trailers.keys().filter(is_ambiguous).cloned().collect();
    for name in ambiguous {
        trailers.remove(name);
    }
    without_control_fields(trailers)
}

/// Fields that frame, route or authenticate a message have no meaning behind it, and an
/// application must not take them for those of its head (RFC 9110 section 6.5.1).
pub(crate) fn without_control_fields(mut trailers: HeaderMap) -> HeaderMap {
    for name in [
        header::AUTHORIZATION,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::COOKIE,
        header::EXPECT,
        header::HOST,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        trailers.remove(name);
    }
    trailers
}
