//! `Penstock::DevelopmentCertificate.prepare`; the rest of that module is in
//! `lib/penstock/development_certificate.rb`.

use magnus::{Error, Module, Object, RModule, Ruby, method};
use penstock::{config::Identity, tls::development};

use crate::{error, gvl};

/// `prepare(certificate, key)`: sees to it that there are these files; false: another process is at
/// it, and nothing was done.
fn prepare(ruby: &Ruby, _module: RModule, certificate: String, key: String) -> Result<bool, Error> {
    let files = Identity {
        certificate: certificate.into(),
        key: key.into(),
    };
    gvl::blocking(ruby, || development::prepare(&files))?
        .map_err(|error| error::to_ruby(ruby, &error))
}

pub(crate) fn init(penstock: RModule) -> Result<(), Error> {
    let module = penstock.define_module("DevelopmentCertificate")?;
    module.define_singleton_method("prepare", method!(prepare, 2))
}
