//! What a registration says about asking its provider: endpoints that may be asked, scopes for one resource at a time.
use crate::Courier;
use desk::mailboxes::choice::family_of;
use desk::mailboxes::client::{Client, Flow, Scheme};
use desk::mailboxes::grant::Grant;
use desk::mailboxes::mailbox::{Authentication, Mailbox, Shape, Side};
use mail::provider::{Book, OAuth2};
use url::Url;
use wire::oauth::Protocol;
use wire::oauth::scope::{self, is_openid};

/// What the token of a side is for.
pub(crate) fn protocol_of(mailbox: &Mailbox, side: Side) -> Protocol {
    match side {
        Side::Incoming | Side::Outgoing if mailbox.is_by_graph(side) => Protocol::Graph,
        // POP3 and IMAP are served by one resource.
        Side::Incoming => Protocol::Imap,
        Side::Outgoing => Protocol::Smtp,
    }
}

/// What the tokens of a side's consent are for, its own first, one for each resource: another side may live on it that is
/// spoken to otherwise.
pub(crate) fn protocols_of(mailbox: &Mailbox, side: Side) -> Vec<Protocol> {
    let own = protocol_of(mailbox, side);
    let shares = side == Side::Incoming && mailbox.outgoing.authentication == Authentication::Same;
    let other = shares.then(|| protocol_of(mailbox, Side::Outgoing));
    let is_another = |other: &Protocol| (*other == Protocol::Graph) != (own == Protocol::Graph);
    [own].into_iter().chain(other.filter(is_another)).collect()
}

/// What a token is for, as the end of a sentence.
pub(crate) fn service_words(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Graph => "Microsoft Graph",
        Protocol::Imap | Protocol::Pop => "reading by IMAP or POP3",
        Protocol::Smtp => "sending by SMTP",
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
pub(crate) fn token_scope(
    providers: &Book,
    client: &Client,
    of: Consent<'_>,
    granted: &str,
    protocol: Protocol,
) -> String {
    let wanted = scope::narrow(&asked_scopes(providers, client, of), protocol);
    let is_granted = |scope: &str| match protocol {
        Protocol::Imap | Protocol::Pop | Protocol::Smtp => holds(granted, scope),
        // What is granted of Graph is often written without its resource.
        Protocol::Graph => {
            holds(granted, scope) || scope.rsplit('/').next().is_some_and(|name| holds(granted, name))
        }
    };
    let kept: Vec<&str> =
        wanted.split_whitespace().filter(|scope| is_openid(scope) || is_granted(scope)).collect();
    if kept.iter().all(|scope| is_openid(scope)) { wanted } else { kept.join(" ") }
}

/// The scopes with which a grant's next token is asked for: those that a person consented to, or the one of access without
/// a person.
pub(crate) fn scope_of_grant(
    providers: &Book,
    client: &Client,
    mailbox: &Mailbox,
    grant: &Grant,
    protocol: Protocol,
) -> String {
    if is_unattended(client, grant) {
        unattended_scope(providers, client, protocol)
    } else {
        token_scope(providers, client, Consent { mailbox, side: grant.side }, &grant.scopes, protocol)
    }
}

/// A person's consent: for which mailbox, and given on which of its sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consent<'a> {
    pub mailbox: &'a Mailbox,
    pub side: Side,
}

