//! A certificate for who develops with TLS: self-signed, for the names of this machine alone, in
//! files that the next start uses again.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::certificates;
use crate::{
    config::Identity,
    error::{Error, Kind, Result},
};

/// The hosts that the certificate is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before it was made it begins: clocks differ, and virtual machines sleep.
const BEFORE: Duration = DAY;

/// How long it is good for from then on: browsers take less than 398 days in all.
const AFTER: Duration = DAY.saturating_mul(365);

/// One that ends sooner than this is replaced: a server runs for some time.
const REST: Duration = DAY.saturating_mul(7);

/// Sees to it that `files` hold a certificate for localhost, 127.0.0.1 and ::1 with its key. What
/// is there stays, unless it ends within a week, cannot be read or used, does not belong
/// together, or has a key that others may read. Missing folders are made, for this user alone;
/// so is the key (mode 0600). False: another process is at it, and nothing was done.
///
/// # Errors
/// The files cannot be written; the message says what to do.
pub fn prepare(files: &Identity) -> Result<bool> {
    prepare_at(files, UnixTime::now())
}

fn prepare_at(files: &Identity, now: UnixTime) -> Result<bool> {
    let folder = files.certificate.parent().unwrap_or(Path::new("."));
    let failed = |error| {
        let message = format!(
            "the certificate for localhost cannot be kept in {} (have a folder there that you may \
             write to, or name another place by XDG_CACHE_HOME)",
            folder.display()
        );
        Error::with_source(Kind::Bind, message, error)
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    let lock = lock(&files.certificate.with_extension("lock")).map_err(failed)?;
    if lock.is_none() {
        return Ok(false);
    }
    // Whoever comes second finds what the first one has made.
    if is_good(files, now) {
        return Ok(true);
    }
    let (certificate, key) = make(now)?;
    replace(&files.key, &key, 0o600).map_err(failed)?;
    replace(&files.certificate, &certificate, 0o644).map_err(failed)?;
    Ok(true)
}

/// `None`: somebody else has it. Whoever waits for it does so where the wait can be interrupted.
fn lock(path: &Path) -> io::Result<Option<Flock<File>>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

/// Whether a client that trusts this very certificate can use it, now and for some time.
fn is_good(files: &Identity, now: UnixTime) -> bool {
    let secret = fs::metadata(&files.key).is_ok_and(|key| key.permissions().mode() & 0o077 == 0);
    let provider = ring::default_provider();
    secret
        && certificates::read(files, &provider).is_ok_and(|pair| {
            let later = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + REST);
            let certificate = &pair.cert[0];
            [now, later]
                .iter()
                .all(|time| is_valid(certificate, *time, &provider))
        })
}

fn is_valid(certificate: &CertificateDer<'_>, time: UnixTime, provider: &CryptoProvider) -> bool {
    let judge = || -> std::result::Result<(), webpki::Error> {
        let anchors = [anchor_from_trusted_cert(certificate)?];
        let subject = EndEntityCert::try_from(certificate)?;
        let algorithms = provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        subject.verify_for_usage(algorithms, &anchors, &[], time, usage, None, None)?;
        NAMES
            .iter()
            .filter_map(|name| ServerName::try_from(*name).ok())
            .try_for_each(|name| subject.verify_is_valid_for_subject_name(&name))
    };
    judge().is_ok()
}

/// A certificate and its key, both in PEM.
fn make(now: UnixTime) -> Result<(String, String)> {
    let failed = |error: rcgen::Error| {
        let message = format!(
            "a certificate for localhost cannot be made: {error}; see why the system gives no \
             random numbers, or name a certificate of your own"
        );
        Error::new(Kind::Bind, message)
    };
    let names = NAMES.map(String::from);
    let mut wanted = CertificateParams::new(names).map_err(failed)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Penstock, for development");
    subject.push(DnType::CommonName, NAMES[0]);
    wanted.distinguished_name = subject;
    wanted.is_ca = IsCa::ExplicitNoCa;
    wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs());
    wanted.not_before = now - BEFORE;
    wanted.not_after = now + AFTER;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = wanted.self_signed(&key).map_err(failed)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Puts a file in place whole, whoever reads it meanwhile.
