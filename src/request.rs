//! What hyper's parser leaves to us of a request head: RFC 9112 and RFC 9110 rules whose
//! violation is answered before the application hears of the request.

use http::{HeaderMap, Method, StatusCode, Uri, Version, header, request::Parts, uri::Authority};

use crate::config::{Config, Methods};

/// A request head whose rules have been checked.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The target as it came.
    pub uri: Uri,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The fields as they came; of Host only what the target leaves to it.
    pub headers: HeaderMap,
}

impl Request {
    /// Takes a head after [`check`] let it pass. An absolute target replaces Host (RFC 9112
    /// section 3.2.2).
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            method,
            uri,
            version,
            mut headers,
            ..
        } = parts;
        if let Some(authority) = uri.authority() {
            if let Ok(value) = authority.as_str().parse() {
                headers.insert(header::HOST, value);
            }
        }
        Self {
            method,
            uri,
            version,
            headers,
        }
    }
}

/// Judges a head: the status that refuses it, or nothing.
pub(crate) fn check(parts: &Parts, config: &Config) -> Result<(), StatusCode> {
    check_method(&parts.method, config.methods)?;
    check_size(parts, config)?;
    check_transfer_encoding(&parts.headers)?;
    check_target(&parts.method, &parts.uri)?;
    check_host(parts)
}

fn check_method(method: &Method, methods: Methods) -> Result<(), StatusCode> {
    let known = matches!(
        *method,
        Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
            | Method::OPTIONS
            | Method::TRACE
    );
    let served = known || (methods == Methods::Any && *method != Method::CONNECT);
    if served {
        Ok(())
    } else {
        Err(StatusCode::NOT_IMPLEMENTED)
    }
}

fn check_size(parts: &Parts, config: &Config) -> Result<(), StatusCode> {
    // The length of the target without building its text: paths are the rule.
    let uri = &parts.uri;
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let rest = uri
        .authority()
        .map_or(0, |authority| authority.as_str().len() + 8);
    if path + rest > config.max_uri_bytes {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if path + rest + size_of_fields(&parts.headers) > config.max_header_bytes {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    Ok(())
}

/// How many bytes fields are, as HTTP/1 writes them.
pub(crate) fn size_of_fields(headers: &HeaderMap) -> usize {
    let fields = headers.iter();
    fields
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// Whether the client wants the connection closed behind the response (RFC 9112 section 9.6).
pub(crate) fn asks_for_close(headers: &HeaderMap) -> bool {
    // Looking at some names is cheaper than a hash of one.
    if !headers.keys().any(|name| *name == header::CONNECTION) {
        return false;
    }
    let options = headers.get_all(header::CONNECTION).iter();
    options
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

/// hyper takes whatever ends in "chunked"; the only coding that is decoded here is chunked
/// itself, once (RFC 9112 section 6.1).
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), StatusCode> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(first) = codings.next() else {
        return Ok(());
    };
    if codings.next().is_none() && first.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let all: Vec<Vec<u8>> = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|coding| coding.trim_ascii().to_ascii_lowercase())
        .collect();
    let (last, others) = all
        .split_last()
        .expect("one value has one element at least");
    let token =
        |coding: &[u8]| !coding.is_empty() && coding.iter().all(|byte| byte.is_ascii_graphic());
    let unknown = last == b"chunked"
        && others
            .iter()
            .all(|coding| token(coding) && coding != b"chunked");
    // A coding that could be known elsewhere: 501. One that no server may take: 400.
    Err(if unknown {
        StatusCode::NOT_IMPLEMENTED
    } else {
        StatusCode::BAD_REQUEST
    })
}

/// RFC 9112 section 3.2: origin-form or absolute-form, and `*` for OPTIONS alone.
fn check_target(method: &Method, uri: &Uri) -> Result<(), StatusCode> {
    let valid = match (uri.scheme_str(), uri.authority()) {
        (None, None) if uri.path() == "*" => *method == Method::OPTIONS,
        (None, None) => uri.path().starts_with('/'),
        (Some("http" | "https"), Some(authority)) => is_host(authority),
        _ => false,
    };
    if valid {
        Ok(())
    } else {
        Err(StatusCode::BAD_REQUEST)
    }
}

/// RFC 9112 section 3.2: one Host field, and a valid one; HTTP/1.0 may go without.
fn check_host(parts: &Parts) -> Result<(), StatusCode> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let valid = match (hosts.next(), hosts.next()) {
        (None, _) => parts.version == Version::HTTP_10,
        (Some(host), None) => {
            is_plain_host(host.as_bytes())
                || Authority::try_from(host.as_bytes()).is_ok_and(|authority| is_host(&authority))
        }
        (Some(_), Some(_)) => false,
    };
    if valid {
        Ok(())
    } else {
        Err(StatusCode::BAD_REQUEST)
    }
}

