//! Reads presets from TOML.  Every value is checked where it is read, so that an error names its line; what is missing
//! comes from the preset that is changed or that an entry is `like`.

mod value;

use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::{
    ClientSecret, Dns, Family, GraphScopes, OAuth2, Password, Preset, Profile, Registration, Sasl, Scopes,
    Security, Server, TENANT,
};
use value::{Claim, Domain, Endpoint, Host, Key, Parameters, Port, Record, Scope, Sentence, Tenant};

/// A file is written by hand: more is a mistake.
const BYTES_MAX: usize = 256 * 1024;
const PROVIDERS_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    provider: Vec<Spanned<Entry>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    key: Key,
    like: Option<Key>,
    family: Option<Family>,
    label: Option<Sentence>,
    domains: Option<Vec<Domain>>,
    password: Option<Password>,
    password_warning: Option<Sentence>,
    warnings: Option<Vec<Sentence>>,
    imap: Option<ServerEntry>,
    pop: Option<ServerEntry>,
    smtp: Option<ServerEntry>,
    graph: Option<ServerEntry>,
    saves_sent: Option<bool>,
    sends_a_minute_max: Option<u32>,
    dns: Option<DnsEntry>,
    oauth2: Option<OAuth2Entry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DnsEntry {
    spf_include: Record,
    #[serde(default)]
    dkim_selectors: Vec<Record>,
    dkim_page: Option<Sentence>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerEntry {
    host: Host,
    port: Port,
    security: Security,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopesEntry {
    #[serde(default)]
    always: Vec<Scope>,
    #[serde(default)]
    imap: Vec<Scope>,
    #[serde(default)]
    pop: Vec<Scope>,
    #[serde(default)]
    smtp: Vec<Scope>,
    graph: Option<GraphScopesEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GraphScopesEntry {
    read: Vec<Scope>,
    #[serde(default)]
    read_shared: Vec<Scope>,
    send: Vec<Scope>,
    #[serde(default)]
    send_shared: Vec<Scope>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileEntry {
    endpoint: Endpoint,
    attribute: Claim,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OAuth2Entry {
    portal: Option<Endpoint>,
    portal_name: Option<Sentence>,
    registration: Option<Registration>,
    authorization_endpoint: Option<Endpoint>,
    token_endpoint: Option<Endpoint>,
    device_endpoint: Option<Endpoint>,
    admin_consent_endpoint: Option<Endpoint>,
    revocation_endpoint: Option<Endpoint>,
    userinfo_endpoint: Option<Endpoint>,
    discovery_endpoint: Option<Endpoint>,
    keys_endpoint: Option<Endpoint>,
    issuer: Option<Endpoint>,
    profile: Option<ProfileEntry>,
    tenant: Option<Tenant>,
    scopes: Option<ScopesEntry>,
    resource: Option<Endpoint>,
    one_resource_per_token: Option<bool>,
    app_only_scope: Option<Scope>,
    app_only_consent_scopes: Option<Vec<Scope>>,
    graph_app_only_scope: Option<Scope>,
    service_account_scope: Option<Scope>,
    authorize: Option<Parameters>,
    token: Option<Parameters>,
    address_claims: Option<Vec<Claim>>,
    client_secret: Option<ClientSecret>,
    secret_is_no_guid: Option<bool>,
    secret_months_max: Option<u32>,
    certificate: Option<bool>,
    granted_scope_checked: Option<bool>,
    refresh_token_stays: Option<bool>,
    callback_needs_public_name: Option<bool>,
    sasl: Option<Sasl>,
    az_cloud: Option<Claim>,
    graph_environment: Option<Claim>,
}

/// What `$new` does not say is taken from `$old`.
macro_rules! fill {
    ($new:ident from $old:ident: $($field:ident)*) => {
        $(if $new.$field.is_none() { $new.$field.clone_from(&$old.$field); })*
    };
}

impl Entry {
    pub(super) fn key(&self) -> &str {
        self.key.get()
    }

    /// `itself`: the other is the same provider, and not only one like it.
    fn fill(&mut self, other: &Entry, itself: bool) {
        if itself {
            fill!(self from other: label domains warnings);
        }
        fill!(self from other: family password password_warning imap pop smtp graph saves_sent sends_a_minute_max dns);
        match (&mut self.oauth2, &other.oauth2) {
            (Some(own), Some(theirs)) => own.fill(theirs),
            (own @ None, theirs) => own.clone_from(theirs),
            (Some(_), None) => {}
        }
    }

    /// `Err`: what is missing.
    fn preset(&self) -> Result<Preset, &'static str> {
        let oauth2 = self.oauth2.as_ref().map(OAuth2Entry::whole).transpose()?;
        Ok(Preset {
            key: self.key().to_owned(),
            family: self.family.unwrap_or(Family::Other),
            label: self.label.as_ref().ok_or("label")?.get().to_owned(),
            domains: all(self.domains.as_deref(), Domain::get),
            password: self.password.unwrap_or(Password::Usual),
            password_warning: self.password_warning.as_ref().map(|text| text.get().to_owned()),
            warnings: all(self.warnings.as_deref(), Sentence::get),
            imap: self.imap.as_ref().ok_or("imap")?.server(),
            pop: self.pop.as_ref().map(ServerEntry::server),
            smtp: self.smtp.as_ref().ok_or("smtp")?.server(),
            graph: self.graph.as_ref().map(ServerEntry::server).filter(|graph| !graph.host.is_empty()),
            saves_sent: self.saves_sent.unwrap_or(false),
            sends_a_minute_max: self.sends_a_minute_max.filter(|most| *most > 0),
            dns: self.dns.as_ref().map(|dns| Dns {
                spf_include: dns.spf_include.get().to_owned(),
                dkim_selectors: all(Some(&dns.dkim_selectors), Record::get),
                dkim_page: dns.dkim_page.as_ref().map(|page| page.get().to_owned()),
            }),
            oauth2,
        })
    }
}

impl ServerEntry {
    fn server(&self) -> Server {
        Server { host: self.host.get().to_owned(), port: self.port.get(), security: self.security }
    }
}

impl OAuth2Entry {
    fn fill(&mut self, other: &OAuth2Entry) {
        // Tokens that come from somewhere else go nowhere that only the other provider vouches for.
        let elsewhere =
            |own: &Endpoint| other.token_endpoint.as_ref().is_none_or(|t| origin(t) != origin(own));
        let is_elsewhere = self.token_endpoint.as_ref().is_some_and(elsewhere);
        let own = (self.userinfo_endpoint.clone(), self.profile.clone());
        fill!(self from other:
            portal portal_name registration authorization_endpoint token_endpoint device_endpoint admin_consent_endpoint
            revocation_endpoint userinfo_endpoint discovery_endpoint keys_endpoint issuer profile tenant scopes
            resource one_resource_per_token app_only_scope app_only_consent_scopes graph_app_only_scope service_account_scope
            authorize
            token address_claims client_secret secret_is_no_guid secret_months_max certificate granted_scope_checked
            refresh_token_stays callback_needs_public_name sasl az_cloud
            graph_environment);
        if is_elsewhere {
            (self.userinfo_endpoint, self.profile) = own;
        }
    }

    fn whole(&self) -> Result<OAuth2, &'static str> {
        // Empty takes away what another provider has.
        let endpoint = |entered: &Option<Endpoint>| {
            entered.as_ref().map(|e| e.get().to_owned()).filter(|e| !e.is_empty())
        };
        let scope =
            |entered: &Option<Scope>| entered.as_ref().map(|s| s.get().to_owned()).filter(|s| !s.is_empty());
        let scopes = self.scopes.as_ref().ok_or("oauth2.scopes")?;
        let flag = |entered: Option<bool>| entered.unwrap_or(false);
        let claims = all(self.address_claims.as_deref(), Claim::get);
        Ok(OAuth2 {
            portal: endpoint(&self.portal),
            portal_name: self.portal_name.as_ref().map(|name| name.get().to_owned()),
            registration: self.registration.unwrap_or(Registration::Open),
            authorization_endpoint: endpoint(&self.authorization_endpoint)
                .ok_or("oauth2.authorization_endpoint")?,
            token_endpoint: endpoint(&self.token_endpoint).ok_or("oauth2.token_endpoint")?,
            device_endpoint: endpoint(&self.device_endpoint),
            admin_consent_endpoint: endpoint(&self.admin_consent_endpoint),
            revocation_endpoint: endpoint(&self.revocation_endpoint),
            userinfo_endpoint: endpoint(&self.userinfo_endpoint),
            discovery_endpoint: endpoint(&self.discovery_endpoint),
            keys_endpoint: endpoint(&self.keys_endpoint),
            issuer: endpoint(&self.issuer),
            profile: self.profile.as_ref().map(|profile| Profile {
                endpoint: profile.endpoint.get().to_owned(),
                attribute: profile.attribute.get().to_owned(),
            }),
            tenant: self.tenant.as_ref().map(|tenant| tenant.get().to_owned()),
            scopes: scopes.whole().ok_or("oauth2.scopes")?,
            resource: endpoint(&self.resource),
            one_resource_per_token: flag(self.one_resource_per_token),
            app_only_scope: scope(&self.app_only_scope),
            app_only_consent_scopes: all(self.app_only_consent_scopes.as_deref(), Scope::get),
            graph_app_only_scope: scope(&self.graph_app_only_scope),
            service_account_scope: scope(&self.service_account_scope),
            authorize: self.authorize.as_ref().map(Parameters::all).unwrap_or_default(),
            token: self.token.as_ref().map(Parameters::all).unwrap_or_default(),
            address_claims: if claims.is_empty() {
                vec!["email".to_owned(), "preferred_username".to_owned()]
            } else {
                claims
            },
            client_secret: self.client_secret.unwrap_or(ClientSecret::Needed),
            secret_is_no_guid: flag(self.secret_is_no_guid),
            secret_months_max: self.secret_months_max,
            certificate: flag(self.certificate),
            granted_scope_checked: flag(self.granted_scope_checked),
            refresh_token_stays: flag(self.refresh_token_stays),
            callback_needs_public_name: flag(self.callback_needs_public_name),
            sasl: self.sasl.unwrap_or(Sasl::Auto),
            az_cloud: self.az_cloud.as_ref().map(|name| name.get().to_owned()),
            graph_environment: self.graph_environment.as_ref().map(|name| name.get().to_owned()),
        })
    }
}

impl ScopesEntry {
    /// `None` when there is none for reading or none for sending.
    fn whole(&self) -> Option<Scopes> {
        let list = |scopes: &[Scope]| all(Some(scopes), Scope::get);
        let scopes = Scopes {
            always: list(&self.always),
            imap: list(&self.imap),
            pop: list(&self.pop),
            smtp: list(&self.smtp),
            graph: self.graph.as_ref().map(GraphScopesEntry::whole).unwrap_or_default(),
        };
        (!scopes.imap.is_empty() && !scopes.smtp.is_empty()).then_some(scopes)
    }
}

impl GraphScopesEntry {
    fn whole(&self) -> GraphScopes {
        let list = |scopes: &[Scope]| all(Some(scopes), Scope::get);
        GraphScopes {
            read: list(&self.read),
            read_shared: list(&self.read_shared),
            send: list(&self.send),
            send_shared: list(&self.send_shared),
        }
    }
}

fn all<T>(list: Option<&[T]>, get: fn(&T) -> &str) -> Vec<String> {
    list.unwrap_or_default().iter().map(|item| get(item).to_owned()).collect()
}

/// The entries of a text over those that are known, filled, and the presets that they make.
pub(super) fn read(text: &str, known: &[Entry]) -> Result<(Vec<Entry>, Vec<Preset>), String> {
    if text.len() > BYTES_MAX {
        return Err(format!("The file has {} bytes; at most {BYTES_MAX} are read.", text.len()));
    }
    let file: File = toml::from_str(text).map_err(|error| worded(text, &error))?;
    if file.provider.len() > PROVIDERS_MAX {
        return Err(format!(
            "The file has {} providers; at most {PROVIDERS_MAX} are read.",
            file.provider.len()
        ));
    }
    let (mut entries, mut presets) = (Vec::<Entry>::new(), Vec::new());
    for entry in file.provider {
        let line = line_of(text, entry.span().start);
        let mut entry = entry.into_inner();
        let key = entry.key().to_owned();
        if entries.iter().any(|other| other.key() == key) {
            return Err(format!("Line {line}: the provider “{key}” stands in the file twice."));
        }
        if let Some(itself) = known.iter().find(|other| other.key() == key) {
            entry.fill(itself, true);
        }
        if let Some(like) = entry.like.as_ref().map(|like| like.get().to_owned()) {
            let other = entries.iter().chain(known).find(|other| other.key() == like);
            let Some(other) = other else {
                return Err(format!(
                    "Line {line}: the provider “{key}” is to be like “{like}”, which is neither built in nor above it."
                ));
            };
            entry.fill(&other.clone(), false);
        }
        let preset = entry.preset().map_err(|missing| {
            format!("Line {line}: the provider “{key}” has no {missing}. Name it, or name with like = \"…\" a provider to take it from.")
        })?;
        if let Some(field) = preset.oauth2.as_ref().and_then(elsewhere) {
            return Err(format!(
                "Line {line}: the {field} of “{key}” is at another address than its token_endpoint, and the secret and the \
                 tokens would go there. Name one at the same host, or {field} = \"\" for none."
            ));
        }
        entries.push(entry);
        presets.push(preset);
    }
    Ok((entries, presets))
}

/// The tenant stands in a path or, at some, in the host.
fn origin_of(endpoint: &str) -> Option<url::Origin> {
    Some(Url::parse(&endpoint.replace(TENANT, "tenant")).ok()?.origin())
}

fn origin(endpoint: &Endpoint) -> Option<url::Origin> {
    origin_of(endpoint.get())
}

/// An endpoint that is shown the secret or a refresh token and is not where the token endpoint is.
fn elsewhere(oauth2: &OAuth2) -> Option<&'static str> {
    let home = origin_of(&oauth2.token_endpoint);
    [("device_endpoint", &oauth2.device_endpoint), ("revocation_endpoint", &oauth2.revocation_endpoint)]
        .into_iter()
        .find(|(_, at)| at.as_deref().is_some_and(|at| origin_of(at) != home))
        .map(|(field, _)| field)
}

/// A sentence with the line.
fn worded(text: &str, error: &toml::de::Error) -> String {
    let line = line_of(text, error.span().map_or(0, |span| span.start));
    let said = error.message();
    let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let at = error.span().and_then(|span| text.get(span)).map(str::trim).filter(|at| at.len() < 60);
    let sentence = match quoted.split_first() {
        _ if said == "duplicate key" => format!("“{}” stands here twice", at.unwrap_or("the setting")),
        Some((unknown, rest)) if said.starts_with("unknown field") => {
            format!("there is no setting “{unknown}” here; there are {}", rest.join(", "))
        }
        Some((unknown, rest)) if said.starts_with("unknown variant") => {
            format!("“{unknown}” is none of {}", rest.join(", "))
        }
        _ => said.trim().replace('`', "").replace('\n', "; "),
    };
    format!("Line {line}: {}.", sentence.trim_end_matches('.'))
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
