//! DMARC (RFC 7489): what other servers are to do with a letter that neither SPF nor DKIM speaks for, and when one of
//! them speaks for the address that people see.

use super::{tag, tags};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    None,
    Quarantine,
    Reject,
}

impl Policy {
    fn read(text: &str) -> Option<Policy> {
        match text.to_ascii_lowercase().as_str() {
            "none" => Some(Policy::None),
            "quarantine" => Some(Policy::Quarantine),
            "reject" => Some(Policy::Reject),
            _ => None,
        }
    }
}

/// Which domains are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// One and the same name.
    Strict,
    /// Names under one registered domain.
    Relaxed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub policy: Policy,
    /// For names below the domain that publishes it.
    pub below: Policy,
    pub spf: Alignment,
    pub dkim: Alignment,
    /// Somebody is told what others saw.
    pub has_reports: bool,
}

/// The name of the TXT record.
#[must_use]
pub fn name(domain: &str) -> String {
    format!("_dmarc.{domain}")
}

/// The records among a name's TXT records; with several none counts (§6.6.3). One without a policy that is known is
/// read as `none` where it asks for reports, and else is no record.
#[must_use]
pub fn records(texts: &[String]) -> Vec<Record> {
    texts.iter().filter_map(|text| record(text)).collect()
}

fn record(text: &str) -> Option<Record> {
    let tags = tags(text);
    let (first, version) = tags.first()?;
    if first != "v" || version != "DMARC1" {
        return None;
    }
    let has_reports = tag(&tags, "rua").is_some_and(|to| !to.is_empty());
    let policy = tag(&tags, "p").and_then(Policy::read).or(has_reports.then_some(Policy::None))?;
    let alignment = |name| match tag(&tags, name) {
        Some(value) if value.eq_ignore_ascii_case("s") => Alignment::Strict,
        _ => Alignment::Relaxed,
    };
    Some(Record {
        policy,
        below: tag(&tags, "sp").and_then(Policy::read).unwrap_or(policy),
        spf: alignment("aspf"),
        dkim: alignment("adkim"),
        has_reports,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_and_what_is_none_is_not() {
        let read = |text: &str| records(&[text.to_owned()]).pop();
        let whole = read("v=DMARC1; p=quarantine; sp=reject; adkim=s; rua=mailto:d@b.example").unwrap();
        assert_eq!(
            whole,
            Record {
                policy: Policy::Quarantine,
                below: Policy::Reject,
                spf: Alignment::Relaxed,
                dkim: Alignment::Strict,
                has_reports: true
            }
        );
        assert_eq!(read("v=DMARC1;p=none").map(|record| record.below), Some(Policy::None));
        assert_eq!(read("v=DMARC1; p=odd; rua=mailto:x").map(|record| record.policy), Some(Policy::None));
        for none in ["v=DMARC1; p=odd", "p=none; v=DMARC1", "v=spf1 -all", ""] {
            assert_eq!(read(none), None, "{none}");
        }
        assert_eq!(name("b.example"), "_dmarc.b.example");
    }
}