fn replace(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, thread};

    use super::*;

    /// Files in a folder that is not there yet.
    fn files(folder: &Path) -> Identity {
        Identity {
            certificate: folder.join("cache/penstock/localhost.pem"),
            key: folder.join("cache/penstock/localhost.key"),
        }
    }

    fn contents(files: &Identity) -> [String; 2] {
        [&files.certificate, &files.key].map(|path| fs::read_to_string(path).unwrap())
    }

    /// Whether both files are others after another start at `now`, and good.
    fn is_replaced(files: &Identity, now: UnixTime) -> bool {
        let before = [&files.certificate, &files.key].map(|path| fs::read(path).ok());
        assert!(prepare_at(files, now).unwrap());
        assert!(is_good(files, now));
        let after = [&files.certificate, &files.key].map(|path| fs::read(path).ok());
        let changed = [0, 1].map(|index| before[index] != after[index]);
        assert_eq!(changed[0], changed[1], "one of both was replaced alone");
        changed[0]
    }

    fn in_days(days: u32) -> UnixTime {
        let now = Duration::from_secs(UnixTime::now().as_secs());
        UnixTime::since_unix_epoch(now + DAY * days)
    }

    #[test]
    fn it_is_good_and_its_key_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        assert!(!is_good(&files, UnixTime::now()));
        assert!(prepare(&files).unwrap());
        assert!(is_good(&files, UnixTime::now()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&files.key), 0o600);
        assert_eq!(mode(files.key.parent().unwrap()), 0o700);
    }

    #[test]
    fn it_stays_until_a_week_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        assert!(prepare(&files).unwrap());
        assert!(!is_replaced(&files, UnixTime::now()));
        assert!(!is_replaced(&files, in_days(357)));
        assert!(is_replaced(&files, in_days(359)));
        // The clock was put back by three days: that one begins later.
        assert!(is_replaced(&files, in_days(356)));
    }

    #[test]
    fn what_cannot_be_used_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (files, others) = (files(folder.path()), files(&folder.path().join("others")));
        assert!(prepare(&files).unwrap());
        assert!(prepare(&others).unwrap());
        let breaks: [(&str, &dyn Fn()); 6] = [
            ("no key", &|| fs::remove_file(&files.key).unwrap()),
            ("no PEM", &|| fs::write(&files.certificate, "?").unwrap()),
            ("half a key", &|| {
                fs::write(&files.key, &contents(&files)[1][..90]).unwrap();
            }),
            ("the key of another", &|| {
                fs::write(&files.key, &contents(&others)[1]).unwrap();
            }),
            ("a key for all to read", &|| {
                fs::set_permissions(&files.key, Permissions::from_mode(0o644)).unwrap();
            }),
            ("a link to nowhere", &|| {
                fs::remove_file(&files.certificate).unwrap();
                symlink("nowhere", &files.certificate).unwrap();
            }),
        ];
        for (what, breaks) in breaks {
            breaks();
            assert!(is_replaced(&files, UnixTime::now()), "{what}");
        }
    }

    #[test]
    fn a_certificate_that_is_for_something_else_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        assert!(prepare(&files).unwrap());
        let other = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
        fs::write(&files.certificate, other.cert.pem()).unwrap();
        fs::write(&files.key, other.signing_key.serialize_pem()).unwrap();
        assert!(is_replaced(&files, UnixTime::now()));
    }

    #[test]
    fn who_starts_at_once_ends_up_with_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let seen: Vec<_> = thread::scope(|scope| {
            let one = || {
                while !prepare(&files).unwrap() {
                    thread::yield_now();
                }
                contents(&files)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(seen.iter().all(|contents| *contents == seen[0]));
        let left = fs::read_dir(files.key.parent().unwrap()).unwrap().count();
        assert_eq!(left, 3, "the certificate, the key and the lock");
    }

    #[test]
    fn a_folder_that_cannot_be_had_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cache"), "a file").unwrap();
        let error = prepare(&files(folder.path())).unwrap_err();
        assert!(error.is_bind());
        let text = error.to_string();
        assert!(
            text.contains("/cache/penstock (have a folder there"),
            "{text}"
        );
    }
}
