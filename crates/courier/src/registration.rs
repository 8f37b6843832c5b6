//! What a registration says about asking its provider: endpoints that may be asked, scopes for one resource at a time.
use crate::Courier;
use desk::mailboxes::choice::family_of;
use desk::mailboxes::client::{Client, Flow, Scheme};
use desk::mailboxes::grant::Grant;
use desk::mailboxes::mailbox::Side;
use mail::provider::{Book, OAuth2};
use url::Url;
use wire::oauth::{Protocol, scope};

/// What a side's server speaks.
pub(crate) fn protocol_of(side: Side) -> Protocol {
    match side {
        Side::Incoming => Protocol::Imap,
        Side::Outgoing => Protocol::Smtp,
    }
}

/// What is known of the registration's provider.
pub(crate) fn oauth2<'a>(providers: &'a Book, client: &Client) -> Option<&'a OAuth2> {
    providers.find(&client.provider).and_then(|preset| preset.oauth2.as_ref())
}

/// The same, where the registration's tokens do come from there: what is known of a provider is no word about an
/// endpoint that somebody typed.
pub(crate) fn at_home<'a>(providers: &'a Book, client: &Client) -> Option<&'a OAuth2> {
    client.at_home(providers)?.oauth2.as_ref()
}

/// What every request to the provider holds beside the standard's own parameters.
pub(crate) fn parameters(map: &std::collections::BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The same of a token request.
pub(crate) fn of_token_request(providers: &Book, client: &Client) -> Vec<(String, String)> {
    oauth2(providers, client).map(|oauth2| parameters(&oauth2.token)).unwrap_or_default()
}

/// Whose words a registration's provider speaks: of the preset, or of none.
pub(crate) fn family(courier: &Courier, provider: &str) -> &'static str {
    family_of(&courier.desk().providers, provider).word()
}

/// The scopes of one token request: of the registration, for one resource, and only what was granted (asking for
/// more would end a working grant), where it is known.
pub(crate) fn token_scope(providers: &Book, client: &Client, granted: &str, protocol: Protocol) -> String {
    let wanted = scope::narrow(&corrected(providers, client), protocol);
    let kept: Vec<&str> =
        wanted.split_whitespace().filter(|scope| is_openid(scope) || holds(granted, scope)).collect();
    if kept.iter().all(|scope| is_openid(scope)) { wanted } else { kept.join(" ") }
}

/// The scopes with which a grant's next token is asked for: those that a person consented to, or the one of access without
/// a person.
pub(crate) fn scope_of_grant(providers: &Book, client: &Client, grant: &Grant, protocol: Protocol) -> String {
    if is_unattended(client, grant) {
        unattended_scope(providers, client)
    } else {
        token_scope(providers, client, &grant.scopes, protocol)
    }
}

/// Nobody signed in for it. One that a person gave stays theirs, whatever the registration is now.
pub(crate) fn is_unattended(client: &Client, grant: &Grant) -> bool {
    client.flow.is_unattended() && !grant.has_refresh_token
}

/// The scope of access without a person: the provider's, else as it was typed.
pub(crate) fn unattended_scope(providers: &Book, client: &Client) -> String {
    let oauth2 = oauth2(providers, client);
    let known = match client.flow {
        Flow::Code => None,
        Flow::AppOnly => oauth2.and_then(|oauth2| oauth2.app_only_scope.clone()),
        Flow::ServiceAccount => oauth2.and_then(|oauth2| oauth2.service_account_scope.clone()),
    };
    known.unwrap_or_else(|| corrected(providers, client))
}

/// The scopes that a token request names: where one resource's are to be chosen. Others have what was consented to.
pub(crate) fn named_scope<'a>(providers: &Book, client: &Client, scope: &'a str) -> Option<&'a str> {
    oauth2(providers, client).is_none_or(|oauth2| oauth2.one_resource_per_token).then_some(scope)
}

