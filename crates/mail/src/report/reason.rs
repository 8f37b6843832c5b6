//! Status codes and the words beside them → why a letter was not delivered.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// Why, in the classes an agent can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoSuchUser,
    Host,
    MailboxFull,
    TooBig,
    Blocked,
    Spam,
    Suspended,
    Expired,
    Server,
    Unknown,
}

/// Words first, since servers use codes loosely; the order is that of certainty.
const WORDS: &[(Reason, &str)] = &[
    (
        Reason::MailboxFull,
        r"mailbox (is )?full|quota (has been )?exceed|over ?quota|out of storage|insufficient (system )?storage|exceeded (storage|its quota|their quota)|inbox is full|mailbox size limit|user.{0,20}over.{0,10}quota|postfach (ist )?(voll|überfüllt)|not enough (disk )?space|kontingent",
    ),
    (
        Reason::TooBig,
        r"(message|mail|size).{0,30}(too (large|big)|exceeds.{0,30}(limit|size|maximum)|larger than)|size limit|maximum (message|allowed) size|nachricht.{0,20}zu groß|552[ -]5\.3\.4|message size exceeds",
    ),
    (
        Reason::NoSuchUser,
        r"not listed in (public|domino)|no such (user|recipient|mailbox|address|person|account)|user (is )?(unknown|not found|doesn'?t exist|does not exist)|unknown (user|recipient|mailbox|address|local)|(recipient|mailbox|account|address|email address).{0,40}(does ?n[o']t exist|not found|unknown|unavailable or|invalid|couldn'?t be found|could not be found|wasn'?t found)|recipientnotfound|resolver\.adr|no mailbox (here )?by that name|invalid recipient|not a valid (user|recipient|mailbox)|this user doesn'?t have|adressat unbekannt|empfänger.{0,20}(unbekannt|nicht gefunden)|address not found|mailbox unavailable|does not have an account|n'existe pas|no existe|nicht existier",
    ),
    (
        Reason::Suspended,
        r"(account|mailbox|user|recipient).{0,40}(disabled|suspended|inactive|deactivated|locked|closed|blocked due|expired|not active)|konto.{0,20}(deaktiviert|gesperrt)",
    ),
    (
        Reason::Host,
        r"(host|domain)( name)?.{0,30}(not found|unknown|does not exist|lookup failure|couldn'?t be found)|no such (host|domain)|nxdomain|unrouteable|unroutable|name service error|domain of sender.{0,20}not exist|dns (error|lookup|domain)|couldn'?t find any host|bad destination (mailbox|system)|no mx|unknown host|name or service not known",
    ),
    (
        Reason::Spam,
        r"\bspam\b|spamhaus.{0,60}content|unsolicited|content (rejected|filter|is considered)|considered (as )?(spam|junk)|high probability of spam|virus|malware|message (looks like|contains)",
    ),
    (
        Reason::Blocked,
        r"block ?list|black ?list|blocked|denied|rejected (by|due to) policy|policy (reason|violation|rejection)|not authori[sz]ed|access denied|spf|dmarc|dkim|reputation|\brbl\b|not permitted|permission to send|restricted|relay(ing)? (access )?(denied|not)|unauthenticated|gesperrt|banned",
    ),
    (
        Reason::Expired,
        r"(retry|delivery|queue|message) ?(time ?-?out|time.{0,20}(exceeded|expired|too long))|expired|too long in the queue|giving up|could not be delivered (for|within)|retry time|maximum (hop|queue)|unable to deliver.{0,40}for \d|zustellung.{0,30}abgebrochen",
    ),
    (
        Reason::Server,
        r"connection (timed out|refused|reset|lost|dropped)|no route to host|network (is )?unreachable|too many (hops|connections)|loop|temporar|try again later|greylist|graylist|service (unavailable|not available)|system (error|not accepting)|internal error|local (configuration )?error|command timeout|lost connection|4\d\d \d",
    ),
];

static WORD_SET: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(WORDS.iter().map(|(_, p)| format!("(?i){p}"))).expect("invariant: the patterns compile")
});

