//! The permissions an app can ask for, in the portal's words, and scopes as strings: which resource, which
//! permission. Not who has consented.

use std::collections::BTreeSet;

pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
pub(crate) const OUTLOOK: &str = "https://outlook.office.com";
/// Exchange takes both hosts; they name one resource.
const OUTLOOK_365: &str = "https://outlook.office365.com";

#[derive(Debug)]
pub(crate) struct Permission {
    pub name: &'static str,
    /// Where it is listed in the portal's *Request API permissions*.
    pub group: &'static str,
    pub description: &'static str,
    /// What the consent page says.
    pub consent: &'static str,
    pub resources: &'static [&'static str],
}

const OPENID: &str = "OpenId permissions";

macro_rules! permission {
    ($name:literal, $group:expr, $description:literal, $consent:literal, $resources:expr) => {
        Permission {
            name: $name,
            group: $group,
            description: $description,
            consent: $consent,
            resources: $resources,
        }
    };
}

pub(crate) const PERMISSIONS: &[Permission] = &[
    permission!("email", OPENID, "View users' email address", "View your email address", &[]),
    permission!(
        "offline_access",
        OPENID,
        "Maintain access to data you have given it access to",
        "Maintain access to data you have given it access to",
        &[]
    ),
    permission!("openid", OPENID, "Sign users in", "Sign you in", &[]),
    permission!("profile", OPENID, "View users' basic profile", "View your basic profile", &[]),
    permission!(
        "IMAP.AccessAsUser.All",
        "IMAP",
        "Read and write access to mailboxes via IMAP.",
        "Read and write access to your mail via IMAP",
        &[GRAPH, OUTLOOK]
    ),
    permission!("Mail.Read", "Mail", "Read user mail", "Read your mail", &[GRAPH, OUTLOOK]),
    permission!(
        "Mail.Read.Shared",
        "Mail",
        "Read user and shared mail",
        "Read mail you can access",
        &[GRAPH, OUTLOOK]
    ),
    permission!(
        "Mail.ReadWrite",
        "Mail",
        "Read and write access to user mail",
        "Read and write access to your mail",
        &[GRAPH, OUTLOOK]
    ),
    permission!(
        "Mail.ReadWrite.Shared",
        "Mail",
        "Read and write user and shared mail",
        "Read and write mail you can access",
        &[GRAPH, OUTLOOK]
    ),
    permission!("Mail.Send", "Mail", "Send mail as a user", "Send mail as you", &[GRAPH, OUTLOOK]),
    permission!(
        "Mail.Send.Shared",
        "Mail",
        "Send mail on behalf of others",
        "Send mail on behalf of others or yourself",
        &[GRAPH, OUTLOOK]
    ),
    permission!(
        "POP.AccessAsUser.All",
        "POP",
        "Read and write access to mailboxes via POP.",
        "Read and write access to your mail via POP",
        &[GRAPH, OUTLOOK]
    ),
    permission!(
        "SMTP.Send",
        "SMTP",
        "Send emails from mailboxes using SMTP AUTH.",
        "Send emails as you using SMTP AUTH",
        &[GRAPH, OUTLOOK]
    ),
    permission!(
        "User.Read",
        "User",
        "Sign in and read user profile",
        "Sign you in and read your profile",
        &[GRAPH]
    ),
];

pub(crate) fn find(name: &str) -> Option<&'static Permission> {
    PERMISSIONS.iter().find(|permission| permission.name.eq_ignore_ascii_case(name))
}

/// What an application may be allowed by itself.
#[derive(Debug)]
pub(crate) struct Role {
    pub name: &'static str,
    pub description: &'static str,
    pub resource: &'static str,
}

macro_rules! roles {
    ($($name:literal $resource:ident $description:literal)*) => {
        pub(crate) const APPLICATION: &[Role] =
            &[ $( Role { name: $name, description: $description, resource: $resource }, )* ];
    };
}

roles! {
    "IMAP.AccessAsApp" OUTLOOK "IMAP.AccessAsApp"
    "POP.AccessAsApp" OUTLOOK "POP.AccessAsApp"
    "SMTP.SendAsApp" OUTLOOK "Application access for sending emails via SMTP AUTH"
    "Mail.Read" GRAPH "Read mail in all mailboxes"
    "Mail.ReadWrite" GRAPH "Read and write mail in all mailboxes"
    "Mail.Send" GRAPH "Send mail as any user"
}

/// Those of Microsoft Graph, or those of Office 365 Exchange Online.
pub(crate) fn roles_of(resource: &str) -> impl Iterator<Item = &'static Role> {
    APPLICATION.iter().filter(move |role| role.resource == resource)
}

