//! The link for the tenant's administrator, who consents for everybody and is often somebody else than the helpdesk's.
//!
//! Nothing that comes back is believed, also not the `tenant` that it names: only a sign-in shows whether there is a
//! consent. What it ends in is a page for whoever followed the link, and a line in what happened to the mailbox.
use super::{CallbackQuery, callback_url, ready, registration as bound};
use crate::Courier;
use crate::registration::{self, Consent, asked_scopes, endpoint, unattended_scope};
use crate::trouble::Trouble;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::Refusal;
use desk::mailboxes::client::{self, Client, Flow};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::Side;
use mail::provider::Book;
use url::Url;
use wire::oauth::{OAuthError, Protocol};

/// What whoever followed the link is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminAnswer {
    pub heading: &'static str,
    pub sentence: String,
    pub good: bool,
}

/// Whether the registration's provider has such links.
pub fn has_admin_consent(courier: &Courier, client: &Client) -> bool {
    known(&courier.desk().providers, client).is_some()
}

/// Personal accounts have no administrator.
fn known<'a>(providers: &'a Book, client: &Client) -> Option<&'a str> {
    let oauth2 = registration::at_home(providers, client)?;
    let is_personal = client.tenant.trim().eq_ignore_ascii_case("consumers");
    oauth2.admin_consent_endpoint.as_deref().filter(|at| !at.is_empty() && !is_personal)
}

/// `common` is not to be asked for this: whoever signs in at `organizations` consents for their own.
fn tenant(client: &Client) -> &str {
    match client.tenant.trim() {
        tenant if tenant.is_empty() || tenant.eq_ignore_ascii_case("common") => "organizations",
        tenant => tenant,
    }
}

