//! What a failed TLS handshake means, in words: which fault, and what a person does about it.

use rustls::{AlertDescription, CertificateError, Error};

/// The sentence for a fault that a person must mend; `None` when it is only a broken link.
pub(crate) fn explain(error: &Error, host: &str) -> Option<String> {
    match error {
        Error::InvalidCertificate(certificate) => Some(explain_certificate(certificate, host)),
        Error::InvalidMessage(_) => Some(
            "the server does not speak TLS on this port: choose STARTTLS, or the port for TLS (993 for IMAP, 465 for \
             SMTP)"
                .to_owned(),
        ),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            Some("the server offers no TLS 1.2 or newer, which is needed: update it".to_owned())
        }
        _ => None,
    }
}

fn explain_certificate(error: &CertificateError, host: &str) -> String {
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired{}: it must be renewed on that server", day(not_after.as_secs()))
        }
        CertificateError::Expired => "its certificate expired: it must be renewed on that server".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: check the clock of this machine".to_owned()
        }
        CertificateError::NotValidForName => {
            format!("its certificate is not for the name {host}: enter the name that the certificate carries")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> = presented.iter().take(8).map(|name| plain_name(name)).collect();
            format!(
                "its certificate is for {} and not for {host}: enter a name that the certificate carries",
                if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") }
            )
        }
        CertificateError::UnknownIssuer => "its certificate comes from an authority that is not known here: for a \
             private mail server, put the authority's certificate into the file that tls.extra_ca names"
            .to_owned(),
        CertificateError::BadSignature => "its certificate names an authority that is known here but is not signed by \
             it: the file that tls.extra_ca names may hold an older certificate of that authority"
            .to_owned(),
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority itself (self-signed): give the server a certificate of its own, \
             issued by an authority that tls.extra_ca names"
                .to_owned()
        }
        other => format!("its certificate was refused ({other})"),
    }
}

/// rustls gives `DnsName("a.example")`; people read `a.example`.
fn plain_name(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}

fn day(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map(|at| format!(" on {}", at.strftime("%Y-%m-%d"))).unwrap_or_default()
}
