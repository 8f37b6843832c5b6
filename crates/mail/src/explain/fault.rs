//! What an OAuth error answer holds: its number, the provider's own words, and what finds it in the provider's log.

/// An OAuth error answer (RFC 6749 4.1.2.1, 5.2) with Microsoft's additions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    pub error: String,
    pub error_description: Option<String>,
    /// `error_codes`; also found in the description as `AADSTS50011`.
    pub codes: Vec<u32>,
    /// Microsoft's `suberror`, Google's `error_subtype`.
    pub suberror: Option<String>,
    /// How long ago somebody had authorized what ended now, where it is known.
    pub authorized_days_ago: Option<u32>,
}

impl Fault {
    /// The numbers of the answer, those in its description included, in order.
    #[must_use]
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers = self.codes.clone();
        let described = self.error_description.as_deref().unwrap_or("");
        for piece in described.split("AADSTS").skip(1).take(5) {
            let digits: String = piece.chars().take_while(char::is_ascii_digit).take(9).collect();
            if let Ok(number) = digits.parse()
                && !numbers.contains(&number)
            {
                numbers.push(number);
            }
        }
        numbers
    }

    /// The provider's own words without trace ids: one line, at most 500 characters.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let described = self.error_description.as_deref()?;
        let end = ["Trace ID", "Correlation ID", "Timestamp"].iter().filter_map(|m| described.find(m)).min();
        let words = crate::word::one_line(described.get(..end.unwrap_or(described.len()))?);
        (!words.is_empty()).then(|| words.chars().take(500).collect())
    }

    /// What Microsoft's support and the sign-in log need to find the event.
    #[must_use]
    pub fn correlation_id(&self) -> Option<String> {
        let (_, rest) = self.error_description.as_deref()?.split_once("Correlation ID:")?;
        let id: String =
            rest.trim_start().chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
        (id.len() == 36).then_some(id)
    }

    /// When it happened by the provider's clock, as it writes it (`2026-11-24 09:30:00Z`).
    #[must_use]
    pub fn time(&self) -> Option<String> {
        let (_, rest) = self.error_description.as_deref()?.split_once("Timestamp:")?;
        let time: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_digit() || matches!(c, '-' | ':' | ' ' | '.' | 'T' | 'Z'))
            .take(40)
            .collect();
        let time = time.trim_end();
        time.starts_with(|c: char| c.is_ascii_digit()).then(|| time.to_owned())
    }
}
