//! The practice CA and the servers' certificate for localhost and 127.0.0.1. The CA is kept, so that a
//! restart is trusted; the servers' certificate is new at each start. Not trusted by anyone who was not told.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::store::Store;

const CA_FILE: &str = "practice-ca.pem";
const KEY_FILE: &str = "practice-ca.key";

pub(crate) struct Certificates {
    pub ca_pem: String,
    pub acceptor: tokio_rustls::TlsAcceptor,
}

pub(crate) fn make(store: &Store) -> Result<Certificates> {
    let (ca_pem, ca_key) = authority(store)?;
    // The issuer is described anew with the same name and key, which is all that a signature depends on.
    let issuer = Issuer::new(authority_params()?, ca_key);
    let mut params =
        CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])
            .context("the practice server certificate could not be described")?;
    params.distinguished_name.push(DnType::CommonName, "Postern practice servers");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().context("no key for the practice servers could be made")?;
    let certificate =
        params.signed_by(&key, &issuer).context("the practice server certificate could not be signed")?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .context("TLS of the practice servers could not be set up")?;
    Ok(Certificates { ca_pem, acceptor: Arc::new(config).into() })
}

fn authority(store: &Store) -> Result<(String, KeyPair)> {
    if let (Some(pem), Some(key)) = (store.read(CA_FILE)?, store.read(KEY_FILE)?) {
        let key = KeyPair::from_pem(&String::from_utf8_lossy(&key)).with_context(|| {
            format!("{KEY_FILE} is damaged; remove it and {CA_FILE} to make a new practice CA")
        })?;
        return Ok((String::from_utf8_lossy(&pem).into_owned(), key));
    }
    let key = KeyPair::generate().context("no key for the practice CA could be made")?;
    let pem = authority_params()?.self_signed(&key).context("the practice CA could not be made")?.pem();
    store.write(KEY_FILE, key.serialize_pem().as_bytes())?;
    store.write(CA_FILE, pem.as_bytes())?;
    Ok((pem, key))
}

fn authority_params() -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).context("the practice CA could not be described")?;
    params.distinguished_name.push(DnType::CommonName, "Postern practice CA, trust nowhere else");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}
