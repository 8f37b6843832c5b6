//! A server as entered: its name, and whether a secret may go there.
use super::{EnteredServer, Security};
use crate::{Refusal, Result};
use std::net::IpAddr;

/// Lower case, without blanks around; empty stays empty.
pub(super) fn checked_host(host: &str) -> Result<String> {
    let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() || host.parse::<IpAddr>().is_ok() {
        return Ok(host);
    }
    let label = |label: &str| {
        let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fine)
    };
    if host.len() <= 253 && host.split('.').all(label) {
        return Ok(host);
    }
    let why = format!(
        "“{host}” is not the name of a server. Write it alone, as in imap.example.org; the port has its own field."
    );
    Err(Refusal::BadEndpoint { field: "Hostname", why }.into())
}

/// Without encryption only this machine itself.
pub(super) fn check_security(server: &EnteredServer, host: &str) -> Result<()> {
    if server.port == 0 {
        return Err(
            Refusal::BadEndpoint { field: "Port Number", why: "it is between 1 and 65535.".into() }.into()
        );
    }
    match server.security {
        Security::Plain if !host.is_empty() && !is_loopback(host) => {
            Err(Refusal::PlainOnlyLoopback(host.to_owned()).into())
        }
        Security::Tls | Security::StartTls | Security::Plain => Ok(()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether two servers are of one house, so that what was entered for one may go to the other under *Same as Remote
/// Mailbox*: the same name, names beside each other under one domain (imap.example.org, smtp.example.org), or a
/// provider's pair.
pub(super) fn of_one_house(incoming: &str, outgoing: &str) -> bool {
    let pair = mail::provider::Book::builtin().is_pair(incoming, outgoing);
    if pair || incoming == outgoing || (is_loopback(incoming) && is_loopback(outgoing)) {
        return true;
    }
    // A domain that somebody has, or all of .org were one house, and all of duckdns.org (the Public Suffix List).
    let domain = |host: &str| {
        let (_, domain) = host.split_once('.').filter(|_| host.parse::<IpAddr>().is_err())?;
        psl::domain_str(domain).is_some().then(|| domain.to_owned())
    };
    domain(incoming).is_some() && domain(incoming) == domain(outgoing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_to_a_server_of_the_same_house_only() {
        for (incoming, outgoing, same) in [
            ("imap.example.org", "smtp.example.org", true),
            ("mail.example.org", "mail.example.org", true),
            ("outlook.office365.com", "smtp.office365.com", true),
            ("127.0.0.1", "localhost", true),
            ("imap.example.org", "smtp.example.com", false),
            ("imap.example.org", "imap.example.org.evil.net", false),
            ("example.org", "evil.org", false),
            ("imap.example.co.uk", "smtp.example.co.uk", true),
            ("example.co.uk", "evil.co.uk", false),
            ("example.com.au", "evil.com.au", false),
            ("example.asso.fr", "evil.asso.fr", false),
            ("a.duckdns.org", "b.duckdns.org", false),
            ("imap.a.duckdns.org", "smtp.a.duckdns.org", true),
            ("imap.corp.internal", "smtp.corp.internal", true),
            ("mail.internal", "evil.internal", false),
            ("10.0.0.1", "10.0.0.2", false),
            ("127.0.0.1", "10.0.0.1", false),
            ("", "smtp.example.org", false),
        ] {
            assert_eq!(of_one_house(incoming, outgoing), same, "{incoming} {outgoing}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_alone() {
        for (host, checked) in [
            (" IMAP.Example.Org. ", Some("imap.example.org")),
            ("::1", Some("::1")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("", Some("")),
            ("https://imap.example.org", None),
            ("imap.example.org:993", None),
            ("imap.example.org/x", None),
            ("a b", None),
            ("a..b", None),
            ("x\r\ny", None),
        ] {
            assert_eq!(checked_host(host).ok().as_deref(), checked, "{host}");
        }
    }
}
