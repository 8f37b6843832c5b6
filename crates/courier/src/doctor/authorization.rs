//! Whether the provider leads back here, takes the registration, and what its token is for.
use super::callback::{self, Registered};
use super::chart::{Broken, Chart, Link};
use crate::Courier;
use crate::authorize::callback_url;
use crate::clock::DAY_MS;
use crate::refresh::{self, Want, access_token};
use crate::registration::{
    Consent, family, is_unattended, oauth2, protocol_of, resource_of, scope_of_grant, token_scope,
};
use crate::trouble::Trouble;
use desk::alerts::condition::SOON_DAYS;
use desk::mailboxes::choice;
use desk::mailboxes::client::{self, Client, Flow, certificate};
use desk::mailboxes::grant::{self, Grant};
use desk::mailboxes::mailbox::{Mailbox, Side};
use mail::explain::Class;
use mail::provider::{Family, OAuth2, is_guid};
use url::Url;
use wire::oauth::{Inscription, Protocol};

/// Whether the provider is asked for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Now,
    /// It was, for another protocol of the same grant.
    Already,
}

/// `serves` is what the side's server speaks.
pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    grant_id: i64,
    (side, serves): (Side, Protocol),
    asked: Asked,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let protocol = protocol_of(mailbox, side);
    let (grant, client) =
        stored(courier, grant_id).await.map_err(|trouble| chart.bad(Link::Client, trouble))?;
    if asked == Asked::Now {
        if !is_unattended(&client, &grant) {
            site(courier, &client, chart).await;
        }
        // Its answer is committed before it is used, as at any refresh: what works goes on working.
        match access_token(courier, grant_id, protocol, Want::Proved).await {
            Ok(_) => {
                let shown =
                    last_day(courier, &client).await.map_err(|trouble| chart.bad(Link::Client, trouble))?;
                registration(courier, &client, shown, chart);
            }
            Err(trouble) => return Err(chart.bad(Link::Client, trouble)),
        }
    }
    let token = access_token(courier, grant_id, protocol, Want::Use).await;
    let token = token.map_err(|trouble| chart.bad(Link::Token, trouble))?;
    chart.record.hide([token.clone()]);
    let (grant, client) =
        stored(courier, grant_id).await.map_err(|trouble| chart.bad(Link::Token, trouble))?;
    let of = Of { mailbox, side, protocol, serves };
    inscription(courier, &client, &grant, Inscription::of(&token), of, chart)
}

/// What a token is wanted for.
#[derive(Clone, Copy)]
struct Of<'a> {
    mailbox: &'a Mailbox,
    side: Side,
    /// Whose resource it is for, and what it is to open there.
    protocol: Protocol,
    serves: Protocol,
}

async fn stored(courier: &Courier, grant_id: i64) -> Result<(Grant, Client), Trouble> {
    let found = courier.read(move |tx| {
        let Some(grant) = grant::find(tx, grant_id)? else { return Ok(None) };
        Ok(client::find(tx, grant.client_id)?.map(|client| (grant, client)))
    });
    found.await?.ok_or_else(refresh::not_authorized)
}

async fn site(courier: &Courier, client: &Client, chart: &mut Chart) {
    let callback = callback_url(courier.site_url(), &client.public_id);
    let found = format!("The provider leads back to {callback}");
    if let Some(why) = unfit(&callback, oauth2(&courier.desk().providers, client)) {
        let remedy = "Set site.url to the https address under which people reach this site, and register the new Callback \
                      Endpoint.";
        return chart.warning(Link::Site, format!("{found}, {why}"), remedy);
    }
    match callback::registered(courier, client, &callback).await {
        Registered::Yes => chart.good(Link::Site, format!("{found}, as the registration says.")),
        Registered::Unseen => chart.good(
            Link::Site,
            format!("{found}. Whether the registration has it could not be seen from here: the next sign-in shows it."),
        ),
        Registered::No(trouble) => {
            let now = "What is authorized goes on working; the next sign-in would fail.";
            chart.warning(Link::Site, format!("{found}. {} {now}", trouble.reason), trouble.remedy);
            chart.coded(trouble.code);
        }
    }
}

/// Why a provider would not lead back there, as the end of a sentence.
fn unfit(callback: &Url, oauth2: Option<&OAuth2>) -> Option<&'static str> {
    let local = choice::is_this_machine(callback);
    if callback.scheme() != "https" && !local {
        return Some("which is not https: providers take that for localhost alone.");
    }
    let needs_name = oauth2.is_some_and(|oauth2| oauth2.callback_needs_public_name);
    (needs_name && !choice::has_public_name(callback))
        .then_some("which is no name of the public Internet: this provider wants one.")
}

/// What the registration shows that ends, until when, and what is done then.
type LastDay = (&'static str, i64, &'static str);

