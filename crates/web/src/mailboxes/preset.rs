//! What the page fills in when *OAuth2 - Microsoft* is chosen: the provider's servers and endpoints, or in a
//! demo those of its practice provider.
use mail::provider;
use url::Url;

/// A pretend Microsoft 365 on this machine, under the demo mark.
#[derive(Clone, Debug)]
pub struct Practice {
    /// Its pages of app registrations; the endpoints have the same origin.
    pub portal: Url,
    pub imap_port: u16,
    pub smtp_port: u16,
}

#[derive(Clone, Debug)]
pub struct Preset {
    pub portal: String,
    pub imap: Place,
    pub smtp: Place,
    /// With `{tenant}` where the tenant belongs.
    pub authorization_endpoint: String,
    pub token_endpoint: String,
}

#[derive(Clone, Debug)]
pub struct Place {
    pub host: String,
    pub port: u16,
    pub security: &'static str,
}

impl Preset {
    pub fn of(practice: Option<&Practice>) -> Preset {
        let microsoft = &provider::MICROSOFT;
        let Some(practice) = practice else {
            let oauth2 = microsoft.oauth2.as_ref();
            return Preset {
                portal: oauth2.and_then(|oauth2| oauth2.portal.clone()).unwrap_or_default(),
                imap: Place::of(&microsoft.imap),
                smtp: Place::of(&microsoft.smtp),
                authorization_endpoint: oauth2.map(|o| o.authorization_endpoint.clone()).unwrap_or_default(),
                token_endpoint: oauth2.map(|o| o.token_endpoint.clone()).unwrap_or_default(),
            };
        };
        let origin = practice.portal.origin().ascii_serialization();
        let here = |port, security| Place { host: "localhost".to_owned(), port, security };
        Preset {
            portal: practice.portal.to_string(),
            imap: here(practice.imap_port, "tls"),
            smtp: here(practice.smtp_port, "starttls"),
            authorization_endpoint: format!("{origin}/{{tenant}}/oauth2/v2.0/authorize"),
            token_endpoint: format!("{origin}/{{tenant}}/oauth2/v2.0/token"),
        }
    }
}

impl Place {
    fn of(server: &provider::Server) -> Place {
        let security = match server.security {
            provider::Security::Tls => "tls",
            provider::Security::Starttls => "starttls",
        };
        Place { host: server.host.clone(), port: server.port, security }
    }
}