static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:[^\d.]|\.?$|\.\s)")
        .expect("invariant: the pattern compiles")
});
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\d.])([245]\d\d)(?:[ \-:#,]|$)").expect("invariant: the pattern compiles")
});

/// The first enhanced status code of a text (RFC 3463).
pub(crate) fn status(text: &str) -> Option<String> {
    STATUS.captures(text).and_then(|c| c.get(1)).map(|m| m.as_str().to_owned())
}

/// The first SMTP reply code of a text.
pub(crate) fn smtp_code(text: &str) -> Option<u16> {
    CODE.captures(text).and_then(|c| c.get(1)).and_then(|m| m.as_str().parse().ok())
}

/// Why, by status and words.
pub(crate) fn of(status: Option<&str>, words: &str) -> Reason {
    let by_status = status.and_then(of_status);
    // These codes say one thing everywhere; others are used for anything.
    if let Some((reason, true)) = by_status {
        return reason;
    }
    WORD_SET
        .matches(words)
        .iter()
        .next()
        .and_then(|index| WORDS.get(index))
        .map(|(reason, _)| *reason)
        .or(by_status.map(|(reason, _)| reason))
        .unwrap_or(Reason::Unknown)
}

/// The reason a status names, and whether that is sure.
fn of_status(status: &str) -> Option<(Reason, bool)> {
    let (_, rest) = status.split_once('.')?;
    Some(match rest {
        "1.1" | "1.10" => (Reason::NoSuchUser, true),
        "1.0" | "1.3" | "1.4" | "1.6" | "0.350" => (Reason::NoSuchUser, false),
        "1.2" | "4.4" | "1.9" => (Reason::Host, true),
        "2.1" => (Reason::Suspended, false),
        "2.2" => (Reason::MailboxFull, true),
        "2.3" | "3.4" => (Reason::TooBig, true),
        "4.7" => (Reason::Expired, true),
        "4.1" | "4.2" | "4.3" | "4.6" | "3.0" | "3.1" | "3.2" | "3.5" | "4.0" | "4.5" => {
            (Reason::Server, false)
        }
        "7.0" | "7.1" | "7.23" | "7.26" | "7.25" | "7.133" | "7.606" | "7.27" | "7.57" | "7.60" => {
            (Reason::Blocked, false)
        }
        other if other.starts_with("7.") => (Reason::Blocked, false),
        other if other.starts_with("5.") => (Reason::Server, false),
        other if other.starts_with("6.") => (Reason::Server, false),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_from_what_servers_say() {
        let check = |status_text: Option<&str>, words: &str, expected: Reason| {
            assert_eq!(of(status_text, words), expected, "{status_text:?} {words}");
        };
        check(Some("5.1.1"), "550 5.1.1 <x@y>: Recipient address rejected: User unknown", Reason::NoSuchUser);
        check(Some("5.4.1"), "550 5.4.1 Recipient address rejected: Access denied.", Reason::Blocked);
        check(Some("5.2.2"), "552 5.2.2 Over quota", Reason::MailboxFull);
        check(Some("5.0.0"), "550 The email account that you tried to reach is disabled", Reason::Suspended);
        check(Some("5.7.1"), "550 5.7.1 Message rejected as spam", Reason::Spam);
        check(
            Some("5.7.1"),
            "554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using zen.spamhaus.org",
            Reason::Blocked,
        );
        check(Some("4.4.7"), "", Reason::Expired);
        check(None, "Host or domain name not found. Name service error for name=x type=A", Reason::Host);
        check(None, "connect to mx[1.2.3.4]:25: Connection timed out", Reason::Server);
        check(None, "", Reason::Unknown);
    }

    #[test]
    fn codes_are_found_in_prose() {
        assert_eq!(status("550 5.1.1 unknown"), Some("5.1.1".into()));
        assert_eq!(status("smtp; 550-5.7.26 This"), Some("5.7.26".into()));
        assert_eq!(status("from 10.5.1.1 now"), None);
        assert_eq!(smtp_code("550-5.7.26 This"), Some(550));
        assert_eq!(smtp_code("host 1.2.3.550 said"), None);
        assert_eq!(smtp_code("said: 554 no"), Some(554));
    }
}