/// What a person is asked to consent to: the registration's scopes, and where a side is spoken to by Microsoft Graph, Graph's in
/// place of those of the mail servers.
pub(crate) fn asked_scopes(providers: &Book, client: &Client, of: Consent<'_>) -> String {
    let entered = corrected(providers, client);
    let Consent { mailbox, side } = of;
    let reads = side == Side::Incoming;
    let shared = mailbox.outgoing.authentication == Authentication::Same || mailbox.sends_nothing();
    let sends = side == Side::Outgoing || shared;
    let reads_by_graph = reads && mailbox.is_by_graph(Side::Incoming);
    let sends_by_graph = sends && mailbox.is_by_graph(Side::Outgoing);
    let Some(oauth2) = oauth2(providers, client).filter(|_| reads_by_graph || sends_by_graph) else {
        return entered;
    };
    let is_read = |scope: &str| scope::is_for(scope, Protocol::Imap) || scope::is_for(scope, Protocol::Pop);
    let not_wanted = |scope: &str| {
        scope::is_for(scope, Protocol::Graph)
            || (is_read(scope) && (reads_by_graph || !reads))
            || (scope::is_for(scope, Protocol::Smtp) && sends_by_graph)
    };
    let mut asked: Vec<&str> = entered.split_whitespace().filter(|scope| !not_wanted(scope)).collect();
    let (graph, is_shared) = (&oauth2.scopes.graph, mailbox.shape == Shape::Shared);
    let of_graph = [
        (reads_by_graph, &graph.read),
        (reads_by_graph && is_shared, &graph.read_shared),
        (sends_by_graph, &graph.send),
        (sends_by_graph && is_shared, &graph.send_shared),
    ];
    asked.extend(
        of_graph
            .iter()
            .filter(|(wanted, _)| *wanted)
            .flat_map(|(_, scopes)| scopes.iter().map(String::as_str)),
    );
    asked.join(" ")
}

/// Nobody signed in for it. One that a person gave stays theirs, whatever the registration is now.
pub(crate) fn is_unattended(client: &Client, grant: &Grant) -> bool {
    client.flow.is_unattended() && !grant.has_refresh_token
}

