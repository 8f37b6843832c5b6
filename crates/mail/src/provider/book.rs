//! The presets that there are: the built-in ones, and those of a file laid over them.

use std::sync::LazyLock;

use super::{Family, Preset, file};

/// Presets, in the order in which they are offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    presets: Vec<Preset>,
}

static BUILTIN: LazyLock<(Vec<file::Entry>, Book)> = LazyLock::new(|| {
    let (entries, presets) =
        file::read(include_str!("builtin.toml"), &[]).expect("invariant: a test reads what is built in");
    (entries, Book { presets })
});

impl Book {
    /// What Postern knows by itself.
    #[must_use]
    pub fn builtin() -> &'static Book {
        &BUILTIN.1
    }

    /// The built-in presets with those of a `providers.toml` laid over them: a key that there is already changes what is
    /// named, a new one adds a provider.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, as sentences that name the line.
    pub fn with_file(text: &str) -> Result<Book, String> {
        let (builtin, book) = &*BUILTIN;
        let (entries, presets) = file::read(text, builtin)?;
        let mut all = book.presets.clone();
        for (entry, preset) in entries.iter().zip(presets) {
            match all.iter_mut().find(|known| known.key == entry.key()) {
                Some(known) => *known = preset,
                None => all.push(preset),
            }
        }
        Ok(Book { presets: all })
    }

    /// These alone, as a rehearsal has them.
    #[must_use]
    pub fn of(presets: Vec<Preset>) -> Book {
        Book { presets }
    }

    #[must_use]
    pub fn presets(&self) -> &[Preset] {
        &self.presets
    }

    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.key == key)
    }

    /// Those that the authentication *OAuth2 - Microsoft*, *- Google* or *- Other Provider* offers.
    pub fn of_family(&self, family: Family) -> impl Iterator<Item = &Preset> {
        self.presets.iter().filter(move |preset| preset.family == family && preset.oauth2.is_some())
    }

    /// The first whose server for reading that is.
    #[must_use]
    pub fn of_incoming_host(&self, host: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.is_read_at(host.trim()))
    }

    /// The first whose server for submission that is.
    #[must_use]
    pub fn of_smtp_host(&self, host: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.is_sent_at(host.trim()))
    }

    /// The one that keeps the mailboxes of that address's domain.
    #[must_use]
    pub fn of_address(&self, address: &str) -> Option<&Preset> {
        let (_, domain) = address.trim().rsplit_once('@')?;
        self.presets
            .iter()
            .find(|preset| preset.domains.iter().any(|known| known.eq_ignore_ascii_case(domain)))
    }

    /// What to know before a password is entered for that address at that server. The server says whose it is; only where
    /// none is known yet, the address does.
    #[must_use]
    pub fn password_warning(&self, address: &str, host: &str) -> Option<&str> {
        let found = if host.trim().is_empty() {
            self.of_address(address)
        } else {
            self.of_incoming_host(host).or_else(|| self.of_smtp_host(host))
        };
        found.and_then(|preset| preset.password_warning.as_deref())
    }

    /// Whether the two servers are one provider's.
    #[must_use]
    pub fn is_pair(&self, incoming: &str, outgoing: &str) -> bool {
        self.presets.iter().any(|preset| preset.is_read_at(incoming) && preset.is_sent_at(outgoing))
    }
}
