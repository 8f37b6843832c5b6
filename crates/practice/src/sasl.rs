//! AUTHENTICATE XOAUTH2: reads the client's answer, judges the token and who may open which mailbox.
//! Not OAUTHBEARER, which Exchange does not offer either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::exchange::{Access, SmtpAuth};
use crate::faults::Fault;
use crate::openid;
use crate::people::{self, Kind};
use crate::permissions::OUTLOOK;
use crate::tokens;
use crate::world::World;

/// What the token of the Google-shaped provider is for, and its one scope for mail.
pub(crate) const GMAIL: &str = "https://mail.google.com/";
/// What the token of the plain OpenID provider is for, and its scope.
pub(crate) const WALDAU: &str = "mail";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Imap,
    Pop,
    Smtp,
}

impl Protocol {
    /// The permission that a person's token needs, and the one of an application's.
    fn permissions(self) -> (&'static str, &'static str) {
        match self {
            Protocol::Imap => ("IMAP.AccessAsUser.All", "IMAP.AccessAsApp"),
            Protocol::Pop => ("POP.AccessAsUser.All", "POP.AccessAsApp"),
            Protocol::Smtp => ("SMTP.Send", "SMTP.SendAsApp"),
        }
    }
}

/// How a sign-in to a mail server went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// No token, a broken, foreign or expired one, for another resource, or without the permission.
    Refused,
    /// The same in Google's manner: an error as JSON first, which the client has to answer.
    Challenged,
    /// The token is good, but its person may not open the mailbox (or there is none, or the protocol is off).
    NotConnected {
        mailbox: String,
    },
    /// SMTP AUTH is switched off, for this mailbox or for all.
    SwitchedOff {
        mailbox: String,
        for_all: bool,
    },
    Open(Opened),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub mailbox: String,
    /// Who signed in: an address, or an application's object id. Differs from the mailbox where it is shared.
    pub trustee: String,
}

impl SignIn {
    pub fn mailbox(&self) -> Option<&str> {
        match self {
            SignIn::Refused | SignIn::Challenged => None,
            SignIn::NotConnected { mailbox } | SignIn::SwitchedOff { mailbox, .. } => Some(mailbox),
            SignIn::Open(opened) => Some(&opened.mailbox),
        }
    }
}

impl Opened {
    /// Send As: an own mailbox, and what Exchange lets this person or application send as. An alias counts
    /// as its mailbox.
    pub fn may_send_as(&self, world: &World, address: &str) -> bool {
        let mailbox = people::mailbox_of(address);
        mailbox == self.trustee || allows(world, &self.trustee, Access::SendAs, &mailbox)
    }
}

pub(crate) fn allows(world: &World, trustee: &str, access: Access, mailbox: &str) -> bool {
    let cached = world.faults.strike(Fault::PermissionsCached, Some(mailbox));
    let cached_at = cached.then(|| world.clock.now_at());
    world.directory.read(|records| records.exchange.allows(trustee, access, mailbox, cached_at))
}

/// `answer` is the base64 of `user={address}^Aauth=Bearer {token}^A^A`.
pub(crate) fn xoauth2(world: &World, answer: &[u8], protocol: Protocol) -> SignIn {
    let Some((mailbox, token)) = parse(answer) else { return SignIn::Refused };
    let access = world.tokens.open_access(&token, world.clock.now_at());
    let access = access.filter(|access| world.is_alive(access));
    let kind = people::find(&mailbox).map(|person| person.kind);
    match kind {
        Some(Kind::Google) => {
            let for_imap = protocol == Protocol::Imap;
            let scopes: &[&str] = if for_imap { &[GMAIL, openid::IMAP_ADMIN] } else { &[GMAIL] };
            own_mailbox(access, scopes, mailbox, SignIn::Challenged)
        }
        Some(Kind::Waldau) => own_mailbox(access, &[WALDAU], mailbox, SignIn::Refused),
        _ => match access.filter(|access| access.aud == OUTLOOK) {
            Some(access) => at_exchange(world, &access, mailbox, protocol),
            None => SignIn::Refused,
        },
    }
}

/// Outside Exchange a token opens the mailbox of its person and no other.
fn own_mailbox(access: Option<tokens::Access>, scopes: &[&str], mailbox: String, refused: SignIn) -> SignIn {
    let opens = |access: &tokens::Access| {
        // What a token is for is named by its house's scope for mail, which comes first.
        scopes.first().is_some_and(|aud| access.aud == *aud)
            && access.upn == mailbox
            && scopes.iter().any(|scope| access.permits(scope))
    };
    match access.filter(opens) {
        Some(_) => SignIn::Open(Opened { trustee: mailbox.clone(), mailbox }),
        None => refused,
    }
}

fn at_exchange(world: &World, access: &tokens::Access, mailbox: String, protocol: Protocol) -> SignIn {
    let (delegated, application) = protocol.permissions();
    let trustee = if access.is_app_only() {
        let known = world.directory.read(|records| records.exchange.principal(&access.appid).cloned());
        // The object id of the registration is taken by New-ServicePrincipal, and then signs nobody in.
        let right = known.filter(|known| known.object_id == world.service_principal_id(&access.appid));
        match right.filter(|_| access.has_role(application)) {
            Some(principal) => principal.object_id,
            None => return SignIn::Refused,
        }
    } else if access.permits(delegated) {
        access.upn.clone()
    } else {
        return SignIn::Refused;
    };
    let allowed = mailbox == trustee || allows(world, &trustee, Access::Full, &mailbox);
    if !allowed || people::find(&mailbox).is_none() {
        return SignIn::NotConnected { mailbox };
    }
    let (imap_is_on, pop_is_on, smtp_auth) = world.directory.read(|records| {
        let exchange = &records.exchange;
        (exchange.imap_is_on(&mailbox), exchange.pop_is_on(&mailbox), exchange.smtp_auth_is(&mailbox))
    });
    match (protocol, smtp_auth) {
        (Protocol::Imap, _) if !imap_is_on => SignIn::NotConnected { mailbox },
        (Protocol::Pop, _) if !pop_is_on => SignIn::NotConnected { mailbox },
        (Protocol::Smtp, SmtpAuth::OffForMailbox) => SignIn::SwitchedOff { mailbox, for_all: false },
        (Protocol::Smtp, SmtpAuth::OffForTenant) => SignIn::SwitchedOff { mailbox, for_all: true },
        (Protocol::Imap | Protocol::Pop | Protocol::Smtp, _) => SignIn::Open(Opened { mailbox, trustee }),
    }
}

/// The base64 of the error that Google sends before its refusal.
pub(crate) fn google_error() -> String {
    STANDARD.encode(format!("{{\"status\":\"401\",\"schemes\":\"bearer\",\"scope\":\"{GMAIL}\"}}"))
}

fn parse(answer: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(answer.trim_ascii()).ok()?).ok()?;
    let mut user = None;
    let mut token = None;
    for field in text.split('\u{1}') {
        if let Some(value) = field.strip_prefix("user=") {
            user = Some(value.trim().to_lowercase());
        } else if let Some(value) = field.strip_prefix("auth=Bearer ") {
            token = Some(value.trim().to_owned());
        }
    }
    Some((user?, token?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_read() {
        let answer = b"dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==";
        let (user, token) = parse(answer).unwrap();
        assert_eq!(user, "test@contoso.onmicrosoft.com");
        assert_eq!(token, "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA");
        assert_eq!(parse(b"!!"), None);
    }
}
