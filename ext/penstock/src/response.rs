//! The answering half of `Penstock::Stream`: head and body of a response from what the
//! application returned.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
};

use magnus::{
    Error, Fixnum, RArray, RClass, RHash, RString, Ruby, Value, method,
    prelude::*,
    r_hash::ForEach,
    rb_sys::{AsRawId, AsRawValue},
    value::LazyId,
};
use penstock::{
    exchange::Exchange,
    response::{Body, Head},
};

use crate::{error, gvl, receiver::Receiver, server::Context, stream::Stream};

/// A field that is for the server, and never sent.
enum Internal {
    Protocol,
    Hijack,
    Other,
}

static CLOSE: LazyId = LazyId::new("close");

/// Files up to this size are read at once, on the thread that answers, in bytes.
const SMALL_FILE: u64 = 64 * 1024;

impl Stream {
    /// The head of a response, and whether its fields have a `rack.hijack`.
    fn head(&self, ruby: &Ruby, status: u16, headers: RHash) -> Result<(Head, bool), Error> {
        // In a forked child, where a lock of the core may never be free, this ends it.
        let context = self.context(ruby)?;
        let mut head = Head::new(status).map_err(|status| {
            let text = format!("{status} is no status that a response can end with");
            error::penstock_error(ruby, "Error", text)
        })?;
        if status == 101 && self.offered.is_empty() {
            let text = "the application answers 101, and the client has not offered to switch \
                        protocols; look at rack.protocol in env before";
            return Err(error::penstock_error(ruby, "Error", text.into()));
        }
        head.reserve(headers.len());
        let (mut protocol, mut hijacks) = (None, false);
        headers.foreach(|name: Value, value: Value| {
            let name = string(name)?;
            // SAFETY: the slice ends before anything else of Ruby can run.
            let internal = match unsafe { name.as_slice() } {
                [
                    b'r' | b'R',
                    b'a' | b'A',
                    b'c' | b'C',
                    b'k' | b'K',
                    b'.',
                    rest @ ..,
                ] => Some(match rest {
                    rest if rest.eq_ignore_ascii_case(b"protocol") => Internal::Protocol,
                    rest if rest.eq_ignore_ascii_case(b"hijack") => Internal::Hijack,
                    _ => Internal::Other,
                }),
                name if name.eq_ignore_ascii_case(b"status") => Some(Internal::Other),
                _ => None,
            };
            match internal {
                None => append(context, &mut head, name, value)?,
                Some(Internal::Protocol) if !value.is_nil() => protocol = Some(bytes(value)?),
                Some(Internal::Hijack) => hijacks |= value.to_bool(),
                Some(_) => {}
            }
            Ok(ForEach::Continue)
        })?;
        // The SPEC does not say which status accepts (rack#2280): 101 and any 2xx do.
        if let Some(protocol) = protocol
            && (status == 101 || (200..300).contains(&status))
            && self
                .offered
                .iter()
                .any(|offered| offered.eq_ignore_ascii_case(&protocol))
            && head.switch_to(&protocol).is_err()
        {
            context.tell_rejected(b"rack.protocol");
        }
        Ok((head, hijacks))
    }

    fn respond(&self, ruby: &Ruby, head: Head, body: Body) -> Result<(), Error> {
        let exchange = self.exchange(ruby)?;
        exchange
            .respond(head, body)
            .map_err(|error| error::to_ruby(ruby, &error))
    }

    /// Answers with `chunks`, an Array of Strings. Nothing of them is sent behind a HEAD, nor with
    /// a status that has no body (RFC 9110 section 6.4.1).
    fn respond_chunks(&self, ruby: &Ruby, head: Head, chunks: Option<RArray>) -> Result<(), Error> {
        let bodiless = !head.allows_body() || self.exchange(ruby)?.is_head();
        let body = match chunks {
            Some(chunks) if !bodiless => Body::Full(concatenate(ruby, chunks)?.into()),
            _ => Body::Empty,
        };
        self.respond(ruby, head, body)
    }