/// The scope of access without a person: the provider's, else as it was typed.
pub(crate) fn unattended_scope(providers: &Book, client: &Client, protocol: Protocol) -> String {
    let oauth2 = oauth2(providers, client);
    let known = match client.flow {
        Flow::Code => None,
        Flow::AppOnly if protocol == Protocol::Graph => {
            oauth2.and_then(|oauth2| oauth2.graph_app_only_scope.clone())
        }
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

    pub(crate) fn mailbox() -> Mailbox {
        let side = || desk::mailboxes::mailbox::ServerSide {
            host: String::new(),
            port: 993,
            security: desk::mailboxes::mailbox::Security::Tls,
            authentication: Authentication::Microsoft,
            user: String::new(),
            has_password: false,
            client_id: None,
            grant_id: None,
        };
        let health = || desk::mailboxes::mailbox::Health {
            state: desk::mailboxes::mailbox::State::New,
            since: 0,
            reason_code: String::new(),
            reason: String::new(),
            remedy: String::new(),
        };
        let mut outgoing = side();
        outgoing.authentication = Authentication::Same;
        Mailbox {
            id: 1,
            address: "help@contoso.example".into(),
            name: String::new(),
            department_id: 1,
            notes: String::new(),
            shape: Shape::Own,
            active: true,
            removed_at: None,
            protocol: desk::mailboxes::mailbox::Protocol::Imap,
            incoming: side(),
            folder: String::new(),
            more_folders: Vec::new(),
            submission: desk::mailboxes::mailbox::Submission::Smtp,
            outgoing,
            outgoing_active: true,
            header_spoofing: false,
            fetched: desk::mailboxes::mailbox::Fetched::Nothing,
            frequency_s: 60,
            batch: 50,
            start_from: desk::mailboxes::mailbox::StartFrom::Now,
            notified: false,
            activated_at: None,
            moved_at: None,
            incoming_health: health(),
            outgoing_health: health(),
            failures: 0,
            last_fetch_at: None,
            last_mail_at: None,
            last_sent_at: None,
            due_at: 0,
        }
    }

    #[test]
    fn graph_is_asked_for_by_a_mailbox_that_uses_it_and_only_as_far_as_it_does() {
        use desk::mailboxes::mailbox::{Protocol as Fetching, Submission};
        let client = client(&mail::provider::MICROSOFT.scopes());
        let always = "openid profile email offline_access";
        let outlook = |name: &str| format!("https://outlook.office.com/{name}");
        let graph = |name: &str| format!("https://graph.microsoft.com/{name}");
        let asked = |protocol, submission, shape, side| {
            let mailbox = Mailbox { protocol, submission, shape, ..mailbox() };
            asked_scopes(Book::builtin(), &client, Consent { mailbox: &mailbox, side })
        };
        let (own, smtp, incoming) = (Shape::Own, Submission::Smtp, Side::Incoming);
        assert_eq!(asked(Fetching::Imap, smtp, own.clone(), incoming), client.scopes);
        assert_eq!(
            asked(Fetching::Graph, smtp, own.clone(), incoming),
            format!("{always} {} {}", outlook("SMTP.Send"), graph("Mail.ReadWrite"))
        );
        assert_eq!(
            asked(Fetching::Graph, Submission::Graph, own.clone(), incoming),
            format!("{always} {} {}", graph("Mail.ReadWrite"), graph("Mail.Send"))
        );
        let four = ["Mail.ReadWrite", "Mail.ReadWrite.Shared", "Mail.Send", "Mail.Send.Shared"].map(graph);
        assert_eq!(
            asked(Fetching::Graph, Submission::Graph, Shape::Shared, incoming),
            format!("{always} {}", four.join(" "))
        );
        assert_eq!(
            asked(Fetching::Imap, Submission::Graph, own, Side::Outgoing),
            format!("{always} {}", graph("Mail.Send"))
        );
        // Nothing is said of sending yet: most will choose the same for it.
        let mut open = Mailbox { protocol: Fetching::Graph, ..mailbox() };
        (open.outgoing.authentication, open.outgoing_active) = (Authentication::None, false);
        let of = Consent { mailbox: &open, side: incoming };
        assert!(asked_scopes(Book::builtin(), &client, of).ends_with(&graph("Mail.Send")));
    }

    #[test]
    fn a_token_is_for_graph_or_for_the_mail_servers_and_never_for_both() {
        use desk::mailboxes::mailbox::{Protocol as Fetching, Submission};
        let client = client(&mail::provider::MICROSOFT.scopes());
        let mailbox = Mailbox { protocol: Fetching::Graph, submission: Submission::Smtp, ..mailbox() };
        let of = Consent { mailbox: &mailbox, side: Side::Incoming };
        let scope = |granted, protocol| token_scope(Book::builtin(), &client, of, granted, protocol);
        let always = "openid profile email offline_access";
        let smtp = format!("{always} https://outlook.office.com/SMTP.Send");
        let read = format!("{always} https://graph.microsoft.com/Mail.ReadWrite");
        for granted in ["", "Mail.ReadWrite User.Read", "https://graph.microsoft.com/mail.readwrite"] {
            assert_eq!(scope(granted, Protocol::Graph), read, "{granted}");
            assert_eq!(scope(granted, Protocol::Smtp), smtp, "{granted}");
        }
        assert_eq!(resource_of(&read), "https://graph.microsoft.com");
        assert_eq!(resource_of(&smtp), "https://outlook.office.com");
    }

    #[test]
    fn a_scope_that_was_added_after_the_consent_is_not_asked_for() {
        let imap = "https://outlook.office.com/IMAP.AccessAsUser.All";
        let both = client(&format!("openid offline_access {imap} https://outlook.office.com/SMTP.Send"));
        let granted = imap.to_uppercase(); // the provider may write it in its own way
        let providers = Book::builtin();
        let mailbox = mailbox();
        let of = Consent { mailbox: &mailbox, side: Side::Incoming };
        assert_eq!(
            token_scope(providers, &both, of, &granted, Protocol::Imap),
            format!("openid offline_access {imap}")
        );
        let unknown = token_scope(providers, &both, of, "", Protocol::Imap);
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
