//! TLS at the core's listeners, with a client of rustls.

// What both tests of the core share is more than this one needs.
#[allow(dead_code, reason = "shared with server.rs")]
mod support;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use penstock::{
    config::{Bind, ClientCertificates, Identity, Tls},
    response::{Body, Head},
    server::Server,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use support::{Running, answer, begin, config, eventually, get};

/// A self-signed certificate for `host`, in files of `folder`.
fn identity(folder: &Path, host: &str) -> Identity {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([host.into()]).unwrap();
    let identity = Identity {
        certificate: folder.join(format!("{host}.pem")),
        key: folder.join(format!("{host}.key")),
    };
    fs::write(&identity.certificate, cert.pem()).unwrap();
    fs::write(&identity.key, signing_key.serialize_pem()).unwrap();
    identity
}

fn bind(identities: &[Identity]) -> Bind {
    Bind::Tcp {
        host: "127.0.0.1".into(),
        port: 0,
        backlog: 100,
        tls: Some(Tls {
            identities: identities.to_vec(),
            clients: ClientCertificates::Ignored,
        }),
    }
}

/// A client that trusts `identity` alone, and asks for `host`.
fn connect(
    server: &Server,
    identity: &Identity,
    host: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(&identity.certificate).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let address = server.urls()[0].trim_start_matches("https://").to_owned();
    StreamOwned::new(session, TcpStream::connect(address).unwrap())
}

#[test]
fn each_host_has_its_certificate_and_requests_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let identities = ["one.example", "two.example"].map(|host| identity(folder.path(), host));
    let server = Running::at(config(), bind(&identities));
    server.serve(|exchange| {
        assert!(exchange.is_secure());
        answer(&exchange, "secret".into());
        exchange.release();
    });
    for (identity, host) in identities.iter().zip(["one.example", "two.example"]) {
        let mut client = connect(&server.0, identity, host);
        let request = get("/", "connection: close\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        // An end without close_notify would be an error.
        client.read_to_string(&mut response).unwrap();
        assert!(response.ends_with("\r\n\r\nsecret"), "{response}");
    }
}

#[test]
fn a_response_of_many_records_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let identity = identity(folder.path(), "one.example");
    let server = Running::at(config(), bind(std::slice::from_ref(&identity)));
    server.serve(|exchange| {
        let body = Body::Full(vec![b'a'; 3_000_000].into());
        exchange.respond(Head::new(200).unwrap(), body).unwrap();
        exchange.release();
    });
    let mut client = connect(&server.0, &identity, "one.example");
    let request = get("/", "connection: close\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut response = Vec::new();
    client.read_to_end(&mut response).unwrap();
    let head = response.windows(4).position(|four| four == b"\r\n\r\n");
    assert_eq!(response.len() - head.unwrap() - 4, 3_000_000);
}

#[test]
fn a_stream_that_has_rested_goes_on_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let identity = identity(folder.path(), "one.example");
    let server = Running::at(config(), bind(std::slice::from_ref(&identity)));
    let mut client = connect(&server.0, &identity, "one.example");
    let request = get("/", "connection: close\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let exchange = server.take();
    begin(&exchange);
    assert!(exchange.write(b"first").unwrap().is_none());
    eventually(|| (server.0.stats().rested == 1).then_some(()));
    assert!(exchange.write(b"second").unwrap().is_none());
    exchange.outbox().finish();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    let end = "\r\n\r\n5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n";
    assert!(response.ends_with(end), "{response}");
}

#[test]
fn certificates_are_read_again_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = identity(folder.path(), "one.example");
    let server = Running::at(config(), bind(std::slice::from_ref(&first)));
    let shakes_hands = |trusted: &Identity| {
        let mut client = connect(&server.0, trusted, "one.example");
        client.conn.complete_io(&mut client.sock).is_ok()
    };
    assert!(shakes_hands(&first));
    fs::write(&first.certificate, "none").unwrap();
    let error = server.0.reload_certificates().unwrap_err().to_string();
    assert!(
        error.contains(first.certificate.to_str().unwrap()),
        "{error}"
    );
    let again = tempfile::tempdir().unwrap();
    let second = identity(again.path(), "one.example");
    assert!(!shakes_hands(&second));
    fs::copy(&second.certificate, &first.certificate).unwrap();
    fs::copy(&second.key, &first.key).unwrap();
    server.0.reload_certificates().unwrap();
    assert!(shakes_hands(&second));
}