    /// `answer(status, headers, body)`: all that is left to do for most requests, in one step.
    /// nil, and nothing is done, unless the body is an Array behind a usual status and header
    /// fields without `rack.hijack`, and the connection was not taken over. Else it is answered;
    /// true: and the thread is free, since no callable waits for the end and the Array has no
    /// `close`.
    fn answer(
        ruby: &Ruby,
        rb_self: Receiver<Self>,
        status: Value,
        headers: Value,
        body: Value,
    ) -> Result<Option<bool>, Error> {
        let status = Fixnum::from_value(status).and_then(|status| status.to_u16().ok());
        let (Some(status @ 200..=999), Some(headers), Some(chunks)) =
            (status, RHash::from_value(headers), plain_array(ruby, body))
        else {
            return Ok(None);
        };
        if rb_self.ask(ruby, true, Exchange::is_hijacked)? {
            return Ok(None);
        }
        let (head, hijacks) = rb_self.head(ruby, status, headers)?;
        if hijacks {
            return Ok(None);
        }
        rb_self.respond_chunks(ruby, head, Some(chunks))?;
        rb_self.release_if_idle(ruby).map(Some)
    }

    /// `respond_full(status, headers, chunks)`: an Array of Strings, or nil for no body.
    fn respond_full(
        ruby: &Ruby,
        rb_self: Receiver<Self>,
        status: Value,
        headers: RHash,
        chunks: Option<RArray>,
    ) -> Result<(), Error> {
        let (head, _) = rb_self.head(ruby, status_of(ruby, status)?, headers)?;
        rb_self.respond_chunks(ruby, head, chunks)
    }

    /// `respond_file(status, headers, path)`: false, and nothing is done, when the file cannot
    /// be opened.
    fn respond_file(
        ruby: &Ruby,
        rb_self: &Self,
        status: Value,
        headers: RHash,
        path: RString,
    ) -> Result<bool, Error> {
        let (head, _) = rb_self.head(ruby, status_of(ruby, status)?, headers)?;
        // SAFETY: the bytes are copied before anything of Ruby can run.
        let path = OsStr::from_bytes(unsafe { path.as_slice() }).to_owned();
        let opened = gvl::blocking(ruby, || open_file(&path))?;
        let Ok(body) = opened else { return Ok(false) };
        rb_self.respond(ruby, head, body)?;
        Ok(true)
    }

    /// `respond_stream(status, headers, interactive)`: what is written follows. `interactive`:
    /// a client that ends its side has left.
    fn respond_stream(
        ruby: &Ruby,
        rb_self: Receiver<Self>,
        status: Value,
        headers: RHash,
        interactive: bool,
    ) -> Result<(), Error> {
        let (head, _) = rb_self.head(ruby, status_of(ruby, status)?, headers)?;
        if interactive {
            rb_self.exchange(ruby)?.set_interactive();
        }
        rb_self.respond(ruby, head, Body::Stream)
    }

    fn early_hints(ruby: &Ruby, rb_self: &Self, headers: RHash) -> Result<(), Error> {
        let fields = fields(headers)?;
        let fields = fields.iter().map(|(name, value)| (&name[..], &value[..]));
        rb_self.exchange(ruby)?.early_hints(fields);
        Ok(())
    }

    /// `stream.trailers = headers`: what follows the last byte of the response.
    fn set_trailers(ruby: &Ruby, rb_self: &Self, headers: RHash) -> Result<(), Error> {
        let fields = fields(headers)?;
        let fields = fields.iter().map(|(name, value)| (&name[..], &value[..]));
        rb_self
            .exchange(ruby)?
            .set_trailers(fields)
            .map_err(|error| error::to_ruby(ruby, &error))
    }
}

/// One field for each element of an Array, and for each line of a String (Rack 2).
fn append(context: &Context, head: &mut Head, name: RString, value: Value) -> Result<(), Error> {
    if let Some(values) = RArray::from_value(value) {
        return values
            .into_iter()
            .try_for_each(|value| append(context, head, name, value));
    }
    if value.is_nil() {
        return Ok(());
    }
    let value = string(value)?;
    // SAFETY: the slices are not kept, and no Ruby code runs while they are used.
    let (name, value) = unsafe { (name.as_slice(), value.as_slice()) };
    for line in value.split(|byte| *byte == b'\n') {
        if head.append(name, line).is_err() {
            context.tell_rejected(name);
        }
    }
    Ok(())
}

