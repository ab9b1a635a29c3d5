//! The settings of Ruby as the one typed configuration of the core. There is no default here:
//! a setting that is missing is an error.

use std::{io, os::fd::RawFd, path::PathBuf, time::Duration};

use magnus::{Error, RArray, RHash, Ruby, Symbol, TryConvert, Value, prelude::*};
use penstock::{
    config::{
        AccessLogTarget, Bind, ClientCertificates, Config, Http2, Identity, Methods, SlowConsumer,
        Tls, TlsVersion,
    },
    log::Level,
    network::Network,
};

use crate::error::configuration_error;

/// What the extension itself needs of the settings.
pub(crate) struct Options {
    /// Whether the application may send a 103.
    pub(crate) early_hints: bool,
}

/// Reads every setting that the core and the extension need.
///
/// # Errors
/// One is missing or has a value that the table of settings should have refused.
pub(crate) fn read(ruby: &Ruby, settings: RHash) -> Result<(Config, Options), Error> {
    let from = Reader { ruby, settings };
    let config = Config {
        threads: from.get("threads")?,
        tls_handshake_timeout: from.seconds("tls_handshake_timeout")?,
        tls_min_version: match from.name("tls_min_version")?.as_str() {
            "1.2" => TlsVersion::Tls12,
            "1.3" => TlsVersion::Tls13,
            other => return Err(from.refuse("tls_min_version", other)),
        },
        first_byte_timeout: from.seconds("first_byte_timeout")?,
        header_timeout: from.seconds("header_timeout")?,
        body_timeout: from.seconds("body_timeout")?,
        min_body_rate: from.get("min_body_rate")?,
        write_timeout: from.seconds("write_timeout")?,
        min_write_rate: from.get("min_write_rate")?,
        keep_alive_timeout: from.seconds("keep_alive_timeout")?,
        max_requests_per_connection: from.get("max_requests_per_connection")?,
        max_header_bytes: from.get("max_header_bytes")?,
        max_header_fields: from.get("max_header_fields")?,
        max_uri_bytes: from.get("max_uri_bytes")?,
        max_trailer_bytes: from.get("max_trailer_bytes")?,
        max_body_bytes: from.get("max_body_bytes")?,
        body_memory_bytes: from.get("body_memory_bytes")?,
        request_buffering: from.get("request_buffering")?,
        send_buffer_bytes: from.get("send_buffer_bytes")?,
        slow_consumer: slow_consumer(ruby, &from.name("slow_consumer")?)?,
        linger_timeout: from.seconds("linger_timeout")?.unwrap_or_default(),
        linger_total: from.seconds("linger_total")?.unwrap_or_default(),
        trusted_proxies: from.networks("trusted_proxies")?,
        proxy_protocol: from.get("proxy_protocol")?,
        max_connections: from.get("max_connections")?,
        queue_size: from.get("queue_size")?,
        queue_timeout: from.seconds("queue_timeout")?,
        http2: from.http2()?,
        alpn: from.get("alpn")?,
        methods: match from.name("methods")?.as_str() {
            "known" => Methods::Known,
            "any" => Methods::Any,
            other => return Err(from.refuse("methods", other)),
        },
        error_log: from.get::<Option<String>>("error_log")?.map(PathBuf::from),
        access_log: from.access_log()?,
        log_level: match from.name("log_level")?.as_str() {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" => Level::Warn,
            "error" => Level::Error,
            other => return Err(from.refuse("log_level", other)),
        },
        release_memory: crate::memory::RELEASE,
    };
    Ok((
        config,
        Options {
            early_hints: from.get("early_hints")?,
        },
    ))
}

/// The places to listen at: an Array of Hashes with the members of `Penstock::Bind`.
///
/// # Errors
/// A member is missing, or the kind is unknown.
pub(crate) fn read_binds(ruby: &Ruby, binds: RArray) -> Result<Vec<Bind>, Error> {
    binds
        .into_iter()
        .map(|bind| {
            let from = Reader {
                ruby,
                settings: RHash::try_convert(bind)?,
            };
            let backlog = || {
                from.get::<Option<i32>>("backlog")
                    .map(|n| n.unwrap_or(libc::SOMAXCONN))
            };
            Ok(match from.name("kind")?.as_str() {
                kind @ ("tcp" | "ssl") => Bind::Tcp {
                    host: from.get("host")?,
                    port: from.get("port")?,
                    backlog: backlog()?,
                    tls: (kind == "ssl").then(|| from.tls()).transpose()?,
                },
                "unix" => Bind::Unix {
                    path: PathBuf::from(from.get::<String>("path")?),
                    umask: from.get("umask")?,
                    mode: from.get("mode")?,
                    backlog: backlog()?,
                },
                "fd" => {
                    let number = from.get("fd")?;
                    Bind::Fd {
                        fd: crate::fd::duplicate(number)
                            .map_err(|error| refuse_descriptor(ruby, number, &error))?,
                        number,
                    }
                }
                other => return Err(from.refuse("kind", other)),
            })
        })
        .collect()
}

