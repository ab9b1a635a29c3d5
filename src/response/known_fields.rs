//! Header fields of responses that were checked before. An application sends the same few names,
//! and mostly the same values, with each response: they are checked once, and remembered as long as
//! the process lives. So they cost no allocation, and no count that threads share. What is
//! remembered is bounded, and nothing of it is ever replaced: what finds no room is checked each time.

use http::{HeaderName, HeaderValue};
use parking_lot::{Mutex, MutexGuard};

use super::Rejected;

/// How many names there are places for, a power of two.
const PLACES: usize = 128;

/// At how many places a name is looked for.
const PROBES: usize = 4;

/// How many values of a name are remembered.
const VALUES: usize = 4;

/// Longer names and values are not remembered.
const LONGEST: usize = 128;

static KNOWN: Mutex<KnownFields> = Mutex::new(KnownFields::new());

/// Names, each with some of its values.
pub(super) struct KnownFields {
    places: [Option<KnownName>; PLACES],
}

/// A name as the application writes it, and what it is.
pub(super) struct KnownName {
    given: &'static [u8],
    name: HeaderName,
    values: [Option<HeaderValue>; VALUES],
    /// The last value that was not remembered: it will be when it comes twice running.
    candidate: Vec<u8>,
    /// Whether its values are remembered.
    is_constant: bool,
}

/// The names of which values are remembered: most responses of an application have the same few. Others
/// may be secrets, or new each time.
const CONSTANT: [&str; 22] = [
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-type",
    "permissions-policy",
    "referrer-policy",
    "server",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-download-options",
    "x-frame-options",
    "x-permitted-cross-domain-policies",
    "x-xss-protection",
];

/// What was remembered so far. No other lock may be taken while this one is held.
pub(super) fn lock() -> MutexGuard<'static, KnownFields> {
    KNOWN.lock()
}

impl KnownFields {
    const fn new() -> Self {
        Self {
            places: [const { None }; PLACES],
        }
    }

    /// The name that `given` spells, and where its values are remembered.
    ///
    /// # Errors
    /// It is no token.
    pub(super) fn name(
        &mut self,
        given: &[u8],
    ) -> Result<(HeaderName, Option<&mut KnownName>), Rejected> {
        let first = place(given);
        for probe in 0..PROBES {
            let place = (first + probe) % PLACES;
            match &self.places[place] {
                Some(known) if known.given == given => {
                    let name = known.name.clone();
                    return Ok((name, self.places[place].as_mut()));
                }
                Some(_) => {}
                None => {
                    let name = HeaderName::from_bytes(given).map_err(|_| Rejected::Name)?;
                    if given.len() <= LONGEST {
                        self.places[place] = Some(KnownName::new(given, &name));
                    }
                    return Ok((name, self.places[place].as_mut()));
                }
            }
        }
        let name = HeaderName::from_bytes(given).map_err(|_| Rejected::Name)?;
        Ok((name, None))
    }
}

impl KnownName {
    fn new(given: &[u8], name: &HeaderName) -> Self {
        let text: &'static str = String::from(name.as_str()).leak();
        let is_constant = CONSTANT.contains(&name.as_str());
        Self {
            given: Vec::from(given).leak(),
            name: HeaderName::from_static(text),
            values: [const { None }; VALUES],
            candidate: Vec::new(),
            is_constant,
        }
    }

    /// The value that `given` is.
    ///
    /// # Errors
    /// It holds a control character.
    pub(super) fn value(&mut self, given: &[u8]) -> Result<HeaderValue, Rejected> {
        let known = self.values.iter().flatten();
        if let Some(known) = known.into_iter().find(|known| known.as_bytes() == given) {
            return Ok(known.clone());
        }
        let value = value(given)?;
        if self.is_constant && given.len() <= LONGEST {
            self.consider(given);
        }
        Ok(value)
    }

    /// Remembers a value that comes twice running, where there is room.
    fn consider(&mut self, given: &[u8]) {
        let Some(room) = self.values.iter_mut().find(|place| place.is_none()) else {
            return;
        };
        if self.candidate != given {
            self.candidate.clear();
            self.candidate.extend_from_slice(given);
            return;
        }
        self.candidate = Vec::new();
        // Values of bytes beyond ASCII, which are rare, are checked each time.
        if let Ok(text) = std::str::from_utf8(given)
            && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        {
            *room = Some(HeaderValue::from_static(String::from(text).leak()));
        }
    }
}

