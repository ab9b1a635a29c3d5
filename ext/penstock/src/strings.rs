//! Frozen strings of Ruby that are made once: keys of env, and values that are frequent there.

use std::sync::OnceLock;

use http::{HeaderName, header};
use magnus::{RString, Ruby, gc, value::Opaque};

/// Declares the strings: a variant and its text for each.
macro_rules! texts {
    ($($name:ident = $text:literal,)*) => {
        /// One of the strings.
        #[derive(Clone, Copy)]
        pub(crate) enum Text {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        /// Their texts, in the order of the variants.
        const TEXTS: &[&str] = &[$($text),*];
    };
}

texts! {
    Empty = "",
    Slash = "/",
    Star = "*",
    On = "on",
    Https = "https",
    Port80 = "80",
    Port443 = "443",
    Loopback = "127.0.0.1",
    Localhost = "localhost",
    Get = "GET",
    Head = "HEAD",
    Post = "POST",
    Put = "PUT",
    Patch = "PATCH",
    Delete = "DELETE",
    Options = "OPTIONS",
    Trace = "TRACE",
    Http10 = "HTTP/1.0",
    Http11 = "HTTP/1.1",
    Http2 = "HTTP/2",
    RequestMethod = "REQUEST_METHOD",
    PathInfo = "PATH_INFO",
    QueryString = "QUERY_STRING",
    RequestPath = "REQUEST_PATH",
    RequestUri = "REQUEST_URI",
    ServerProtocol = "SERVER_PROTOCOL",
    HttpVersion = "HTTP_VERSION",
    ServerName = "SERVER_NAME",
    ServerPort = "SERVER_PORT",
    RemoteAddr = "REMOTE_ADDR",
    RemotePort = "REMOTE_PORT",
    HttpsKey = "HTTPS",
    UrlScheme = "rack.url_scheme",
    Protocol = "rack.protocol",
    ResponseFinished = "rack.response_finished",
    RackInput = "rack.input",
    Hijack = "rack.hijack",
    EarlyHints = "rack.early_hints",
    QueueTime = "penstock.queue_time",
    ContentLength = "CONTENT_LENGTH",
    Stream = "penstock.stream",
}

impl Text {
    /// The string of a frequent value.
    pub(crate) fn known(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            b"" => Text::Empty,
            b"/" => Text::Slash,
            b"*" => Text::Star,
            b"on" => Text::On,
            b"https" => Text::Https,
            b"80" => Text::Port80,
            b"443" => Text::Port443,
            b"127.0.0.1" => Text::Loopback,
            b"localhost" => Text::Localhost,
            b"GET" => Text::Get,
            b"HEAD" => Text::Head,
            b"POST" => Text::Post,
            b"PUT" => Text::Put,
            b"PATCH" => Text::Patch,
            b"DELETE" => Text::Delete,
            b"OPTIONS" => Text::Options,
            b"TRACE" => Text::Trace,
            b"HTTP/1.0" => Text::Http10,
            b"HTTP/1.1" => Text::Http11,
            _ => return None,
        })
    }

    /// The String of Ruby.
    pub(crate) fn get(self, ruby: &Ruby) -> RString {
        ruby.get_inner(strings().texts[self as usize])
    }
}

struct Strings {
    names: Names,
    texts: Vec<Opaque<RString>>,
}

/// The keys of known names. A `HeaderMap` would hash the whole name.
struct Names {
    places: Vec<Option<(HeaderName, Opaque<RString>)>>,
}

impl Names {
    /// How many places there are: a power of two, and most are free.
    const PLACES: usize = 256;

    fn new(keys: impl Iterator<Item = (HeaderName, Opaque<RString>)>) -> Self {
        let mut places = vec![None; Self::PLACES];
        for (name, key) in keys {
            let mut place = Self::first_place(&name);
            while places[place].is_some() {
                place = (place + 1) % Self::PLACES;
            }
            places[place] = Some((name, key));
        }
        Self { places }
    }

    fn get(&self, name: &HeaderName) -> Option<Opaque<RString>> {
        let mut place = Self::first_place(name);
        while let Some((known, key)) = &self.places[place] {
            if known == name {
                return Some(*key);
            }
            place = (place + 1) % Self::PLACES;
        }
        None
    }

    fn first_place(name: &HeaderName) -> usize {
        let bytes = name.as_str().as_bytes();
        let length = bytes.len();
        let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or(0));
        (at(0) + 5 * at(length / 2) + 17 * at(length.wrapping_sub(1)) + 31 * length) % Self::PLACES
    }
}

static STRINGS: OnceLock<Strings> = OnceLock::new();

fn strings() -> &'static Strings {
    STRINGS.get().expect("made when the extension was loaded")
}

/// Header fields whose keys are made once; of others the key is made for each request.
const KNOWN: [HeaderName; 61] = [
    header::ACCEPT,
    header::ACCEPT_CHARSET,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::ACCEPT_RANGES,
    header::ACCESS_CONTROL_REQUEST_HEADERS,
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::DATE,
    header::DNT,
    header::EXPECT,
    header::FORWARDED,
    header::FROM,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::MAX_FORWARDS,
    header::ORIGIN,
    header::PRAGMA,
    header::RANGE,
    header::REFERER,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_VERSION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::UPGRADE_INSECURE_REQUESTS,
    header::USER_AGENT,
    header::VIA,
    header::WARNING,
    HeaderName::from_static("priority"),
    HeaderName::from_static("sec-ch-ua"),
    HeaderName::from_static("sec-ch-ua-mobile"),
    HeaderName::from_static("sec-ch-ua-platform"),
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-user"),
    HeaderName::from_static("x-csrf-token"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-requested-with"),
];

/// Makes the strings. Called once, when the extension is loaded.
pub(crate) fn init(ruby: &Ruby) {
    STRINGS.get_or_init(|| {
        // Interned, as the literals of Ruby are: a look-up finds the very object.
        let pinned = |text: &str| {
            let string = ruby.str_new(text).to_interned_str();
            gc::register_mark_object(string);
            Opaque::from(string)
        };
        let names = Names::new(
            KNOWN
                .into_iter()
                .map(|name| (name.clone(), pinned(&key_of(&name)))),
        );
        let texts = TEXTS.iter().map(|text| pinned(text)).collect();
        Strings { names, texts }
    });
}

/// The key of env for a header field, where it is one of those that are made once.
pub(crate) fn known_key(ruby: &Ruby, name: &HeaderName) -> Option<RString> {
    strings().names.get(name).map(|key| ruby.get_inner(key))
}

/// The key of env for another header field.
pub(crate) fn unknown_key(ruby: &Ruby, name: &HeaderName) -> RString {
    ruby.str_new(&key_of(name))
}

/// The name of a header field as a key of env (RFC 3875 section 4.1.18).
fn key_of(name: &HeaderName) -> String {
    let upper = name.as_str().to_ascii_uppercase().replace('-', "_");
    match *name {
        header::CONTENT_TYPE | header::CONTENT_LENGTH => upper,
        _ => format!("HTTP_{upper}"),
    }
}