/// New links, each good for a week and once. There is more than one where the scopes are of several resources that are
/// asked for apart: then all of them are to be followed.
pub async fn begin_admin_consent(
    courier: &Courier,
    by: &desk::By,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Vec<Url>> {
    let (mailbox, client) = courier.read(move |tx| bound(tx, mailbox_id, side)).await?;
    ready(&client)?;
    let providers = &courier.desk().providers;
    let Some(at) = known(providers, &client) else {
        let sentence = "This provider has no link for an administrator's consent that is known here.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    };
    let at = endpoint(courier, "Admin Consent Endpoint", &at.replace("{tenant}", tenant(&client)))?;
    let callback = callback_url(courier.site_url(), &client.public_id);
    let (mut links, mut states) = (Vec::new(), Vec::new());
    for scopes in asked_for(providers, &client, Consent { mailbox: &mailbox, side }) {
        let state = URL_SAFE_NO_PAD.encode(courier.random::<32>());
        let id = client.client_id.trim();
        links.push(wire::oauth::admin_consent_url(&at, id, &scopes, callback.as_str(), &state));
        states.push(state);
    }
    let (by, id) = (by.clone(), client.id);
    courier.write(move |tx| grant::begin_admin_consent(tx, &by, id, mailbox_id, &states)).await?;
    Ok(links)
}

/// What the registration is to be allowed. Access of the application itself is asked for as a whole, a resource at a time.
fn asked_for(providers: &Book, client: &Client, of: Consent<'_>) -> Vec<String> {
    match client.flow {
        Flow::Code => vec![asked_scopes(providers, client, of)],
        Flow::AppOnly | Flow::ServiceAccount => {
            let known = registration::oauth2(providers, client);
            let is_by_graph = |side| of.mailbox.is_by_graph(side);
            let mut scopes = Vec::new();
            if is_by_graph(Side::Incoming) || is_by_graph(Side::Outgoing) {
                scopes.push(unattended_scope(providers, client, Protocol::Graph));
            }
            if !is_by_graph(Side::Incoming) || !is_by_graph(Side::Outgoing) {
                scopes.extend(known.map(|oauth2| oauth2.app_only_consent_scopes.clone()).unwrap_or_default());
            }
            if scopes.is_empty() { vec![unattended_scope(providers, client, Protocol::Imap)] } else { scopes }
        }
    }
}

/// What came back by such a link; `None`: it was something else that came back.
pub async fn admin_consented(
    courier: &Courier,
    public_id: &str,
    query: &CallbackQuery,
) -> desk::Result<Option<AdminAnswer>> {
    let Some(state) = query.state.clone() else { return Ok(None) };
    let (looked_for, by_id, now) = (state.clone(), public_id.to_owned(), courier.now());
    let awaited = courier.read(move |tx| {
        let Some(client) = client::find_by_public_id(tx, &by_id)? else { return Ok(None) };
        Ok(grant::awaits_admin_consent(tx, client.id, &looked_for, now)?.then_some(client))
    });
    let Some(client) = awaited.await? else {
        return Ok(query.admin_consent.is_some().then(too_late));
    };
    let refused = why_not(courier, &client, query);
    let (id, told) = (client.id, refused.clone());
    let taken = courier.write(move |tx| grant::take_admin_consent(tx, id, &state, told.as_deref(), now));
    if !taken.await? {
        return Ok(Some(too_late()));
    }
    Ok(Some(refused.map_or_else(consented, declined)))
}

/// What is known of the number, and none of the words: whoever has the link could write anything there.
fn why_not(courier: &Courier, client: &Client, query: &CallbackQuery) -> Option<String> {
    if let Some(error) = &query.error {
        let said = OAuthError::from_callback(error, query.error_description.as_deref());
        let number =
            OAuthError { error: "access_denied".to_owned(), codes: said.codes, ..OAuthError::default() };
        let family = registration::family(courier, &client.provider);
        return Some(Trouble::of_oauth(&number, family, None).reason);
    }
    let said = query.admin_consent.as_deref().unwrap_or_default();
    (!said.eq_ignore_ascii_case("true"))
        .then(|| "The provider did not say that anybody consented.".to_owned())
}

fn consented() -> AdminAnswer {
    AdminAnswer {
        heading: "Thank you: the consent is given",
        sentence: "Whoever looks after the helpdesk can authorize the mailbox now. You may close this page."
            .to_owned(),
        good: true,
    }
}

fn declined(why: String) -> AdminAnswer {
    let sentence = format!("{why} Nothing was changed. Whoever sent you the link can send a new one.");
    AdminAnswer { heading: "The consent was not given", sentence, good: false }
}

fn too_late() -> AdminAnswer {
    AdminAnswer {
        heading: "This link does not count any more",
        sentence: "It was used already, or it is older than a week. Ask whoever sent it for a new one; nothing was changed \
                   here."
            .to_owned(),
        good: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use desk::mailboxes::mailbox::{self, Mailbox};

    #[test]
    fn a_link_asks_for_what_the_registration_needs_and_never_in_common() {
        let imap = "https://outlook.office.com/IMAP.AccessAsUser.All";
        let mut client = registration::tests::client(imap);
        let mut mailbox = registration::tests::mailbox();
        let asked_for = |client: &Client, mailbox: &Mailbox| {
            asked_for(Book::builtin(), client, Consent { mailbox, side: Side::Incoming })
        };
        assert_eq!(asked_for(&client, &mailbox), [imap]);
        client.flow = Flow::AppOnly;
        assert_eq!(
            asked_for(&client, &mailbox),
            ["https://ps.outlook.com/.default", "https://outlook.office365.com/.default"],
            "reading and sending are two resources"
        );
        mailbox.protocol = mailbox::Protocol::Graph;
        mailbox.submission = mailbox::Submission::Graph;
        assert_eq!(asked_for(&client, &mailbox), ["https://graph.microsoft.com/.default"]);
        for (named, asked) in [
            ("", "organizations"),
            ("Common", "organizations"),
            ("organizations", "organizations"),
            (" contoso.example ", "contoso.example"),
        ] {
            client.tenant = named.to_owned();
            assert_eq!(tenant(&client), asked, "{named}");
        }
        client.token_endpoint = "https://login.microsoftonline.com/consumers/oauth2/v2.0/token".to_owned();
        client.tenant = "consumers".to_owned();
        assert_eq!(known(Book::builtin(), &client), None, "personal accounts have no administrator");
        client.token_endpoint = client.token_endpoint.replace("consumers", "contoso.example");
        client.tenant = "contoso.example".to_owned();
        assert!(known(Book::builtin(), &client).is_some());
    }
}
