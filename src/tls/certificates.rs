//! The certificates of a listener, and which of them a client is shown.

use std::sync::Arc;

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use webpki::EndEntityCert;

use super::unusable;
use crate::{config::Identity, error::Result};

/// Certificate chains with their keys, at least one.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<CertifiedKey>,
    others: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    /// Reads them from their files.
    ///
    /// # Errors
    /// There is none, or a file cannot be read or used.
    pub(super) fn load(identities: &[Identity], provider: &CryptoProvider) -> Result<Self> {
        let keys = identities
            .iter()
            .map(|identity| read(identity, provider).map(Arc::new));
        let mut keys = keys.collect::<Result<Vec<_>>>()?.into_iter();
        let first = keys
            .next()
            .ok_or_else(|| unusable("there is no certificate", &"none was given"))?;
        let others = keys.collect();
        Ok(Self { first, others })
    }

    /// The one for the host `name`, else the first.
    fn for_host(&self, name: Option<&str>) -> &Arc<CertifiedKey> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let matching = name.and_then(|name| {
            std::iter::once(&self.first)
                .chain(&self.others)
                .find(|key| covers(key, &name))
        });
        matching.unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.for_host(hello.server_name()).clone())
    }
}

fn covers(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    key.cert
        .first()
        .and_then(|certificate| EndEntityCert::try_from(certificate).ok())
        .is_some_and(|certificate| certificate.verify_is_valid_for_subject_name(name).is_ok())
}

/// Reads a certificate with the chain behind it, and its key.
///
/// # Errors
/// A file cannot be read or used, or they do not belong together.
pub(super) fn read(identity: &Identity, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let Identity { certificate, key } = identity;
    let file = |what: &str, path: &std::path::Path| {
        format!("the {what} {} cannot be used", path.display())
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| unusable(&file("certificate", certificate), &error))?;
    if chain.is_empty() {
        let what = file("certificate", certificate);
        return Err(unusable(&what, &"there is none in this file"));
    }
    let secret = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unusable(&file("private key", key), &error))?;
    // Whether both belong together is judged too.
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| {
        let what = format!(
            "the certificate {} and the private key {} cannot be used",
            certificate.display(),
            key.display()
        );
        unusable(&what, &error)
    })
}
