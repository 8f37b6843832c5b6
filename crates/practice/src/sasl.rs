//! AUTHENTICATE XOAUTH2: reads the client's answer, judges the token and who may open which mailbox.
//! Not OAUTHBEARER, which Exchange does not offer either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::people;
use crate::permissions::OUTLOOK;
use crate::world::World;

/// How a sign-in to a mail server went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// No token, a broken, foreign or expired one, for another resource, or without the permission.
    Refused,
    /// The token is good, but its person may not open the mailbox (or there is none).
    NotConnected {
        mailbox: String,
    },
    Open(Opened),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub mailbox: String,
    /// Who signed in: differs from the mailbox where it is shared.
    pub person: String,
}

impl Opened {
    /// Send As: the mailbox itself and what its person may open.
    pub fn may_send_as(&self, address: &str) -> bool {
        address.eq_ignore_ascii_case(&self.mailbox)
            || people::find(&self.person).is_some_and(|person| person.opens(address))
    }
}

/// `answer` is the base64 of `user={address}^Aauth=Bearer {token}^A^A`.
pub(crate) fn xoauth2(world: &World, answer: &[u8], permission: &str) -> SignIn {
    let Some((mailbox, token)) = parse(answer) else { return SignIn::Refused };
    let Some(access) = world.tokens.open_access(&token, world.clock.now_at()) else { return SignIn::Refused };
    if access.aud != OUTLOOK || !access.permits(permission) {
        return SignIn::Refused;
    }
    let allowed = people::find(&access.upn).is_some_and(|person| person.opens(&mailbox));
    if !allowed || people::find(&mailbox).is_none() {
        return SignIn::NotConnected { mailbox };
    }
    SignIn::Open(Opened { mailbox, person: access.upn })
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
