//! Tenant and endpoints of a Microsoft registration agree: a tenant fills both endpoints, a pasted endpoint fills
//! the tenant, two tenants are refused, and nothing silently becomes `common`.
//!
//! Works on the shape of the address (`/{tenant}/oauth2/v2.0/authorize`), not on its host: every cloud of Microsoft
//! has the shape, and so has the practice provider.
use crate::{Refusal, Result};
use mail::provider::Preset;
use url::Url;

const AUTHORIZE: &str = "authorize";
const TOKEN: &str = "token";
const AUTHORIZATION_FIELD: &str = "Authorization Endpoint";
const TOKEN_FIELD: &str = "Token Endpoint";

/// The three fields that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub tenant: String,
    pub authorization: String,
    pub token: String,
}

/// What the three become: `old` is what was stored, `new` what was entered.
pub(super) fn agree(preset: &Preset, old: &Fields, new: &Fields) -> Result<Fields> {
    let new = Fields {
        tenant: new.tenant.trim().to_owned(),
        // The template itself says nothing yet.
        authorization: entered(&new.authorization),
        token: entered(&new.token),
    };
    checked_tenant(&new.tenant)?;
    let authorization = Shape::of(&new.authorization, AUTHORIZATION_FIELD)?;
    let token = Shape::of(&new.token, TOKEN_FIELD)?;
    let pasted = new.authorization != old.authorization && authorization.is_some()
        || new.token != old.token && token.is_some();
    let tenant_changed = new.tenant != old.tenant && !new.tenant.is_empty();
    // An empty one follows the other; one of another shape is somebody's own, and a secret entered for it goes nowhere
    // else.
    let like = |other: &Option<Shape>, own: &str| other.clone().filter(|_| own.is_empty());
    let of_authorization = authorization.clone().or_else(|| like(&token, &new.authorization));
    let of_token = token.or_else(|| like(&authorization, &new.token));
    let Some(named) = of_authorization.as_ref().or(of_token.as_ref()).map(|shape| shape.tenant.clone())
    else {
        return from_preset(preset, new);
    };
    let filled = |tenant: &str| {
        let fill = |shape: &Option<Shape>, own: &str, verb| {
            shape.as_ref().map_or_else(|| own.to_owned(), |shape| shape.with(tenant, verb))
        };
        Fields {
            authorization: fill(&of_authorization, &new.authorization, AUTHORIZE),
            token: fill(&of_token, &new.token, TOKEN),
            tenant: tenant.to_owned(),
        }
    };
    if tenant_changed && !pasted {
        // The tenant was edited and the endpoints follow, where they are.
        return Ok(filled(&new.tenant));
    }
    if let Some(of_token) = of_token.as_ref().filter(|of_token| !same(&named, &of_token.tenant)) {
        return Err(Refusal::TwoTenants { authorization: named, token: of_token.tenant.clone() }.into());
    }
    if tenant_changed && !same(&new.tenant, &named) {
        return Err(Refusal::BadEndpoint {
            field: "Tenant",
            why: format!(
                "it says {}, but the endpoints name {named}. Use one tenant for all three.",
                new.tenant
            ),
        }
        .into());
    }
    // Each in its own spelling: `Contoso.com` and `contoso.com` are one tenant.
    let spelled = |shape: &Option<Shape>| shape.as_ref().map_or_else(|| named.clone(), |s| s.tenant.clone());
    let (authorization, token) =
        (filled(&spelled(&of_authorization)).authorization, filled(&spelled(&of_token)).token);
    Ok(Fields { authorization, token, tenant: named })
}

/// No endpoint has the shape: the tenant fills what is empty. A custom address of another shape stays as it is.
fn from_preset(preset: &Preset, new: Fields) -> Result<Fields> {
    if !new.authorization.is_empty() && !new.token.is_empty() {
        return Ok(new);
    }
    if new.tenant.is_empty() {
        return Err(Refusal::Required("Tenant").into());
    }
    Ok(or_of_preset(Some(preset), new))
}

/// What is empty is the preset's, if there is one.
pub(super) fn or_of_preset(preset: Option<&Preset>, new: Fields) -> Fields {
    let Some(endpoints) = preset.and_then(|preset| preset.endpoints(&new.tenant)) else { return new };
    let or = |own: String, theirs: String| if own.is_empty() { theirs } else { own };
    Fields {
        authorization: or(new.authorization, endpoints.authorization),
        token: or(new.token, endpoints.token),
        tenant: new.tenant,
    }
}

