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
    for line in body.split(|b| *b == b'\n') {
        hash.update(line.strip_suffix(b"\r").unwrap_or(line));
        hash.update(b"\n");
    }
    hash.finalize().into()
}
