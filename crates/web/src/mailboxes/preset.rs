//! What the pages fill in when a provider is chosen: its servers and endpoints.
use desk::mailboxes::choice;
use desk::mailboxes::client::offer;
use desk::mailboxes::mailbox::{Mailbox, Protocol, Submission};
use mail::provider::{self, Book, Family};
use std::sync::Arc;

/// The providers that the pages offer.
#[derive(Clone, Debug)]
pub struct Presets {
    book: Arc<Book>,
}

/// One of the OAuth2 words under *Authentication*, with the servers that choosing it fills in.
#[derive(Clone, Debug)]
pub struct Offer {
    pub word: &'static str,
    pub label: &'static str,
    pub imap: Place,
    pub smtp: Place,
}

/// What is known of a registration's provider.
#[derive(Clone, Debug)]
pub struct Preset {
    pub label: String,
    pub portal: String,
    /// As its own pages call it; empty where that is not known.
    pub portal_name: String,
    pub imap: Place,
    /// Unknown where the provider has none.
    pub pop: Place,
    pub smtp: Place,
    /// Unknown where the provider has no Microsoft Graph.
    pub graph: Place,
    /// With `{tenant}` where the tenant belongs.
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub asks_for_tenant: bool,
    pub needs_secret: bool,
    pub needs_public_name: bool,
    pub warnings: Vec<String>,
}

impl Preset {
    fn of(preset: &provider::Preset) -> Preset {
        let oauth2 = preset.oauth2.as_ref();
        let endpoint = |of: fn(&provider::OAuth2) -> &String| {
            let endpoint = oauth2.map(|oauth2| (of(oauth2), oauth2.tenant.as_deref()));
            endpoint.map(|(endpoint, tenant)| match tenant {
                Some(tenant) => endpoint.replace("{tenant}", tenant),
                None => endpoint.clone(),
            })
        };
        Preset {
            label: preset.label.clone(),
            portal: oauth2.and_then(|oauth2| oauth2.portal.clone()).unwrap_or_default(),
            portal_name: oauth2.and_then(|oauth2| oauth2.portal_name.clone()).unwrap_or_default(),
            imap: Place::of(&preset.imap),
            pop: preset.pop.as_ref().map_or_else(Place::default, Place::of),
            smtp: Place::of(&preset.smtp),
            graph: preset.graph.as_ref().map_or_else(Place::default, Place::of),
            authorization_endpoint: endpoint(|oauth2| &oauth2.authorization_endpoint).unwrap_or_default(),
            token_endpoint: endpoint(|oauth2| &oauth2.token_endpoint).unwrap_or_default(),
            asks_for_tenant: preset.asks_for_tenant(),
            needs_secret: offer::needs_secret(Some(preset)),
            needs_public_name: oauth2.is_some_and(|oauth2| oauth2.callback_needs_public_name),
            warnings: preset.warnings.clone(),
        }
    }
    /// Where mail is read by that protocol.
    pub fn of_protocol(&self, protocol: Protocol) -> &Place {
        match protocol {
            Protocol::Imap => &self.imap,
            Protocol::Pop3 => &self.pop,
            Protocol::Graph => &self.graph,
        }
    }
    /// Where mail is sent by that protocol.
    pub fn of_submission(&self, submission: Submission) -> &Place {
        match submission {
            Submission::Smtp => &self.smtp,
            Submission::Graph => &self.graph,
        }
    }
    /// Of a provider that nothing is known of: it gives a secret, as nearly all do.
    fn nothing() -> Preset {
        Preset {
            label: String::new(),
            portal: String::new(),
            portal_name: String::new(),
            imap: Place::default(),
            pop: Place::default(),
            smtp: Place::default(),
            graph: Place::default(),
            authorization_endpoint: String::new(),
            token_endpoint: String::new(),
            asks_for_tenant: false,
            needs_secret: true,
            needs_public_name: false,
            warnings: Vec::new(),
        }
    }
}

/// Empty where no server is known.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub host: String,
    pub port: u16,
    pub security: &'static str,
}

pub const FAMILIES: [Family; 3] = [Family::Microsoft, Family::Google, Family::Other];

/// As the lists name the authentication.
pub fn label(family: Family) -> &'static str {
    match family {
        Family::Microsoft => "OAuth2 - Microsoft",
        Family::Google => "OAuth2 - Google",
        Family::Other => "OAuth2 - Other Provider",
    }
}

impl Presets {
    pub fn new(book: Arc<Book>) -> Presets {
        Presets { book }
    }
    /// For the list *Authentication* of a mailbox.
    pub fn offers(&self, mailbox: &Mailbox) -> Vec<Offer> {
        let offer = |family: &Family| {
            let preset = self.for_mailbox(*family, mailbox);
            Offer { word: family.word(), label: label(*family), imap: preset.imap, smtp: preset.smtp }
        };
        FAMILIES.iter().map(offer).collect()
    }
    /// What choosing that authentication fills in.
    pub fn for_mailbox(&self, family: Family, mailbox: &Mailbox) -> Preset {
        choice::preset_for(&self.book, family, mailbox).map_or_else(Preset::nothing, Preset::of)
    }
    /// Of a registration.
    pub fn of(&self, provider: &str) -> Preset {
        self.book.find(provider).map_or_else(Preset::nothing, Preset::of)
    }
    pub fn oauth2(&self, provider: &str) -> Option<&provider::OAuth2> {
        self.book.find(provider).and_then(|preset| preset.oauth2.as_ref())
    }
    pub fn family(&self, provider: &str) -> Family {
        choice::family_of(&self.book, provider)
    }
    /// What to know before a password is entered for that address at that server.
    pub fn password_warning(&self, address: &str, host: &str) -> Option<String> {
        self.book.password_warning(address, host).map(str::to_owned)
    }
    /// Key and label of the providers to choose from.
    pub fn choices(&self, family: Family) -> Vec<(String, String)> {
        let known = self.book.of_family(family).map(|preset| (preset.key.clone(), preset.label.clone()));
        let typed = (family == Family::Other)
            .then(|| (desk::mailboxes::client::OTHER.to_owned(), "— another one —".to_owned()));
        typed.into_iter().chain(known).collect()
    }
}

impl Place {
    fn of(server: &provider::Server) -> Place {
        let security = match server.security {
            provider::Security::Tls => "tls",
            provider::Security::Starttls => "starttls",
            provider::Security::Plain => "plain",
        };
        Place { host: server.host.clone(), port: server.port, security }
    }
    pub fn is_known(&self) -> bool {
        !self.host.is_empty()
    }
}