/// A value that is not remembered.
///
/// # Errors
/// It holds a control character.
pub(super) fn value(given: &[u8]) -> Result<HeaderValue, Rejected> {
    HeaderValue::from_bytes(given).map_err(|_| Rejected::Value)
}

/// Where a name is looked for first.
fn place(given: &[u8]) -> usize {
    let at = |index: usize| usize::from(given.get(index).copied().unwrap_or(0));
    let length = given.len();
    (at(0) + 5 * at(length / 2) + 17 * at(length.wrapping_sub(1)) + 31 * length) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(known: &mut KnownFields, name: &str, value: &str) -> HeaderValue {
        let (_, place) = known.name(name.as_bytes()).unwrap();
        place.unwrap().value(value.as_bytes()).unwrap()
    }

    fn values<'a>(known: &'a mut KnownFields, name: &str) -> Vec<&'a str> {
        let (_, place) = known.name(name.as_bytes()).unwrap();
        let values = place.unwrap().values.iter().flatten();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn remembers_names_as_they_are_written() {
        let mut known = KnownFields::new();
        for _ in 0..2 {
            for given in ["Content-Type", "content-type", "X-Own", "x-own"] {
                let (name, place) = known.name(given.as_bytes()).unwrap();
                assert_eq!(name.as_str(), given.to_lowercase());
                assert_eq!(place.unwrap().given, given.as_bytes());
            }
        }
        assert_eq!(known.places.iter().flatten().count(), 4);
    }

    #[test]
    fn remembers_values_that_come_twice_running_up_to_a_number() {
        let mut known = KnownFields::new();
        for value in ["a", "b", "a", "b"] {
            assert_eq!(add(&mut known, "vary", value), value);
        }
        assert!(values(&mut known, "vary").is_empty());
        for value in ["a", "b", "c", "d", "e"] {
            for _ in 0..3 {
                assert_eq!(add(&mut known, "vary", value), value);
            }
        }
        assert_eq!(values(&mut known, "vary"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn remembers_no_secret_and_nothing_long() {
        let mut known = KnownFields::new();
        let long = "l".repeat(LONGEST + 1);
        for _ in 0..3 {
            add(&mut known, "set-cookie", "a=b");
            add(&mut known, "x-token", "a");
            assert_eq!(add(&mut known, "vary", &long), long);
        }
        for name in ["set-cookie", "x-token", "vary"] {
            assert!(values(&mut known, name).is_empty());
        }
        for _ in 0..2 {
            assert_eq!(known.name(long.as_bytes()).unwrap().0, long.as_str());
        }
        assert_eq!(known.places.iter().flatten().count(), 3);
    }

    #[test]
    fn remembers_a_bounded_number_of_names() {
        let mut known = KnownFields::new();
        for number in 0..1000 {
            let given = format!("x-{number}");
            assert_eq!(known.name(given.as_bytes()).unwrap().0, given.as_str());
        }
        assert!(known.places.iter().all(Option::is_some));
        let (name, place) = known.name(b"x-another").unwrap();
        assert!(name == "x-another" && place.is_none());
    }

    #[test]
    fn refuses_what_cannot_be_sent_each_time() {
        let mut known = KnownFields::new();
        for _ in 0..3 {
            assert_eq!(known.name(b"a b").err(), Some(Rejected::Name));
            assert_eq!(known.name(b"").err(), Some(Rejected::Name));
            let (_, place) = known.name(b"x").unwrap();
            assert_eq!(place.unwrap().value(b"a\nb"), Err(Rejected::Value));
        }
        assert_eq!(known.places.iter().flatten().count(), 1);
    }

    #[test]
    fn takes_bytes_beyond_ascii_each_time() {
        let mut known = KnownFields::new();
        for _ in 0..3 {
            let value = add(&mut known, "server", "caf\u{e9}");
            assert_eq!(value, "caf\u{e9}".as_bytes());
        }
        let (_, place) = known.name(b"server").unwrap();
        assert!(place.unwrap().values.iter().all(Option::is_none));
    }
}