/// The registration's scopes, with what people paste put right.
pub(crate) fn corrected(providers: &Book, client: &Client) -> String {
    match oauth2(providers, client).and_then(|oauth2| oauth2.resource.as_deref()) {
        Some(resource) => scope::correct(&client.scopes, resource),
        None => client.scopes.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// What was asked for mail and not granted, where the person can take scopes away beside the sign-in.
pub(crate) fn not_granted(providers: &Book, client: &Client, granted: Option<&str>) -> Option<String> {
    let checked = oauth2(providers, client).is_some_and(|oauth2| oauth2.granted_scope_checked);
    let granted = granted.filter(|_| checked)?;
    let asked = corrected(providers, client);
    let mut missing = asked.split_whitespace().filter(|scope| !is_openid(scope) && !holds(granted, scope));
    missing.next().map(str::to_owned)
}

/// Providers write a scope in their own way.
fn holds(scopes: &str, scope: &str) -> bool {
    scopes.split_whitespace().any(|one| one.eq_ignore_ascii_case(scope))
}

fn is_openid(scope: &str) -> bool {
    ["openid", "profile", "email", "offline_access", "address", "phone"].contains(&scope)
}

/// What an access token of these scopes is for: the origin of the first scope that has one.
pub(crate) fn resource_of(scopes: &str) -> String {
    let origin = |scope: &str| {
        let url = Url::parse(scope).ok()?;
        Some(format!("{}://{}", url.scheme(), url.host_str()?))
    };
    scopes.split_whitespace().find_map(origin).unwrap_or_else(|| "default".to_owned())
}

/// An endpoint that may be asked: https, or plain http to this machine under the demo's mark.
pub(crate) fn endpoint(courier: &Courier, field: &'static str, text: &str) -> desk::Result<Url> {
    if text.trim().is_empty() {
        return Err(desk::Refusal::Required(field).into());
    }
    let scheme = if courier.practice() { Scheme::Practice } else { Scheme::HttpsOnly };
    desk::site::endpoint::check(field, text.trim(), scheme, "")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn client(scopes: &str) -> Client {
        Client {
            id: 1,
            public_id: String::new(),
            provider: "microsoft".into(),
            name: String::new(),
            active: true,
            flow: Flow::Code,
            authentication: desk::mailboxes::client::Authentication::Secret,
            has_certificate: false,
            account_address: String::new(),
            account_key_id: String::new(),
            tenant: String::new(),
            client_id: String::new(),
            has_secret: true,
            secret_expires_at: None,
            authorization_endpoint: String::new(),
            token_endpoint: String::new(),
            scopes: scopes.into(),
            resource_details_endpoint: String::new(),
            email_attribute: String::new(),
            strict_matching: true,
            notes: String::new(),
        }
    }

    #[test]
    fn a_scope_that_was_added_after_the_consent_is_not_asked_for() {
        let imap = "https://outlook.office.com/IMAP.AccessAsUser.All";
        let both = client(&format!("openid offline_access {imap} https://outlook.office.com/SMTP.Send"));
        let granted = imap.to_uppercase(); // the provider may write it in its own way
        let providers = Book::builtin();
        assert_eq!(
            token_scope(providers, &both, &granted, Protocol::Imap),
            format!("openid offline_access {imap}")
        );
        let unknown = token_scope(providers, &both, "", Protocol::Imap);
        assert!(unknown.contains("SMTP.Send"), "nothing known of the consent: all is asked for: {unknown}");
    }

    #[test]
    fn one_token_serves_all_scopes_of_a_resource() {
        for (scopes, resource) in [
            ("openid offline_access https://outlook.office.com/SMTP.Send", "https://outlook.office.com"),
            ("https://mail.google.com/", "https://mail.google.com"),
            ("openid mail.read", "default"),
            ("", "default"),
        ] {
            assert_eq!(resource_of(scopes), resource, "{scopes}");
        }
    }
}