async fn last_day(courier: &Courier, client: &Client) -> Result<Option<LastDay>, Trouble> {
    if client.shows_secret() {
        let remedy =
            "Make a new secret at the provider and enter it in Config: nobody has to authorize again.";
        return Ok(client.secret_expires_at.map(|at| ("secret", at, remedy)));
    }
    let id = client.id;
    let in_use = courier.read(move |tx| certificate::in_use(tx, id)).await?;
    let remedy = "Make the next certificate in Config, upload it at the provider, and then use it.";
    Ok(in_use.filter(|_| client.shows_certificate()).map(|one| ("certificate", one.not_after, remedy)))
}

fn registration(courier: &Courier, client: &Client, shown: Option<LastDay>, chart: &mut Chart) {
    let found = format!("The provider gave the registration {} a new access token.", client.client_id.trim());
    let Some((what, at, remedy)) = shown else { return chart.good(Link::Client, found) };
    let left = at.saturating_sub(courier.now());
    let ends = if left > 0 { "ends" } else { "was to end" };
    let found = format!("{found} Its {what} {ends} on {}.", day(at));
    if left > SOON_DAYS * DAY_MS {
        chart.good(Link::Client, found)
    } else {
        chart.warning(Link::Client, found, remedy)
    }
}

/// What Exchange wants to read on an application's token. It can also be let in by a role of Exchange, so this is no more
/// than a warning: the sign-in decides.
fn lacks_role(roles: &str, protocol: Protocol, side: Side) -> Option<(String, &'static str)> {
    let (role, remedy) = match (protocol, side) {
        (Protocol::Imap, _) => ("IMAP.AccessAsApp", ADD_ROLE),
        (Protocol::Pop, _) => ("POP.AccessAsApp", ADD_ROLE),
        (Protocol::Smtp, _) => ("SMTP.SendAsApp", ADD_ROLE),
        (Protocol::Graph, Side::Incoming) => ("Mail.ReadWrite", ADD_GRAPH_ROLE),
        (Protocol::Graph, Side::Outgoing) => ("Mail.Send", ADD_GRAPH_ROLE),
    };
    let has_it = roles.split_whitespace().any(|one| one.eq_ignore_ascii_case(role));
    (!has_it).then(|| (format!("The role {role} is not on it."), remedy))
}

const ADD_ROLE: &str = "If the sign-in is refused: add this application permission of Office 365 Exchange Online to the app registration and \
     grant admin consent. Only a token that is given after that has it.";

const ADD_GRAPH_ROLE: &str = "If the mailbox is not opened: add this application permission of Microsoft Graph to the app registration and grant \
     admin consent, for all mailboxes of the tenant, or give it for this mailbox alone by a role of Exchange (RBAC for \
     Applications), which stands on no token.";

/// What stands on the token, read without being believed; of one that cannot be read, what was stored with it.
fn inscription(
    courier: &Courier,
    client: &Client,
    grant: &Grant,
    on_it: Option<Inscription>,
    of: Of<'_>,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let Of { mailbox, side, protocol, serves } = of;
    let is_opaque = on_it.is_none();
    let on_it = on_it.unwrap_or_default();
    let providers = &courier.desk().providers;
    let alone = is_unattended(client, grant);
    let wanted = if alone {
        scope_of_grant(providers, client, mailbox, grant, protocol)
    } else {
        token_scope(providers, client, Consent { mailbox, side: grant.side }, "", protocol)
    };
    let granted = on_it.scopes.as_deref().or(on_it.roles.as_deref()).unwrap_or(&grant.scopes);
    let missing = if alone { Vec::new() } else { missing(&wanted, granted) };
    if !missing.is_empty() {
        let trouble = Trouble::new(
            Class::Configuration,
            "scope_missing",
            format!(
                "The access token may not do what the registration asks for: {} is missing.",
                missing.join(", ")
            ),
            "Add the permission to the app registration, grant consent, then authorize it again.",
        );
        return Err(chart.bad(Link::Token, trouble));
    }
    let ends_at = on_it.ends_at_s.map(|at| at.saturating_mul(1000));
    let mut facts = vec![format!("It opens {granted}")];
    facts.extend(on_it.audience.as_ref().map(|audience| format!("for {audience}")));
    facts.extend(on_it.tenant.as_ref().map(|tenant| format!("of the tenant {tenant}")));
    facts.extend(grant.owner_address.as_ref().map(|owner| format!("signed in as {owner}")));
    facts.extend(ends_at.or(grant.expires_at).map(|at| format!("until {}", minute(at))));
    let mut found = format!("{}.", facts.join(", "));
    if is_opaque {
        found.push_str(" Tokens of this provider cannot be read: this is what came with it.");
    }
    let is_app = alone && !is_opaque && client.flow == Flow::AppOnly;
    let at_exchange = Family::of(family(courier, &client.provider)) == Family::Microsoft;
    let roles = || {
        let on_it = on_it.roles.as_deref().unwrap_or_default();
        lacks_role(on_it, serves, side).filter(|_| is_app && at_exchange)
    };
    match astray(client, &on_it, &wanted).or_else(|| ended(ends_at, courier.now())).or_else(roles) {
        None => chart.good(Link::Token, found),
        Some((why, remedy)) => chart.warning(Link::Token, format!("{found} {why}"), remedy),
    }
    Ok(())
}

