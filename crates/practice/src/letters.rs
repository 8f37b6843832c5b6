//! The letters that lie in the practice mailboxes at the first start, each a file named by what is special
//! about it. Their dates are counted back from the start. Not letters written later (compose).

use crate::clock::moment;
use crate::mailboxes::{INBOX, Mailboxes};

const HOUR_MS: i64 = 3_600_000;
/// Stands in each file where its Date header goes.
const MARK: &str = "X-Practice-Hours-Ago: ";

macro_rules! letters {
    ($($to:literal $name:literal)*) => {
        /// Recipient and bytes, oldest first.
        const LETTERS: &[(&str, &[u8])] = &[ $( ($to, include_bytes!(concat!("../letters/", $name, ".eml"))), )* ];
    };
}

letters! {
    "support@contoso.example" "a-plain-question"
    "support@contoso.example" "a-newsletter"
    "support@contoso.example" "an-inline-picture-and-umlauts"
    "support@contoso.example" "a-pdf-and-a-photo"
    "support@contoso.example" "a-reply-chain"
    "billing@contoso.example" "to-billing"
    "support@contoso.example" "japanese-in-its-own-charset"
    "support@contoso.example" "an-automatic-answer"
    "support@contoso.example" "a-bounce"
    "support@contoso.example" "html-from-webmail"
}

pub(crate) fn deliver_the_first(mailboxes: &Mailboxes, now_at: i64) {
    for (to, raw) in LETTERS {
        let (raw, at) = dated(raw, now_at);
        mailboxes.deliver(to, INBOX, &raw, at, &[]);
    }
}

/// Puts the Date header in place of the mark.
fn dated(raw: &[u8], now_at: i64) -> (Vec<u8>, i64) {
    let Some(start) = raw.windows(MARK.len()).position(|window| window == MARK.as_bytes()) else {
        return (raw.to_vec(), now_at);
    };
    let (before, rest) = raw.split_at(start);
    let end = rest.iter().position(|byte| *byte == b'\r').unwrap_or(rest.len());
    let (mark, after) = rest.split_at(end);
    let hours = std::str::from_utf8(mark.get(MARK.len()..).unwrap_or_default())
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let at = now_at - hours.unwrap_or(0_i64) * HOUR_MS;
    let date = format!("Date: {}", moment(at).strftime("%a, %d %b %Y %H:%M:%S +0000"));
    ([before, date.as_bytes(), after].concat(), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_a_date_and_a_message_id_and_lines_end_in_crlf() {
        for (to, raw) in LETTERS {
            let (raw, at) = dated(raw, 1_790_000_000_000);
            let message = mail_parser::MessageParser::default().parse(&raw).unwrap();
            assert_eq!(message.date().unwrap().to_timestamp(), at / 1000, "{to}");
            assert!(message.message_id().is_some() && message.subject().is_some());
            assert!(at < 1_790_000_000_000);
            assert!(!raw.split(|byte| *byte == b'\n').rev().skip(1).any(|line| line.last() != Some(&b'\r')));
        }
    }
}
