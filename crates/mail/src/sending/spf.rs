//! SPF (RFC 7208): which servers may send for a domain.

const VERSION: &str = "v=spf1";

/// One record's terms, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    terms: Vec<String>,
}

/// The SPF records among a name's TXT records. More than one is an error, and then none counts (§4.5).
#[must_use]
pub fn records(texts: &[String]) -> Vec<Record> {
    let is_one = |text: &&String| {
        let (version, rest) = text.trim().split_at_checked(VERSION.len()).unwrap_or_default();
        version.eq_ignore_ascii_case(VERSION) && (rest.is_empty() || rest.starts_with(' '))
    };
    let record =
        |text: &String| Record { terms: text.split_whitespace().skip(1).map(str::to_owned).collect() };
    texts.iter().filter(is_one).map(record).collect()
}

impl Record {
    /// A record that lets the provider send, and nobody else.
    #[must_use]
    pub fn of_provider(include: &str) -> Record {
        Record { terms: vec![format!("include:{include}"), "-all".to_owned()] }
    }

    /// Names whose records are read too: of `include` and `redirect`.
    #[must_use]
    pub fn others(&self) -> Vec<String> {
        self.terms.iter().filter_map(|term| other(term)).collect()
    }

    /// As it is published.
    #[must_use]
    pub fn text(&self) -> String {
        [&[VERSION.to_owned()], self.terms.as_slice()].concat().join(" ")
    }

    /// The same, and what it includes may send too: before the term that decides about all others.
    #[must_use]
    pub fn with(&self, include: &str) -> Record {
        let decides = |term: &String| is_all(term) || term.to_ascii_lowercase().starts_with("redirect=");
        let at = self.terms.iter().position(decides).unwrap_or(self.terms.len());
        let mut terms = self.terms.clone();
        terms.insert(at, format!("include:{include}"));
        Record { terms }
    }

    /// What several records meant, in one: all that may send, then the strictest word about the others.
    #[must_use]
    pub fn merged(records: &[Record]) -> Record {
        let all = |record: &Record| record.terms.iter().find(|term| is_all(term)).cloned();
        let last = records.iter().filter_map(all).min_by_key(|term| match term.chars().next() {
            Some('-') => 0,
            Some('~') => 1,
            Some('?') => 2,
            _ => 3,
        });
        let mut terms: Vec<String> = Vec::new();
        for term in records.iter().flat_map(|record| &record.terms) {
            if !is_all(term) && !terms.contains(term) {
                terms.push(term.clone());
            }
        }
        terms.push(last.unwrap_or_else(|| "~all".to_owned()));
        Record { terms }
    }

    /// It says that anybody may send: `+all`, or `all` alone.
    #[must_use]
    pub fn lets_anybody(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.to_ascii_lowercase().as_str(), "all" | "+all"))
    }
}

fn is_all(term: &str) -> bool {
    term.trim_start_matches(['+', '-', '~', '?']).eq_ignore_ascii_case("all")
}

fn other(term: &str) -> Option<String> {
    let term = term.trim_start_matches(['+', '-', '~', '?']).to_ascii_lowercase();
    let name = term.strip_prefix("include:").or_else(|| term.strip_prefix("redirect="))?;
    // A macro (§7) names another host with each letter.
    (!name.contains('%')).then(|| name.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Record {
        let found = records(&[text.to_owned()]);
        assert_eq!(found.len(), 1, "{text}");
        found.into_iter().next().unwrap()
    }

    #[test]
    fn only_records_of_this_version_are_ones() {
        let texts =
            ["v=spf1", "V=SPF1 -all", "v=spf10 -all", "v=spf2.0/pra", "google-site-verification=x", ""];
        assert_eq!(records(&texts.map(str::to_owned)).len(), 2);
    }

    #[test]
    fn what_is_read_besides_is_named() {
        let record =
            one("v=spf1 ip4:192.0.2.0/24 ?Include:_spf.Google.com. include:%{d}.x redirect=_spf.b.example");
        assert_eq!(record.others(), ["_spf.google.com", "_spf.b.example"]);
    }

    #[test]
    fn a_provider_is_added_where_it_still_counts() {
        for (before, after) in [
            ("v=spf1 mx -all", "v=spf1 mx include:p.example -all"),
            ("v=spf1 mx", "v=spf1 mx include:p.example"),
            ("v=spf1 redirect=x.example", "v=spf1 include:p.example redirect=x.example"),
            ("v=spf1  ~ALL", "v=spf1 include:p.example ~ALL"),
        ] {
            assert_eq!(one(before).with("p.example").text(), after);
        }
        assert_eq!(Record::of_provider("p.example").text(), "v=spf1 include:p.example -all");
    }

    #[test]
    fn two_records_become_one_that_lets_the_same_ones_send() {
        let both = [one("v=spf1 mx include:a.example ~all"), one("v=spf1 include:b.example mx -all")];
        assert_eq!(Record::merged(&both).text(), "v=spf1 mx include:a.example include:b.example -all");
        assert!(one("v=spf1 +all").lets_anybody() && !one("v=spf1 -all").lets_anybody());
    }
}