/// Which bytes a plain host is made of.
const IS_PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        byte += 1;
    }
    table
};

/// What nearly all requests name, told without a parser: a host of letters, digits, dots and
/// hyphens, and a port.
fn is_plain_host(host: &[u8]) -> bool {
    let colon = host.iter().rposition(|byte| *byte == b':');
    let (name, port) = match colon {
        Some(colon) => (&host[..colon], &host[colon + 1..]),
        None => (host, &b"80"[..]),
    };
    let number = |port: &[u8]| {
        port.iter()
            .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    !name.is_empty()
        && name.iter().all(|byte| IS_PLAIN[usize::from(*byte)])
        && (1..=5).contains(&port.len())
        && port.iter().all(u8::is_ascii_digit)
        && number(port) <= u32::from(u16::MAX)
}

/// Host and port alone, without user information; RFC 3986 section 3.2.2 for the characters.
fn is_host(authority: &Authority) -> bool {
    let text = authority.as_str();
    if is_plain_host(text.as_bytes()) {
        return true;
    }
    let host = authority.host();
    let characters =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=[]:".contains(&byte);
    let rest = text.strip_prefix(host).unwrap_or("");
    let port = rest.strip_prefix(':').unwrap_or("");
    // `parse` would take a sign.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let valid_port = port.is_empty() || (digits && port.parse::<u16>().is_ok());
    !host.is_empty()
        && !text.contains('@')
        && host.bytes().all(characters)
        && (rest.is_empty() || rest.starts_with(':'))
        && valid_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, target: &str, fields: &[(&str, &str)]) -> Parts {
        let mut builder = http::Request::builder().method(method).uri(target);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn hosts() {
        for (host, valid) in [
            ("example.org", true),
            ("example.org:80", true),
            ("[::1]:9292", true),
            ("", false),
            ("a b", false),
            ("user@host", false),
            ("host:port", false),
            ("host:99999", false),
            ("host:+80", false),
            ("[::1]x", false),
            ("a/b", false),
        ] {
            let parts = parts("GET", "/", &[("host", host)]);
            assert_eq!(check_host(&parts).is_ok(), valid, "{host:?}");
        }
        assert!(check_host(&parts("GET", "/", &[])).is_err());
        assert!(check_host(&parts("GET", "/", &[("host", "a"), ("host", "a")])).is_err());
    }

    #[test]
    fn targets() {
        for (method, target, valid) in [
            ("GET", "/", true),
            ("GET", "*", false),
            ("OPTIONS", "*", true),
            ("GET", "a:443", false),
            ("GET", "http://a/", true),
            ("GET", "ftp://a/", false),
            ("GET", "http://u@a/", false),
        ] {
            let parts = parts(method, target, &[]);
            assert_eq!(
                check_target(&parts.method, &parts.uri).is_ok(),
                valid,
                "{method} {target}"
            );
        }
    }

    #[test]
    fn transfer_encodings() {
        for (value, status) in [
            ("chunked", None),
            ("Chunked", None),
            ("gzip, chunked", Some(501)),
            ("chunked, chunked", Some(400)),
            (",chunked", Some(400)),
            ("gzip", Some(400)),
        ] {
            let parts = parts("POST", "/", &[("transfer-encoding", value)]);
            let got = check_transfer_encoding(&parts.headers)
                .err()
                .map(|status| status.as_u16());
            assert_eq!(got, status, "{value:?}");
        }
    }
}