/// A name and a value.
type Field = (Vec<u8>, Vec<u8>);

/// Names and values: one field for each element of an Array, and for each line of a String (Rack 2).
fn fields(headers: RHash) -> Result<Vec<Field>, Error> {
    let mut fields = Vec::new();
    headers.foreach(|name: Value, value: Value| {
        let name = bytes(name)?;
        let values = match RArray::from_value(value) {
            Some(values) => values
                .into_iter()
                .map(bytes)
                .collect::<Result<Vec<_>, _>>()?,
            None => vec![bytes(value)?],
        };
        for value in &values {
            for line in value.split(|byte| *byte == b'\n') {
                fields.push((name.clone(), line.to_vec()));
            }
        }
        Ok(ForEach::Continue)
    })?;
    Ok(fields)
}

/// A regular file as a body. Others are refused, and not waited for: opening a pipe would block
/// until somebody writes to it.
fn open_file(path: &OsStr) -> std::io::Result<Body> {
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let attributes = file.metadata()?;
    if !attributes.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let length = attributes.len();
    if length > SMALL_FILE {
        return Ok(Body::File { file, length });
    }
    let mut content = Vec::with_capacity(length as usize);
    std::io::Read::read_to_end(&mut &file, &mut content)?;
    Ok(Body::Full(content.into()))
}

/// The String of a value, by `to_s` where it is none.
pub(crate) fn string(value: Value) -> Result<RString, Error> {
    match RString::from_value(value) {
        Some(string) => Ok(string),
        None => value.funcall("to_s", ()),
    }
}

/// The bytes of a value, by `to_s` where it is no String.
pub(crate) fn bytes(value: Value) -> Result<Vec<u8>, Error> {
    let string = string(value)?;
    // SAFETY: the bytes are copied before anything of Ruby can run.
    Ok(unsafe { string.as_slice() }.to_vec())
}

/// The Array that `body` is: one of Ruby's own class, without methods of its own, and without a
/// `close`, which somebody may have given all Arrays.
fn plain_array(ruby: &Ruby, body: Value) -> Option<RArray> {
    let array = RArray::from_value(body)?;
    // SAFETY: an Array is an object on the heap, which is read with the lock held.
    let class = unsafe { (*(array.as_raw() as *const rb_sys::RBasic)).klass };
    let close = LazyId::get_inner_with(&CLOSE, ruby).as_raw();
    // SAFETY: a class is asked with the lock held, which neither calls anything of Ruby nor raises.
    let has_close = || unsafe { rb_sys::rb_method_boundp(class, close, 1) } != 0;
    (class == ruby.class_array().as_raw() && !has_close()).then_some(array)
}

/// The bytes of an Array of Strings.
fn concatenate(ruby: &Ruby, chunks: RArray) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    // By index: an iterator would make a copy of the Array.
    for index in 0..chunks.len() {
        let Some(chunk) = RString::from_value(chunks.entry(index as isize)?) else {
            let text = "an element of the response body is no String";
            return Err(Error::new(ruby.exception_type_error(), text));
        };
        // SAFETY: the bytes are copied before anything of Ruby can run.
        all.extend_from_slice(unsafe { chunk.as_slice() });
    }
    Ok(all)
}

/// A status as applications give it.
fn status_of(ruby: &Ruby, status: Value) -> Result<u16, Error> {
    let number: i64 = match magnus::Integer::from_value(status) {
        Some(number) => number.to_i64()?,
        None => status.funcall("to_i", ())?,
    };
    u16::try_from(number)
        .map_err(|_| error::penstock_error(ruby, "Error", format!("{number} is no status of HTTP")))
}

/// Defines the methods of this half.
pub(crate) fn init(class: RClass) -> Result<(), Error> {
    class.define_method("answer", method!(Stream::answer, 3))?;
    class.define_method("respond_full", method!(Stream::respond_full, 3))?;
    class.define_method("respond_file", method!(Stream::respond_file, 3))?;
    class.define_method("respond_stream", method!(Stream::respond_stream, 3))?;
    class.define_method("early_hints", method!(Stream::early_hints, 1))?;
    class.define_method("trailers=", method!(Stream::set_trailers, 1))
}
