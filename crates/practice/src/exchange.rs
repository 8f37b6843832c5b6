//! What Exchange keeps about mailboxes beside their letters: who was given access, which applications it
//! knows, which protocols are switched off. Not the commands that change it (powershell).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::people::{self, Kind};

/// How long an old answer may be kept by Exchange's servers after a change of permissions.
const CACHED_MS: i64 = 2 * 3_600_000;

/// An application made known by New-ServicePrincipal. Exchange takes any object id without complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Principal {
    pub app_id: String,
    pub object_id: String,
}

/// What one trustee was given (or lost) on one mailbox. `None` leaves it as it is by the table of people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Right {
    pub mailbox: String,
    /// A person's address, or an application's object id.
    pub trustee: String,
    pub full_access: Option<bool>,
    pub send_as: Option<bool>,
    pub changed_at: i64,
}

/// A role that Exchange gave to an application (RBAC for Applications).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Assignment {
    pub name: String,
    pub app_id: String,
    /// `Application Mail.ReadWrite`
    pub role: String,
    /// The management scope by its name; without one the role holds for every mailbox.
    pub scope: Option<String>,
    pub changed_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Full,
    SendAs,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Exchange {
    pub principals: Vec<Principal>,
    pub rights: Vec<Right>,
    /// By mailbox; what is not there follows the default.
    pub imap: BTreeMap<String, bool>,
    pub pop: BTreeMap<String, bool>,
    pub smtp_auth: BTreeMap<String, bool>,
    /// For the whole tenant; a mailbox of its own mind overrides it.
    pub smtp_auth_disabled: bool,
    pub send_from_alias: bool,
    /// Management scopes by name: the mailboxes in them.
    pub scopes: BTreeMap<String, Vec<String>>,
    pub assignments: Vec<Assignment>,
    /// Of the window of PowerShell: what `$name` stands for.
    pub variables: BTreeMap<String, String>,
}

impl Exchange {
    /// `now_at` is given when Exchange still answers from its cache.
    pub fn allows(&self, trustee: &str, access: Access, mailbox: &str, cached_at: Option<i64>) -> bool {
        let given = self
            .rights
            .iter()
            .filter(|right| right.mailbox == mailbox && right.trustee == trustee)
            .filter(|right| cached_at.is_none_or(|now_at| now_at - right.changed_at >= CACHED_MS))
            .find_map(|right| match access {
                Access::Full => right.full_access,
                Access::SendAs => right.send_as,
            });
        given.unwrap_or_else(|| people::find(trustee).is_some_and(|person| person.opens(mailbox)))
    }

    pub fn give(&mut self, mailbox: &str, trustee: &str, access: Access, yes: bool, now_at: i64) {
        let there = self.rights.iter().position(|right| right.mailbox == mailbox && right.trustee == trustee);
        let mut right = match there {
            Some(at) => self.rights.remove(at),
            None => Right { mailbox: mailbox.to_owned(), trustee: trustee.to_owned(), ..Right::default() },
        };
        match access {
            Access::Full => right.full_access = Some(yes),
            Access::SendAs => right.send_as = Some(yes),
        }
        right.changed_at = now_at;
        self.rights.push(right);
    }

    /// `cached_at` as above.
    pub fn has_role(&self, app_id: &str, role: &str, mailbox: &str, cached_at: Option<i64>) -> bool {
        self.assignments
            .iter()
            .filter(|given| given.app_id.eq_ignore_ascii_case(app_id) && given.role == role)
            .filter(|given| cached_at.is_none_or(|now_at| now_at - given.changed_at >= CACHED_MS))
            .any(|given| match &given.scope {
                None => true,
                Some(name) => self.scopes.get(name).is_some_and(|all| all.iter().any(|one| one == mailbox)),
            })
    }

    pub fn imap_is_on(&self, mailbox: &str) -> bool {
        self.imap.get(mailbox).copied().unwrap_or_else(|| is_on_at_first(mailbox))
    }

    pub fn pop_is_on(&self, mailbox: &str) -> bool {
        self.pop.get(mailbox).copied().unwrap_or_else(|| is_on_at_first(mailbox))
    }

    pub fn smtp_auth_is(&self, mailbox: &str) -> SmtpAuth {
        match self.smtp_auth.get(mailbox) {
            Some(true) => SmtpAuth::On,
            Some(false) => SmtpAuth::OffForMailbox,
            None if self.smtp_auth_disabled && !people::is_personal(mailbox) => SmtpAuth::OffForTenant,
            None => SmtpAuth::On,
        }
    }

    pub fn principal(&self, name: &str) -> Option<&Principal> {
        self.principals.iter().find(|known| {
            known.object_id.eq_ignore_ascii_case(name) || known.app_id.eq_ignore_ascii_case(name)
        })
    }
}

/// Personal mailboxes have IMAP and POP off until their owner switches them on.
fn is_on_at_first(mailbox: &str) -> bool {
    people::find(mailbox).is_none_or(|person| person.kind != Kind::Personal)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmtpAuth {
    On,
    OffForMailbox,
    OffForTenant,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_counts_before_the_table_and_after_the_cache() {
        let (support, billing) = ("support@contoso.example", "billing@contoso.example");
        let mut exchange = Exchange::default();
        assert!(exchange.allows(support, Access::Full, billing, None));
        exchange.give(billing, support, Access::SendAs, false, 0);
        assert!(exchange.allows(support, Access::Full, billing, None));
        assert!(!exchange.allows(support, Access::SendAs, billing, None));
        assert!(exchange.allows(support, Access::SendAs, billing, Some(CACHED_MS - 1)));
        assert!(!exchange.allows(support, Access::SendAs, billing, Some(CACHED_MS)));
        assert!(!exchange.imap_is_on("sam.reed@outlook.example"));
        assert!(!exchange.pop_is_on("sam.reed@outlook.example") && exchange.pop_is_on(support));
        exchange.smtp_auth_disabled = true;
        assert_eq!(exchange.smtp_auth_is(billing), SmtpAuth::OffForTenant);
        exchange.smtp_auth.insert(billing.to_owned(), true);
        assert_eq!(exchange.smtp_auth_is(billing), SmtpAuth::On);
    }
}
