//! Scopes as people paste them, and as one token request may carry them: one resource at a time.

/// The mail protocol a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Imap,
    Pop,
    Smtp,
    /// Microsoft Graph, for reading and for sending: one token is for both.
    Graph,
}

impl Protocol {
    /// The names of Microsoft's delegated permissions.
    fn permissions(self) -> &'static [&'static str] {
        match self {
            Protocol::Imap => &["IMAP.AccessAsUser.All"],
            Protocol::Pop => &["POP.AccessAsUser.All"],
            Protocol::Smtp => &["SMTP.Send"],
            Protocol::Graph => &["Mail.ReadWrite", "Mail.ReadWrite.Shared", "Mail.Send", "Mail.Send.Shared"],
        }
    }
}

/// Those whose tokens are for Outlook's servers.
const OF_OUTLOOK: [Protocol; 3] = [Protocol::Imap, Protocol::Pop, Protocol::Smtp];
/// OpenID Connect Core §5.4, §11.
const OPENID: [&str; 6] = ["openid", "profile", "email", "offline_access", "address", "phone"];

/// Splits at spaces, commas and line ends, takes doubles out, and gives bare Microsoft mail permissions (which
/// would mean Graph, whose token no mail server takes) the Outlook resource: `IMAP.AccessAsUser.All` and its
/// Graph form become `{outlook}/IMAP.AccessAsUser.All`. `outlook` is the cloud's resource,
/// `https://outlook.office.com` in the global one; a resource that another scope of the text already names wins.
pub fn correct(pasted: &str, outlook: &str) -> String {
    let words: Vec<&str> = pasted
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .filter(|word| !word.is_empty())
        .collect();
    let named = words.iter().find_map(|word| {
        let (resource, name) = split(word)?;
        (!is_graph(resource) && OF_OUTLOOK.iter().any(|protocol| is(name, *protocol))).then_some(resource)
    });
    let outlook = named.unwrap_or(outlook).trim_end_matches('/');
    let mut corrected: Vec<String> = Vec::new();
    for word in words {
        let (resource, name) = split(word).unwrap_or(("", word));
        let of_outlook = OF_OUTLOOK.iter().flat_map(|protocol| protocol.permissions());
        let permission = of_outlook.copied().find(|permission| name.eq_ignore_ascii_case(permission));
        let scope = match permission {
            Some(permission) if resource.is_empty() || is_graph(resource) => {
                format!("{outlook}/{permission}")
            }
            Some(_) | None => word.to_owned(),
        };
        if !corrected.iter().any(|known| known.eq_ignore_ascii_case(&scope)) {
            corrected.push(scope);
        }
    }
    corrected.join(" ")
}

/// The scopes for one token request: OpenID's, and those of the resource that serves `protocol`. A text without
/// Microsoft's permission for it is of another provider and stays as it is.
pub fn narrow(scopes: &str, protocol: Protocol) -> String {
    let resource = scopes.split_whitespace().find_map(|scope| {
        let (resource, name) = split(scope)?;
        is(name, protocol).then_some(resource)
    });
    let Some(wanted) = resource else { return scopes.to_owned() };
    let kept = scopes.split_whitespace().filter(|scope| match split(scope) {
        Some((resource, _)) => resource.eq_ignore_ascii_case(wanted),
        None => is_openid(scope),
    });
    kept.collect::<Vec<_>>().join(" ")
}

/// Whether a scope belongs to no resource.
pub fn is_openid(scope: &str) -> bool {
    OPENID.contains(&scope)
}

/// `https://outlook.office.com/SMTP.Send` → resource and name; `None` for a bare name.
fn split(scope: &str) -> Option<(&str, &str)> {
    let (resource, name) = scope.rsplit_once('/')?;
    resource.contains("://").then_some((resource, name))
}

/// Whether a scope, with its resource or without, is Microsoft's permission for that protocol.
pub fn is_for(scope: &str, protocol: Protocol) -> bool {
    is(split(scope).map_or(scope, |(_, name)| name), protocol)
}

fn is(name: &str, protocol: Protocol) -> bool {
    protocol.permissions().iter().any(|permission| name.eq_ignore_ascii_case(permission))
}

fn is_graph(resource: &str) -> bool {
    let host = resource.split("://").nth(1).unwrap_or_default().to_ascii_lowercase();
    host.starts_with("graph.microsoft.")
        || host.starts_with("dod-graph.")
        || host.starts_with("microsoftgraph.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTLOOK: &str = "https://outlook.office.com";

    #[test]
    fn bare_and_graph_names_get_the_outlook_resource() {
        for (pasted, expected) in [
            (
                "openid, offline_access,IMAP.AccessAsUser.All\nsmtp.send",
                "openid offline_access https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send",
            ),
            (
                "https://graph.microsoft.com/POP.AccessAsUser.All",
                "https://outlook.office.com/POP.AccessAsUser.All",
            ),
            (
                "https://outlook.office365.us/IMAP.AccessAsUser.All SMTP.Send",
                "https://outlook.office365.us/IMAP.AccessAsUser.All https://outlook.office365.us/SMTP.Send",
            ),
            ("User.Read User.Read openid", "User.Read openid"),
            ("https://mail.google.com/", "https://mail.google.com/"),
            ("", ""),
        ] {
            assert_eq!(correct(pasted, OUTLOOK), expected);
        }
    }

    #[test]
    fn a_token_request_names_one_resource() {
        let all = "openid profile offline_access https://outlook.office.com/IMAP.AccessAsUser.All \
                   https://outlook.office.com/SMTP.Send User.Read https://graph.microsoft.com/Mail.Send";
        let outlook = "openid profile offline_access https://outlook.office.com/IMAP.AccessAsUser.All \
                       https://outlook.office.com/SMTP.Send";
        assert_eq!(narrow(all, Protocol::Imap), outlook);
        assert_eq!(narrow(all, Protocol::Smtp), outlook);
        let graph = "openid profile offline_access https://graph.microsoft.com/Mail.Send";
        assert_eq!(narrow(all, Protocol::Graph), graph);
        for other in ["https://mail.google.com/ openid", "mail:imap_full mail:smtp", "openid email"] {
            assert_eq!(narrow(other, Protocol::Imap), other);
        }
    }
}