/// A new token that has ended already: one of the two clocks is wrong.
fn ended(ends_at: Option<i64>, now: i64) -> Option<(String, &'static str)> {
    let at = ends_at.filter(|at| *at <= now)?;
    let why = format!("By this machine's clock it has ended, at {}.", minute(at));
    Some((why, "Set the clock of this machine by NTP."))
}

/// A token of another resource or tenant than the registration names.
fn astray(client: &Client, on_it: &Inscription, wanted: &str) -> Option<(String, &'static str)> {
    let resource = resource_of(wanted);
    let audience = on_it.audience.as_deref().map(|audience| audience.trim_end_matches('/'));
    // Entra names some resources by a number, which says nothing here.
    let other = audience.filter(|it| it.starts_with("https://") && !it.eq_ignore_ascii_case(&resource));
    if let Some(other) = other.filter(|_| resource != "default") {
        let why = format!("It is for {other} and not for {resource}.");
        return Some((why, "Write the scopes in Config as the guide shows them, then authorize it again."));
    }
    let tenant = on_it.tenant.as_deref().filter(|tenant| {
        is_guid(client.tenant.trim()) && !tenant.eq_ignore_ascii_case(client.tenant.trim())
    })?;
    let why = format!("The account belongs to the tenant {tenant} and not to {}.", client.tenant.trim());
    Some((why, "Enter the tenant of the mailbox in Config, or let an account of that tenant sign in."))
}

/// Scopes of mail that were asked for and not granted; nothing is known of no scopes at all.
fn missing<'a>(wanted: &'a str, granted: &str) -> Vec<&'a str> {
    let granted: Vec<String> = granted.split_whitespace().map(bare).collect();
    let of_mail = wanted.split_whitespace().filter(|scope| scope.contains("://"));
    of_mail.filter(|scope| !granted.is_empty() && !granted.contains(&bare(scope))).collect()
}

/// Without the resource, which a token names apart.
fn bare(scope: &str) -> String {
    let scope = scope.trim_end_matches('/');
    scope.rsplit_once('/').map_or(scope, |(_, name)| name).to_ascii_lowercase()
}

pub(super) fn day(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn minute(at: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at);
    at.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_missed_whatever_its_resource_is_written_like() {
        let wanted = "openid offline_access https://outlook.office.com/IMAP.AccessAsUser.All";
        assert!(missing(wanted, "IMAP.AccessAsUser.All SMTP.Send").is_empty());
        assert!(missing(wanted, "https://outlook.office.com/imap.accessasuser.all").is_empty());
        assert!(missing(wanted, "").is_empty(), "nothing is known");
        assert_eq!(missing(wanted, "SMTP.Send"), ["https://outlook.office.com/IMAP.AccessAsUser.All"]);
        assert!(missing("https://mail.google.com/", "https://mail.google.com/").is_empty());
    }

    #[test]
    fn a_role_that_an_application_lacks_is_named() {
        let (why, remedy) = lacks_role("Mail.Read POP.AccessAsApp", Protocol::Imap, Side::Incoming).unwrap();
        assert!(why.contains("IMAP.AccessAsApp") && remedy.contains("admin consent"), "{why} {remedy}");
        assert!(lacks_role("", Protocol::Smtp, Side::Outgoing).unwrap().0.contains("SMTP.SendAsApp"));
        assert!(lacks_role("imap.accessasapp SMTP.SendAsApp", Protocol::Imap, Side::Incoming).is_none());
        assert!(lacks_role("POP.AccessAsApp", Protocol::Pop, Side::Incoming).is_none());
        assert!(lacks_role("Mail.ReadWrite", Protocol::Graph, Side::Incoming).is_none());
        assert!(
            lacks_role("Mail.ReadWrite", Protocol::Graph, Side::Outgoing).unwrap().0.contains("Mail.Send")
        );
    }

    #[test]
    fn a_callback_that_no_provider_leads_to_is_told() {
        let google = mail::provider::find("google").and_then(|preset| preset.oauth2.as_ref());
        let check = |url: &str, fit: bool| {
            assert_eq!(unfit(&Url::parse(url).unwrap(), google).is_none(), fit, "{url}");
        };
        check("https://desk.example.org/oauth/callback/x", true);
        check("http://localhost:8080/oauth/callback/x", true);
        check("http://127.0.0.1:8080/oauth/callback/x", true);
        check("http://desk.example.org/oauth/callback/x", false);
        check("https://192.0.2.7/oauth/callback/x", false);
        check("https://helpdesk.local/oauth/callback/x", false);
        check("https://helpdesk/oauth/callback/x", false);
        check("http://desk.localhost:8080/oauth/callback/x", true);
    }
}