pub(crate) fn resource_of_role(name: &str) -> Option<&'static str> {
    APPLICATION.iter().find(|role| role.name == name).map(|role| role.resource)
}

/// The resource of `{resource}/.default`, if Contoso has it. The admin consent of multi-tenant apps names
/// Exchange by an older address.
pub(crate) fn resource_of_default(scope: &str) -> Option<Result<&'static str, BadScope>> {
    let resource = scope.strip_suffix("/.default")?;
    Some(match resource.trim_end_matches('/') {
        GRAPH => Ok(GRAPH),
        OUTLOOK | OUTLOOK_365 | "https://ps.outlook.com" => Ok(OUTLOOK),
        other => Err(BadScope::NoResource(other.to_owned())),
    })
}

/// The scopes a mailbox asks for, all of Outlook.
pub(crate) const SCOPES_OF_THE_GUIDE: &str = "openid profile email offline_access https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/POP.AccessAsUser.All https://outlook.office.com/SMTP.Send";

/// The scopes a mailbox asks for that is reached by Microsoft Graph.
pub(crate) const SCOPES_FOR_GRAPH: &str = "openid profile email offline_access https://graph.microsoft.com/Mail.ReadWrite https://graph.microsoft.com/Mail.Send https://graph.microsoft.com/Mail.ReadWrite.Shared https://graph.microsoft.com/Mail.Send.Shared";

/// The permissions the guide has the administrator add.
pub(crate) fn of_the_guide() -> BTreeSet<String> {
    [
        "User.Read",
        "offline_access",
        "openid",
        "profile",
        "email",
        "IMAP.AccessAsUser.All",
        "POP.AccessAsUser.All",
        "SMTP.Send",
    ]
    .map(str::to_owned)
    .into()
}

/// One scope of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scope {
    /// `None` for the OpenID scopes, which belong to no resource.
    pub resource: Option<&'static str>,
    pub permission: &'static str,
}

/// Why a scope was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadScope {
    /// The resource has no such permission.
    Unknown { scope: String, resource: String },
    /// There is no such resource at Contoso.
    NoResource(String),
}

impl Scope {
    /// A name without a resource means Microsoft Graph, as at Microsoft.
    pub fn parse(text: &str) -> Result<Scope, BadScope> {
        let (resource, name) = match text.rsplit_once('/') {
            None => (GRAPH, text),
            Some((GRAPH, name)) => (GRAPH, name),
            Some((OUTLOOK | OUTLOOK_365, name)) => (OUTLOOK, name),
            Some((other, _)) => return Err(BadScope::NoResource(other.to_owned())),
        };
        let unknown = || BadScope::Unknown { scope: name.to_owned(), resource: resource.to_owned() };
        let permission = find(name).ok_or_else(unknown)?;
        if permission.resources.is_empty() {
            return Ok(Scope { resource: None, permission: permission.name });
        }
        if !permission.resources.contains(&resource) {
            return Err(unknown());
        }
        Ok(Scope { resource: Some(resource), permission: permission.name })
    }

    /// Each scope once, in the order named.
    pub fn parse_all(text: &str) -> Result<Vec<Scope>, BadScope> {
        let mut scopes = Vec::new();
        for word in text.split_ascii_whitespace() {
            let scope = Scope::parse(word)?;
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        Ok(scopes)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.resource {
            Some(resource) => write!(f, "{resource}/{}", self.permission),
            None => f.write_str(self.permission),
        }
    }
}

pub(crate) fn join(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(" ")
}

/// The resources named, in the order in which they are named.
pub(crate) fn resources(scopes: &[Scope]) -> Vec<&'static str> {
    let mut found = Vec::new();
    for resource in scopes.iter().filter_map(|scope| scope.resource) {
        if !found.contains(&resource) {
            found.push(resource);
        }
    }
    found
}

/// A resource that was not asked for.
pub(crate) fn another(resource: &str) -> &'static str {
    if resource == GRAPH { OUTLOOK } else { GRAPH }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_means_graph_and_both_outlook_hosts_are_one_resource() {
        assert_eq!(Scope::parse("IMAP.AccessAsUser.All").unwrap().resource, Some(GRAPH));
        assert_eq!(
            Scope::parse("https://outlook.office365.com/SMTP.Send").unwrap().to_string(),
            "https://outlook.office.com/SMTP.Send"
        );
        assert_eq!(Scope::parse("offline_access").unwrap().resource, None);
        assert!(matches!(
            Scope::parse("https://outlook.office.com/User.Read"),
            Err(BadScope::Unknown { .. })
        ));
        assert!(matches!(Scope::parse("https://example.org/Mail.Read"), Err(BadScope::NoResource(_))));
    }
}
