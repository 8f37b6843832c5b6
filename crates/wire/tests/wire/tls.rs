//! TLS against servers on loopback with every kind of wrong certificate, and the outgoing policy at connect.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use wire::net::{Net, Policy};
use wire::{Error, Kind, Security, Server};

pub struct Authority {
    pub pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Authority { pem: certificate.pem().into_bytes(), issuer: Issuer::new(params, key) }
    }

    pub fn acceptor(&self, name: &str, expired: bool) -> tokio_rustls::TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_after = date_time_ymd(2024, 2, 29);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        acceptor(certificate.der().clone(), &key)
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> tokio_rustls::TlsAcceptor {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// Serves one connection: an IMAP greeting and capabilities under TLS.
async fn imap_server(acceptor: Option<tokio_rustls::TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let script = b"* OK ready\r\n* CAPABILITY IMAP4rev1\r\nA1 OK done\r\n";
        match acceptor {
            None => stream.write_all(script).await.unwrap(),
            Some(acceptor) => {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                stream.write_all(script).await.unwrap();
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
            }
        }
    });
    port
}

async fn connect(policy: Policy, acceptor: Option<tokio_rustls::TlsAcceptor>) -> Result<(), Error> {
    let port = imap_server(acceptor).await;
    let server = Server { host: "localhost".into(), port, security: Security::Tls };
    wire::imap::connect(&Net::new(policy).unwrap(), &server).await.map(|_| ())
}

fn trusting(authority: &Authority) -> Policy {
    Policy { extra_ca_pem: Some(authority.pem.clone()), ..Policy::default() }
}

#[tokio::test]
async fn a_private_authority_from_the_configuration_is_trusted() {
    let authority = Authority::new();
    connect(trusting(&authority), Some(authority.acceptor("localhost", false))).await.unwrap();
}

#[tokio::test]
async fn each_certificate_fault_is_named_with_its_remedy_and_is_for_a_person() {
    let authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let self_signed =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let self_signed = acceptor(self_signed.der().clone(), &key);
    for (acceptor, policy, expected) in [
        (authority.acceptor("localhost", true), trusting(&authority), "expired on 2024-02-29"),
        (
            authority.acceptor("mx.example", false),
            trusting(&authority),
            "is for mx.example and not for localhost",
        ),
        (authority.acceptor("localhost", false), Policy::default(), "the file that tls.extra_ca names"),
        (self_signed.clone(), Policy::default(), "the file that tls.extra_ca names"),
        // The same name of authority, another key: rcgen names all alike.
        (self_signed, trusting(&authority), "an older certificate of that authority"),
    ] {
        let error = connect(policy, Some(acceptor)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), Kind::Rejected);
        assert!(error.to_string().starts_with("could not agree on TLS on localhost"), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_on_a_tls_port_is_told_so() {
    let error = connect(Policy::default(), None).await.unwrap_err();
    assert!(error.to_string().contains("does not speak TLS on this port"), "{error}");
}

#[tokio::test]
async fn a_certificate_file_without_certificates_is_refused_at_once() {
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let policy = Policy { extra_ca_pem: Some(pem.into()), ..Policy::default() };
        let error = Net::new(policy).unwrap_err();
        assert!(error.to_string().starts_with("could not read the certificates of tls.extra_ca"), "{error}");
    }
}

#[tokio::test]
async fn a_link_without_tls_goes_to_loopback_only_and_forbidden_addresses_are_never_dialled() {
    let net = Net::new(Policy::default()).unwrap();
    for (host, security, expected) in [
        ("192.168.1.1", Security::Plain, "a link without TLS is only allowed to this machine itself"),
        ("93.184.216.34", Security::Plain, "a link without TLS is only allowed to this machine itself"),
        ("169.254.169.254", Security::Tls, "cloud providers keep machine secrets there"),
        ("[::ffff:169.254.169.254]", Security::StartTls, "cloud providers keep machine secrets there"),
        ("0.0.0.0", Security::Plain, "it is the unspecified network"),
        // The same in other writings, which the system's resolver understands.
        ("2852039166", Security::Tls, "cloud providers keep machine secrets there"),
        ("0xa9fea9fe", Security::Tls, "cloud providers keep machine secrets there"),
        ("3232235777", Security::Plain, "a link without TLS is only allowed to this machine itself"),
    ] {
        let server = Server { host: host.into(), port: 143, security };
        let error = wire::imap::connect(&net, &server).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind(), Kind::Rejected);
    }
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_tried_later() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = Server { host: "127.0.0.1".into(), port, security: Security::Plain };
    let error = wire::smtp::connect(&Net::new(Policy::default()).unwrap(), &server).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Transient { retry_after_ms: None });
    assert!(error.to_string().contains("check hostname, port and firewall"), "{error}");
}