/// An endpoint as entered; one that still holds `{tenant}` is the example of the page.
fn entered(endpoint: &str) -> String {
    let endpoint = endpoint.trim();
    if endpoint.contains("{tenant}") { String::new() } else { endpoint.to_owned() }
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// An id, a domain, or one of the three words: nothing that could bend an address.
fn checked_tenant(tenant: &str) -> Result<()> {
    let fine = tenant.len() <= 255
        && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if fine && !matches!(tenant, "." | "..") {
        return Ok(());
    }
    let why =
        "use the Directory (tenant) ID, a domain of the organization, or common, organizations or consumers."
            .into();
    Err(Refusal::BadEndpoint { field: "Tenant", why }.into())
}

/// `origin/{tenant}/oauth2/v2.0/verb`.
#[derive(Clone, Debug)]
struct Shape {
    url: Url,
    tenant: String,
}
impl Shape {
    fn of(endpoint: &str, field: &'static str) -> Result<Option<Shape>> {
        let Ok(url) = Url::parse(endpoint) else { return Ok(None) };
        let segments: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
        match segments.as_slice() {
            [tenant, "oauth2", "v2.0", AUTHORIZE | TOKEN] if !tenant.is_empty() => {
                let tenant = (*tenant).to_owned();
                checked_tenant(&tenant)?;
                Ok(Some(Shape { url, tenant }))
            }
            [_, "oauth2", AUTHORIZE | TOKEN] => {
                let why = "this is the first version of the endpoint. Take the one with /oauth2/v2.0/ in it \
                           (Overview › Endpoints)."
                    .into();
                Err(Refusal::BadEndpoint { field, why }.into())
            }
            _ => Ok(None),
        }
    }
    fn with(&self, tenant: &str, verb: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(&format!("/{tenant}/oauth2/v2.0/{verb}"));
        url.set_query(None);
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(old: &Fields, new: &Fields) -> Result<Fields> {
        super::agree(&mail::provider::MICROSOFT, old, new)
    }

    const A: &str = "https://login.microsoftonline.com/T/oauth2/v2.0/authorize";
    const K: &str = "https://login.microsoftonline.com/T/oauth2/v2.0/token";

    fn fields(tenant: &str, authorization: &str, token: &str) -> Fields {
        Fields { tenant: tenant.into(), authorization: authorization.into(), token: token.into() }
    }
    fn of(tenant: &str) -> Fields {
        fields(tenant, &A.replace('T', tenant), &K.replace('T', tenant))
    }
    fn said(old: &Fields, new: &Fields) -> String {
        agree(old, new).map(|f| format!("{f:?}")).unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn an_endpoint_of_another_shape_is_never_replaced() {
        let fields = |tenant: &str, authorization: &str, token: &str| Fields {
            tenant: tenant.to_owned(),
            authorization: authorization.to_owned(),
            token: token.to_owned(),
        };
        let usual = "https://login.example/t1/oauth2/v2.0/authorize";
        for own in ["https://proxy.example/token", "garbage", "https://[fe80::1%25eth0]/t1/oauth2/v2.0/token"]
        {
            let agreed = agree(&fields("", "", ""), &fields("", usual, own)).unwrap();
            assert_eq!(agreed, fields("t1", usual, own));
        }
        let own = "https://proxy.example/begin";
        let token = "https://login.example/t1/oauth2/v2.0/token";
        let stored = fields("t1", own, token);
        let agreed = agree(&stored, &fields("t2", own, token)).unwrap();
        assert_eq!(agreed, fields("t2", own, "https://login.example/t2/oauth2/v2.0/token"));
    }

    #[test]
    fn a_tenant_fills_both_endpoints() {
        assert_eq!(agree(&fields("", "", ""), &fields(" contoso.com ", "", "")).unwrap(), of("contoso.com"));
        let example = fields("contoso.com", &A.replace('T', "{tenant}"), &K.replace('T', "{tenant}"));
        assert_eq!(agree(&fields("", "", ""), &example).unwrap(), of("contoso.com"));
    }

    #[test]
    fn a_changed_tenant_changes_the_endpoints_where_they_are() {
        let mut new = of("one");
        new.tenant = "two".into();
        assert_eq!(agree(&of("one"), &new).unwrap(), of("two"));
        let here = fields(
            "one",
            "http://127.0.0.1:9/one/oauth2/v2.0/authorize",
            "http://127.0.0.1:9/one/oauth2/v2.0/token",
        );
        let there = fields(
            "two",
            "http://127.0.0.1:9/two/oauth2/v2.0/authorize",
            "http://127.0.0.1:9/two/oauth2/v2.0/token",
        );
        assert_eq!(agree(&here, &Fields { tenant: "two".into(), ..here.clone() }).unwrap(), there);
    }

    #[test]
    fn a_pasted_endpoint_fills_the_tenant_and_the_other_endpoint() {
        assert_eq!(agree(&fields("", "", ""), &fields("", &A.replace('T', "one"), "")).unwrap(), of("one"));
        assert_eq!(agree(&fields("", "", ""), &fields("", "", &K.replace('T', "one"))).unwrap(), of("one"));
        assert_eq!(agree(&of("one"), &Fields { tenant: "one".into(), ..of("two") }).unwrap(), of("two"));
    }

    #[test]
    fn two_tenants_are_refused() {
        let two = fields("", &A.replace('T', "one"), &K.replace('T', "two"));
        assert!(said(&fields("", "", ""), &two).contains("two tenants, one and two"));
        let half = Fields { authorization: A.replace('T', "two"), ..of("one") };
        assert!(said(&of("one"), &half).contains("two tenants, two and one"));
        let third = Fields { tenant: "three".into(), ..of("two") };
        assert!(said(&of("one"), &third).contains("it says three, but the endpoints name two"));
    }

    #[test]
    fn nothing_silently_becomes_common() {
        assert_eq!(said(&fields("", "", ""), &fields("", "", "")), "Tenant is needed.");
        assert_eq!(agree(&fields("", "", ""), &of("common")).unwrap().tenant, "common");
    }

    #[test]
    fn the_first_version_of_an_endpoint_and_a_tenant_that_bends_the_address_are_refused() {
        let first = fields("", "https://login.microsoftonline.com/one/oauth2/authorize", "");
        assert!(said(&fields("", "", ""), &first).contains("/oauth2/v2.0/"));
        for bad in ["a/b", "a b", "..", "a?b", "@evil.example", "a%2fb"] {
            assert!(said(&fields("", "", ""), &fields(bad, "", "")).starts_with("Tenant: "), "{bad}");
        }
    }

    #[test]
    fn saving_the_same_again_changes_nothing() {
        assert_eq!(agree(&of("one"), &of("one")).unwrap(), of("one"));
    }
}
