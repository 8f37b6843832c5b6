//! How far the provider's guide has come, for the numbered steps beside the form. Its words, which are the provider's
//! own, stand in the templates.
use crate::State;
use desk::mailboxes::client::Client;
use desk::mailboxes::mailbox::Mailbox;
use mail::provider::Family;

pub struct Guide {
    pub family: Family,
    /// Where an app is registered; empty where it is not known.
    pub portal: String,
    /// What the provider is called.
    pub provider: String,
    /// What the registration may be called there.
    pub name: String,
    pub address: String,
    done: usize,
}

/// Those that are behind when there is a client id, and the last one, as the family's template numbers them.
fn steps(family: Family) -> (usize, usize) {
    match family {
        Family::Microsoft => (3, 8),
        Family::Google => (6, 8),
        Family::Other => (1, 4),
    }
}

impl Guide {
    pub fn of(state: &State, mailbox: &Mailbox, client: &Client, is_authorized: bool) -> Guide {
        let preset = state.presets.of(&client.provider);
        let family = state.presets.family(&client.provider);
        // What can be known from here: an id and a secret exist only after the steps that make them.
        let has_secret = client.has_secret || !preset.needs_secret;
        let (with_id, last) = steps(family);
        let done = match (is_authorized, client.client_id.is_empty(), has_secret) {
            (true, ..) => last,
            (false, false, true) => last - 1,
            (false, false, false) => with_id,
            (false, true, _) => 0,
        };
        Guide {
            family,
            provider: if preset.label.is_empty() { "the provider".to_owned() } else { preset.label },
            portal: preset.portal,
            name: format!("{} mail", state.site.name),
            address: mailbox.address.clone(),
            done,
        }
    }
    pub fn steps(&self) -> usize {
        steps(self.family).1
    }
    pub fn done(&self) -> usize {
        self.done
    }
    /// `done` for a step that is behind.
    pub fn class(&self, step: usize) -> &'static str {
        if step <= self.done { "done" } else { "" }
    }
    /// `aria-current` of the step that comes next.
    pub fn current(&self, step: usize) -> &'static str {
        if step == self.done + 1 { "step" } else { "false" }
    }
}
