//! The address of the database: as `Db::open` takes it, and as it may be shown.
use std::path::Path;
use url::Url;

/// `None` when it is no address, or one whose password is written so that a part of it would be taken for the host or
/// the name of the database.
pub(super) fn url(text: &str, data: &Path) -> Option<String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return (!path.is_empty()).then(|| format!("sqlite:{}", data.join(path).display()));
    }
    let url: Url = text.parse().ok()?;
    let postgres = matches!(url.scheme(), "postgres" | "postgresql") && text.contains("://");
    // Written out again, an @ in the password is encoded: the client would take what follows it for the host.
    (postgres && !is_torn(&url)).then(|| url.to_string())
}

/// Without password and without parameters, one of which may be a password too.
pub fn shown(text: &str) -> String {
    if text.starts_with("sqlite:") {
        return text.to_owned();
    }
    let hidden = || text.split_once("://").map_or(String::from("…"), |(scheme, _)| format!("{scheme}://…"));
    let Ok(mut url) = text.parse::<Url>() else { return hidden() };
    if is_torn(&url) || (url.password().is_some() && url.set_password(Some("…")).is_err()) {
        return hidden();
    }
    url.set_query(None);
    url.set_fragment(None);
    url.to_string().replace("%E2%80%A6", "…")
}

/// An @ behind the host: the password before it holds a character that ends the host.
fn is_torn(url: &Url) -> bool {
    [Some(url.path()), url.query(), url.fragment()].into_iter().flatten().any(|part| part.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_shown_however_it_is_written() {
        for password in ["hunter2", "hun@ter2", "@hunter2", "hunter2@", "hun@t@er2", "h:unter2", "1@hunter2"]
        {
            let text = format!("postgres://desk:{password}@db.example:5433/desk");
            assert_eq!(shown(&text), "postgres://desk:…@db.example:5433/desk");
            let url = url(&text, Path::new("data")).unwrap();
            let client: postgres::Config = url.parse().unwrap();
            assert_eq!(client.get_password(), Some(password.as_bytes()), "{url}");
            assert_eq!(client.get_hosts(), [postgres::config::Host::Tcp("db.example".into())], "{url}");
        }
        // These end the host before the password does, so where the password ends is not known.
        for password in ["hunt/er2", "12/hunter2", "12?hunter2", "12#hunter2"] {
            let text = format!("postgres://desk:{password}@db.example/desk");
            assert_eq!(shown(&text), "postgres://…");
            assert_eq!(url(&text, Path::new("data")), None, "{text}");
        }
        assert_eq!(
            shown("postgres://desk@db.example/desk?password=hunter2"),
            "postgres://desk@db.example/desk"
        );
        assert_eq!(shown("desk:hunter2@db.example:5432/desk"), "…");
    }

    #[test]
    fn other_addresses_are_taken_and_shown_as_they_are_written() {
        for text in
            ["postgres://desk@db.example/desk", "postgresql:///desk", "postgres://%2Frun%2Fpostgresql/desk"]
        {
            assert_eq!(url(text, Path::new("data")).as_deref(), Some(text));
            assert_eq!(shown(text), text);
        }
        assert_eq!(url("sqlite:a b.db", Path::new("data")).as_deref(), Some("sqlite:data/a b.db"));
        assert_eq!(shown("sqlite:a b.db"), "sqlite:a b.db");
        assert_eq!(
            url("postgres://desk@db.example/desk?host=/run", Path::new("data")).as_deref(),
            Some("postgres://desk@db.example/desk?host=/run")
        );
        assert_eq!(url("mysql://x", Path::new("data")), None);
        assert_eq!(url("postgres:x", Path::new("data")), None);
    }
}
