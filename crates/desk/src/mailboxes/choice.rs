//! Which provider a registration is at: what is offered for a mailbox, and another one chosen.
use super::client::offer::known;
use super::client::{self, Client, certificate};
use super::grant;
use super::mailbox::{self, Authentication, Mailbox, Side};
use crate::db::Tx;
use crate::site::event::{self, Subject};
use crate::{By, Refusal, Result, params};
use mail::provider::{self, Book, Family, Preset};
use serde_json::json;
use url::{Host, Url};

/// The providers that an authentication offers; `None` for those that know none.
pub fn family(authentication: Authentication) -> Option<Family> {
    match authentication {
        Authentication::Microsoft => Some(Family::Microsoft),
        Authentication::Google => Some(Family::Google),
        Authentication::Other => Some(Family::Other),
        Authentication::None | Authentication::Same | Authentication::Password => None,
    }
}

/// Whose family a registration is of. One whose preset is gone is nobody's.
pub fn family_of(providers: &Book, provider: &str) -> Family {
    providers.find(provider).map_or(Family::Other, |preset| preset.family)
}

/// The preset of that family which keeps the mailbox: by its address, by its server, else the first of Microsoft's and
/// Google's. `None`: endpoints are to be typed.
pub fn preset_for<'a>(providers: &'a Book, family: Family, mailbox: &Mailbox) -> Option<&'a Preset> {
    let fits = |preset: &&Preset| preset.family == family && preset.oauth2.is_some();
    let by_address = providers.of_address(&mailbox.address).filter(fits);
    let by_server = || providers.of_incoming_host(&mailbox.incoming.host).filter(fits);
    let first = || providers.of_family(family).next().filter(|_| family != Family::Other);
    by_address.or_else(by_server).or_else(first)
}

/// Another provider from now on: its tenant, endpoints and scopes take the place of the old one's. The secret was entered
/// for the old one and goes; tokens that are there are not thrown away by a choice in a list.
pub fn choose(tx: &mut Tx<'_>, providers: &Book, by: &By, id: i64, provider: &str) -> Result<Client> {
    let old = client::find(tx, id)?.ok_or(Refusal::NotFound("registration"))?;
    if old.provider == provider {
        return Ok(old);
    }
    let preset = known(providers, provider)?;
    if grant::any_of_client(tx, id)? {
        let sentence =
            "This registration has tokens. Delete them in the tab Token first, then choose another provider.";
        return Err(Refusal::Other(sentence.into()).into());
    }
    grant::end_of_client(tx, by, id, grant::Tokens::Keep)?;
    let endpoints = preset.filter(|preset| !preset.asks_for_tenant()).and_then(|preset| preset.endpoints(""));
    let (authorization, token) =
        endpoints.map(|endpoints| (endpoints.authorization, endpoints.token)).unwrap_or_default();
    tx.execute(
        "UPDATE client SET provider = $2, tenant = '', authorization_endpoint = $3, token_endpoint = $4, scopes = $5,
                resource_details_endpoint = '', email_attribute = '', client_secret = NULL, secret_expires_at = NULL,
                secret_hosts = '', account_hosts = '',
                flow = 'code', authentication = 'secret', account_address = '', account_key_id = '', account_key = NULL
         WHERE id = $1",
        params![id, provider, authorization, token, preset.map(Preset::scopes).unwrap_or_default()],
    )?;
    certificate::retire_all(tx, by, id)?;
    let data = json!({ "provider": [old.provider, provider] });
    event::append(tx, by, Subject::Client(id), "changed", data)?;
    client::find(tx, id)?.ok_or_else(|| Refusal::NotFound("registration").into())
}

/// The side signs in by a registration that is there already: one of the provider that it is at, and one whose token may go
/// to its server.
pub fn share(
    tx: &mut Tx<'_>,
    providers: &Book,
    by: &By,
    mailbox_id: i64,
    side: Side,
    chosen: i64,
) -> Result<()> {
    let client = client::find(tx, chosen)?.ok_or(Refusal::NotFound("registration"))?;
    let stored = mailbox::get(tx, mailbox_id)?;
    let own = stored.server(side);
    let bound = own.client_id.map(|id| client::find(tx, id)).transpose()?.flatten();
    let both_other = [family(own.authentication), Some(family_of(providers, &client.provider))]
        == [Some(Family::Other), Some(Family::Other)];
    if both_other && bound.is_none_or(|bound| bound.provider != client.provider) {
        return elsewhere("that provider for this mailbox");
    }
    go_with(tx, providers, by, &stored, side, &client)
}

/// The same of a side that goes to the registration's provider with this.
pub fn bind(
    tx: &mut Tx<'_>,
    providers: &Book,
    by: &By,
    mailbox_id: i64,
    side: Side,
    chosen: i64,
) -> Result<()> {
    let client = client::find(tx, chosen)?.ok_or(Refusal::NotFound("registration"))?;
    let stored = mailbox::get(tx, mailbox_id)?;
    go_with(tx, providers, by, &stored, side, &client)
}

fn go_with(
    tx: &mut Tx<'_>,
    providers: &Book,
    by: &By,
    stored: &Mailbox,
    side: Side,
    client: &Client,
) -> Result<()> {
    let own = stored.server(side);
    if family(own.authentication) != Some(family_of(providers, &client.provider)) {
        return elsewhere("another Authentication");
    }
    // Without a server there is nowhere to send a token to yet; it is looked at again before one is.
    if !own.host.is_empty() {
        client::hosts::check(tx, providers, client, &own.host)?;
    }
    mailbox::set_client(tx, by, stored.id, side, client.id)
}

fn elsewhere(first: &str) -> Result<()> {
    let sentence = format!("That registration is at another provider. Choose {first} first.");
    Err(Refusal::Other(sentence).into())
}

/// Whether Microsoft could tell of new mail at this address: it calls names of the internet, by https alone. A demo calls this
/// machine.
pub fn may_be_told(at: &Url, practice: bool) -> bool {
    if is_this_machine(at) { practice } else { at.scheme() == "https" && has_public_name(at) }
}

/// A host that every provider takes in a Callback Endpoint: a name under a public suffix, or this machine.
pub fn has_public_name(site: &Url) -> bool {
    match site.host() {
        _ if is_this_machine(site) => true,
        Some(Host::Domain(name)) => psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known()),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
    }
}

/// The domain that somebody registered, of which this name is one: `example.co.uk` of `mail.example.co.uk`.
pub fn registered_domain(name: &str) -> Option<String> {
    psl::domain_str(&name.to_ascii_lowercase()).map(str::to_owned)
}

/// What providers let have plain http: `localhost`, names under it (RFC 6761 §6.3), and loopback addresses.
pub fn is_this_machine(site: &Url) -> bool {
    let under = site.domain().is_some_and(|name| name.to_ascii_lowercase().ends_with(".localhost"));
    under || provider::is_on_this_machine(site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_needs_a_name_that_the_world_could_have() {
        for (site, fine) in [
            ("https://help.example.org", true),
            ("http://localhost:8080", true),
            ("https://help.example.co.uk", true),
            ("https://helpdesk.local", false),
            ("https://helpdesk", false),
            ("https://10.0.0.5", false),
            ("http://desk.localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]", true),
        ] {
            assert_eq!(has_public_name(&Url::parse(site).unwrap()), fine, "{site}");
        }
    }
}
