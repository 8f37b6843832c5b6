//! What makes two deliveries of one letter the same letter.

use sha2::{Digest, Sha256};

use crate::header;

/// Fields that transport adds or rewrites, so that a second delivery of the same letter has others.
const TRACE: &[&str] = &[
    "received",
    "x-received",
    "return-path",
    "delivered-to",
    "x-delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-envelope-from",
    "delivery-date",
    "authentication-results",
    "x-authentication-results",
    "received-spf",
    "x-gm-message-state",
    "x-google-smtp-source",
    "x-google-dkim-signature",
    "x-forefront-antispam-report",
    "x-eopattributedmessage",
    "x-eoptenantattributedmessage",
    "x-ms-publictraffictype",
    "x-ms-traffictypediagnostic",
    "x-ms-office365-filtering-correlation-id",
    "x-virus-scanned",
    "x-virus-status",
    "x-sieve",
    "x-uid",
    "x-uidl",
    "x-keywords",
    "x-imapbase",
    "x-mozilla-status",
    "x-mozilla-status2",
    "x-mozilla-keys",
    "x-getmail-retrieved-from-mailbox",
    "x-evolution-source",
    "status",
    "x-status",
    "content-length",
    "lines",
];

/// Families of such fields: ARC seals, spam filters, Exchange's and other transports' stamps.
const TRACE_FAMILIES: &[&str] = &[
    "arc-",
    "x-arc-",
    "x-spam-",
    "x-rspamd-",
    "x-ms-exchange-",
    "x-microsoft-antispam",
    "x-exchange-antispam",
    "x-gmail-",
    "x-ham-report",
    "x-amavis-",
    "x-dovecot-",
];

fn is_trace(name: &str) -> bool {
    TRACE.contains(&name) || TRACE_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The hash over the fields that stay (in their order, unfolded) and the body, line ends as LF.
pub(crate) fn of(data: &[u8]) -> [u8; 32] {
    let block = header::block(data, 0, &|_| false);
    let mut hash = Sha256::new();
    for field in &block.fields {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        if is_trace(&name) {
            continue;
        }
        hash.update(name.as_bytes());
        hash.update(b":");
        // Transports fold anew: blanks count as one.
        for piece in field.value.split(u8::is_ascii_whitespace).filter(|p| !p.is_empty()) {
            hash.update(b" ");
            hash.update(piece);
        }
        hash.update(b"\n");
    }
    hash.update(b"\n");
    let body = data.get(block.body_at..).unwrap_or_default().trim_ascii_end();
    // Up to each CR that ends a line, and on behind it: hashing short pieces costs more than hashing long ones.
    let mut begin = 0;
    for at in memchr::memchr_iter(b'\r', body).filter(|at| body.get(at + 1) == Some(&b'\n')) {
        hash.update(body.get(begin..at).unwrap_or_default());
        begin = at + 1;
    }
    hash.update(body.get(begin..).unwrap_or_default());
    hash.update(b"\n");
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys are kept for ever, so what is hashed may never change: the body line by line, each without its CR.
    #[test]
    fn the_body_is_hashed_by_its_lines_whatever_they_end_with() {
        let bodies: [&[u8]; 8] = [
            b"",
            b"one",
            b"one\ntwo\n\n",
            b"one\r\ntwo\r\n",
            b"one\r\r\ntwo\rthree\n\r\n\r\nfour",
            b"\r\n\r\none\r",
            b"\n\r\n one \r\n",
            b"one\n\rtwo\n",
        ];
        for body in bodies {
            let mut hash = Sha256::new();
            hash.update(b"subject: a\n\n");
            for line in body.trim_ascii_end().split(|b| *b == b'\n') {
                hash.update(line.strip_suffix(b"\r").unwrap_or(line));
                hash.update(b"\n");
            }
            let expected: [u8; 32] = hash.finalize().into();
            let message = [b"Subject: a\r\nReceived: b\r\n\r\n", body].concat();
            assert_eq!(of(&message), expected, "{:?}", String::from_utf8_lossy(body));
        }
    }
}