fn refuse_descriptor(ruby: &Ruby, number: RawFd, error: &io::Error) -> Error {
    let advice = match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => "close some, or raise the limit (ulimit -n)",
        _ => "bind to one that this process has inherited",
    };
    let text = format!("descriptor {number} cannot be used: {error}; {advice}");
    configuration_error(ruby, text)
}

/// A policy by its name.
///
/// # Errors
/// There is none of that name.
pub(crate) fn slow_consumer(ruby: &Ruby, name: &str) -> Result<SlowConsumer, Error> {
    match name {
        "block" => Ok(SlowConsumer::Block),
        "raise" => Ok(SlowConsumer::Raise),
        "disconnect" => Ok(SlowConsumer::Disconnect),
        _ => {
            let text = format!("slow_consumer is :block, :raise or :disconnect, not {name}");
            Err(configuration_error(ruby, text))
        }
    }
}

struct Reader<'a> {
    ruby: &'a Ruby,
    settings: RHash,
}

impl Reader<'_> {
    fn get<T: TryConvert>(&self, name: &str) -> Result<T, Error> {
        self.settings.fetch(self.ruby.to_symbol(name))
    }

    fn name(&self, name: &str) -> Result<String, Error> {
        Ok(self.get::<Symbol>(name)?.name()?.into_owned())
    }

    fn seconds(&self, name: &str) -> Result<Option<Duration>, Error> {
        let Some(seconds) = self.get::<Option<f64>>(name)? else {
            return Ok(None);
        };
        Duration::try_from_secs_f64(seconds)
            .map(Some)
            .map_err(|_| self.refuse(name, &seconds.to_string()))
    }

    fn networks(&self, name: &str) -> Result<Vec<Network>, Error> {
        let texts = self.get::<Vec<String>>(name)?;
        texts
            .iter()
            .map(|text| text.parse().map_err(|()| self.refuse(name, text)))
            .collect()
    }

    fn access_log(&self) -> Result<AccessLogTarget, Error> {
        let value: Value = self.get("access_log")?;
        Ok(match () {
            () if !value.to_bool() => AccessLogTarget::Off,
            () if value.is_kind_of(self.ruby.class_true_class()) => AccessLogTarget::Stdout,
            () => AccessLogTarget::File(String::try_convert(value)?.into()),
        })
    }

    fn http2(&self) -> Result<Http2, Error> {
        Ok(Http2 {
            extended_connect: self.get("http2_extended_connect")?,
            // Nobody needs more streams than there are numbers for them.
            max_streams: self
                .get::<u64>("http2_max_streams")?
                .try_into()
                .unwrap_or(u32::MAX),
            stream_window: self.get("http2_stream_window")?,
            connection_window: self.get("http2_connection_window")?,
            ping_interval: self.seconds("http2_ping_interval")?,
            ping_timeout: self.seconds("http2_ping_timeout")?.unwrap_or_default(),
            max_pending_resets: self.get("http2_max_pending_resets")?,
            max_local_resets: self.get("http2_max_local_resets")?,
        })
    }

    /// The certificates of a place that encrypts, and whether clients need one.
    fn tls(&self) -> Result<Tls, Error> {
        let identities = self.get::<Vec<(String, String)>>("certificates")?;
        let identities = identities.into_iter().map(|(certificate, key)| Identity {
            certificate: certificate.into(),
            key: key.into(),
        });
        let authorities = || self.get::<String>("ca").map(PathBuf::from);
        Ok(Tls {
            identities: identities.collect(),
            clients: match self.name("verify")?.as_str() {
                "none" => ClientCertificates::Ignored,
                "optional" => ClientCertificates::Optional(authorities()?),
                "require" => ClientCertificates::Required(authorities()?),
                other => return Err(self.refuse("verify", other)),
            },
        })
    }

    fn refuse(&self, name: &str, value: &str) -> Error {
        configuration_error(self.ruby, format!("{name} cannot be {value}"))
    }
}
