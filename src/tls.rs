//! TLS at a listener (rustls): its certificates, which can be reloaded, and the handshake.

mod certificates;
pub mod development;
mod stream;

use std::{io, sync::Arc};

use parking_lot::Mutex;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
    server::{
        NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    version::{TLS12, TLS13},
};
use tokio_rustls::TlsAcceptor;

use self::certificates::Certificates;
pub(crate) use self::stream::{Encrypted, Wire};
use crate::{
    config::{ClientCertificates, Config, Tls, TlsVersion},
    error::{Error, Kind, Result},
};

/// What all TLS listeners of a server share, made before its runtime.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    provider: Arc<CryptoProvider>,
    /// Keys of session tickets (RFC 8446 section 4.6.1), which rotate by themselves.
    tickets: Arc<dyn ProducesTickets>,
    oldest: TlsVersion,
    /// The names of the protocols that are offered (RFC 7301), best first.
    protocols: Vec<Vec<u8>>,
}

impl Shared {
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let tickets = ring::Ticketer::new().map_err(|error| {
            let message = format!(
                "keys of TLS session tickets cannot be made: {error}; see why the system gives no \
                 random numbers"
            );
            Error::new(Kind::Bind, message)
        })?;
        Ok(Self {
            provider: Arc::new(ring::default_provider()),
            tickets,
            oldest: config.tls_min_version,
            protocols: config
                .alpn
                .iter()
                .map(|name| name.clone().into_bytes())
                .collect(),
        })
    }
}

/// One listener's TLS.
#[derive(Debug)]
pub(crate) struct Acceptor {
    settings: Tls,
    shared: Shared,
    current: Mutex<Arc<ServerConfig>>,
}

impl Acceptor {
    /// Reads the certificates.
    ///
    /// # Errors
    /// A file cannot be read or used; the message says which, and what to do.
    pub(crate) fn new(settings: Tls, shared: Shared) -> Result<Self> {
        let current = Mutex::new(Arc::new(load(&settings, &shared)?));
        Ok(Self {
            settings,
            shared,
            current,
        })
    }

    /// Reads the certificates again, for the connections that are accepted from now on.
    ///
    /// # Errors
    /// As [`Acceptor::new`]; then those in force stay.
    pub(crate) fn reload(&self) -> Result<()> {
        let config = Arc::new(load(&self.settings, &self.shared)?);
        *self.current.lock() = config;
        Ok(())
    }

    /// The handshake.
    ///
    /// # Errors
    /// The client does not speak TLS, or nothing that both sides know, or has no certificate
    /// where it needs one.
    pub(crate) async fn accept(&self, wire: Wire) -> std::result::Result<Encrypted, Failed> {
        let wire = Arc::new(wire);
        let acceptor = TlsAcceptor::from(self.current.lock().clone());
        let handshake = acceptor.accept(stream::Handle::new(wire.clone()));
        match handshake.into_fallible().await {
            Ok(session) => {
                let asks = !matches!(self.settings.clients, ClientCertificates::Ignored);
                Ok(Encrypted::new(wire, session, asks))
            }
            Err((error, handle)) => {
                drop(handle);
                let wire = Arc::into_inner(wire).filter(|_| is_told(&error));
                Err(Failed { error, wire })
            }
        }
    }
}

/// A handshake that has failed.
pub(crate) struct Failed {
    pub(crate) error: io::Error,
    /// The connection, where the client was sent an alert that says why.
    pub(crate) wire: Option<Wire>,
}

/// Whether rustls has sent an alert: not where the client has, nor where the connection broke.
fn is_told(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    !matches!(error, None | Some(rustls::Error::AlertReceived(_)))
}

fn load(settings: &Tls, shared: &Shared) -> Result<ServerConfig> {
    let versions: &[_] = match shared.oldest {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let certificates = Certificates::load(&settings.identities, &shared.provider)?;
    let builder = ServerConfig::builder_with_provider(shared.provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| unusable("the TLS versions cannot be used", &error))?;
    let builder = match client_verifier(settings, shared)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols.clone_from(&shared.protocols);
    // Stateless tickets alone: a connection that is gone leaves nothing behind.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if matches!(settings.clients, ClientCertificates::Ignored) {
        config.ticketer = shared.tickets.clone();
    } else {
        // A ticket carries the client's certificate, and resumption judges it no more: neither by
        // this listener's authorities nor by those of a reload.
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// Who judges the certificates of clients; `None`: nobody asks for them.
fn client_verifier(settings: &Tls, shared: &Shared) -> Result<Option<Arc<dyn ClientCertVerifier>>> {
    let (authorities, required) = match &settings.clients {
        ClientCertificates::Ignored => return Ok(None),
        ClientCertificates::Optional(path) => (path, false),
        ClientCertificates::Required(path) => (path, true),
    };
    let failed = |error: &dyn std::fmt::Display| {
        let what = format!(
            "the certificate authorities of {} cannot be used",
            authorities.display()
        );
        unusable(&what, error)
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authorities).map_err(|error| failed(&error))? {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() {
        return Err(failed(&"there is none in this file"));
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), shared.provider.clone());
    let builder = if required {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder.build().map(Some).map_err(|error| failed(&error))
}

fn unusable(what: &str, error: &dyn std::fmt::Display) -> Error {
    let message = format!("{what}: {error}; give files in PEM that belong together");
    Error::new(Kind::Bind, message)
}
