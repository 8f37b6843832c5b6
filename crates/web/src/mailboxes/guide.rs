//! How far the Microsoft guide has come, for the numbered steps beside the form. Its words, which are
//! Microsoft's and osTicket's, stand in the template.
use crate::State;
use desk::mailboxes::client::Client;
use desk::mailboxes::mailbox::Mailbox;

pub struct Guide {
    /// Where *Microsoft Entra ID* is opened.
    pub portal: String,
    /// What the registration may be called there.
    pub name: String,
    pub address: String,
    done: usize,
}

/// Numbered as in the template.
const STEPS: usize = 8;

impl Guide {
    pub fn of(state: &State, mailbox: &Mailbox, client: &Client, is_authorized: bool) -> Guide {
        // What can be known from here: an id and a secret exist only after the steps that make them.
        let done = match (is_authorized, client.client_id.is_empty(), client.has_secret) {
            (true, ..) => STEPS,
            (false, false, true) => STEPS - 1,
            (false, false, false) => 3,
            (false, true, _) => 0,
        };
        Guide {
            portal: state.preset.portal.clone(),
            name: format!("{} mail", state.site.name),
            address: mailbox.address.clone(),
            done,
        }
    }
    pub fn steps(&self) -> usize {
        STEPS
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
