//! What Postern knows of the pretend providers: the presets of the real ones, led to this machine.

use mail::provider::{Book, Family, OAuth2, Preset, Profile, Scopes, Security, Server};

use crate::openid::{GOOGLE, House, WALDAU};

/// Of the practice provider with its pages at `http_url`, and of nobody else: a rehearsal reaches nobody else.
#[must_use]
pub fn providers(http_url: &str, imap_port: u16, pop_port: u16, smtp_port: u16) -> Book {
    let here = Here { http_url: http_url.trim_end_matches('/'), imap_port, pop_port, smtp_port };
    Book::of([microsoft(&here), google(&here), waldau(&here)].into_iter().flatten().collect())
}

/// Where the pretend Microsoft Graph begins.
pub(crate) fn graph_root(http_url: &str) -> String {
    format!("{http_url}/v1.0")
}

struct Here<'a> {
    http_url: &'a str,
    imap_port: u16,
    pop_port: u16,
    smtp_port: u16,
}

impl Here<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.http_url)
    }

    /// With the servers of this machine in place of the provider's.
    fn preset(&self, preset: &Preset, oauth2: OAuth2) -> Preset {
        let server = |port, security| Server { host: "localhost".to_owned(), port, security };
        Preset {
            oauth2: Some(oauth2),
            imap: server(self.imap_port, Security::Tls),
            pop: Some(server(self.pop_port, Security::Tls)),
            smtp: server(self.smtp_port, Security::Starttls),
            graph: preset.graph.as_ref().and_then(|_| self.graph()),
            ..preset.clone()
        }
    }

    fn graph(&self) -> Option<Server> {
        let at = url::Url::parse(self.http_url).ok()?;
        let (host, port) = (at.host_str()?.to_owned(), at.port_or_known_default()?);
        Some(Server { host, port, security: Security::Plain })
    }

    fn openid(&self, house: &House, oauth2: &OAuth2) -> OAuth2 {
        OAuth2 {
            portal: Some(self.at(&format!("/{}/clients", house.key))),
            authorization_endpoint: self.at(house.paths.authorize),
            token_endpoint: self.at(house.paths.token),
            revocation_endpoint: Some(self.at(house.paths.revoke)),
            userinfo_endpoint: Some(self.at(house.paths.userinfo)),
            keys_endpoint: Some(self.at(house.paths.keys)),
            discovery_endpoint: Some(self.at(&format!("/{}/.well-known/openid-configuration", house.key))),
            issuer: Some(house.issuer(self.http_url)),
            ..oauth2.clone()
        }
    }
}

fn known(key: &str) -> Option<(&'static Preset, &'static OAuth2)> {
    let preset = mail::provider::find(key)?;
    Some((preset, preset.oauth2.as_ref()?))
}

fn microsoft(here: &Here<'_>) -> Option<Preset> {
    let (preset, oauth2) = known("microsoft")?;
    let oauth2 = OAuth2 {
        portal: Some(here.at("/portal")),
        authorization_endpoint: here.at("/{tenant}/oauth2/v2.0/authorize"),
        token_endpoint: here.at("/{tenant}/oauth2/v2.0/token"),
        device_endpoint: Some(here.at("/{tenant}/oauth2/v2.0/devicecode")),
        admin_consent_endpoint: Some(here.at("/{tenant}/v2.0/adminconsent")),
        discovery_endpoint: Some(here.at("/{tenant}/v2.0/.well-known/openid-configuration")),
        keys_endpoint: Some(here.at("/common/discovery/v2.0/keys")),
        issuer: Some(here.at("/{tenantid}/v2.0")),
        ..oauth2.clone()
    };
    Some(here.preset(preset, oauth2))
}

fn google(here: &Here<'_>) -> Option<Preset> {
    let (preset, oauth2) = known("google")?;
    let profile = oauth2
        .profile
        .as_ref()
        .map(|profile| Profile { endpoint: here.at("/google/gmail/v1/users/me/profile"), ..profile.clone() });
    let oauth2 = OAuth2 { profile, ..here.openid(&GOOGLE, oauth2) };
    let domains = vec!["fabrikam.example".to_owned(), "gmail.example".to_owned()];
    Some(Preset { domains, ..here.preset(preset, oauth2) })
}

/// Plain OpenID: nothing of Google's ways stays.
fn waldau(here: &Here<'_>) -> Option<Preset> {
    let (preset, oauth2) = known("google")?;
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mail = words(&[WALDAU.mail_scope]);
    let always = words(&["openid", "email", "offline_access"]);
    let oauth2 = OAuth2 {
        profile: None,
        scopes: Scopes { always, imap: mail.clone(), pop: mail.clone(), smtp: mail, ..Scopes::default() },
        service_account_scope: None,
        authorize: Default::default(),
        granted_scope_checked: false,
        refresh_token_stays: false,
        callback_needs_public_name: false,
        ..here.openid(&WALDAU, oauth2)
    };
    Some(Preset {
        key: WALDAU.key.to_owned(),
        family: Family::Other,
        label: WALDAU.name.to_owned(),
        domains: words(&["waldau.example"]),
        warnings: Vec::new(),
        ..here.preset(preset, oauth2)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_knows_nobody_but_this_machine() {
        let book = providers("http://127.0.0.1:4000/", 4001, 4003, 4002);
        let keys: Vec<&str> = book.presets().iter().map(|preset| preset.key.as_str()).collect();
        assert_eq!(keys, ["microsoft", "google", "waldau"]);
        for preset in book.presets() {
            assert_eq!((preset.imap.host.as_str(), preset.imap.port), ("localhost", 4001), "{}", preset.key);
            let pop = preset.pop.as_ref().unwrap();
            assert_eq!((pop.host.as_str(), pop.port), ("localhost", 4003), "{}", preset.key);
            assert_eq!((preset.smtp.host.as_str(), preset.smtp.port), ("localhost", 4002), "{}", preset.key);
            // Every address of the provider itself; what its tokens are for is a name and reached by nobody.
            let oauth2 = preset.oauth2.as_ref().unwrap();
            let ends = [
                &oauth2.portal,
                &Some(oauth2.authorization_endpoint.clone()),
                &Some(oauth2.token_endpoint.clone()),
                &oauth2.device_endpoint,
                &oauth2.admin_consent_endpoint,
                &oauth2.revocation_endpoint,
                &oauth2.userinfo_endpoint,
                &oauth2.discovery_endpoint,
                &oauth2.keys_endpoint,
                &oauth2.issuer,
                &oauth2.profile.as_ref().map(|profile| profile.endpoint.clone()),
            ];
            for end in ends.into_iter().flatten() {
                assert!(end.starts_with("http://127.0.0.1:4000/"), "{}: {end}", preset.key);
            }
        }
    }
}
