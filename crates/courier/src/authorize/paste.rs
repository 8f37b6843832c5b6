//! Paste-back: the browser ended at an address that nobody answers, or that another one does, and a person pastes it. How
//! it was copied is forgiven; where it leads must be the Callback Endpoint.
use super::{CallbackQuery, Landing, Session, callback, callback_url, registration};
use crate::Courier;
use desk::Refusal;
use desk::mailboxes::mailbox::Side;
use desk::mailboxes::{client, grant};
use url::Url;

/// A longer one is no address of a provider.
const BYTES_MAX: usize = 32 * 1024;

/// Takes the answer of the provider from the address that was pasted; `begun` is the sign-in page of the try that it must
/// belong to, where the caller knows.
pub async fn pasted(
    courier: &Courier,
    session: &Session,
    mailbox_id: i64,
    side: Side,
    address: &str,
    begun: Option<&Url>,
) -> desk::Result<Landing> {
    let (_, client) = courier.read(move |tx| registration(tx, mailbox_id, side)).await?;
    let expected = callback_url(courier.site_url(), &client.public_id);
    let query = answer(&expected, address)?;
    if let Some(begun) = begun
        && query.state != state_of(begun)
    {
        let sentence = "This address belongs to another sign-in than the one that was begun here.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    }
    callback(courier, session, &client.public_id, query).await
}

fn state_of(page: &Url) -> Option<String> {
    page.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned())
}

/// Whether an answer that came back in a browser is to be pasted elsewhere.
pub async fn awaits_paste(courier: &Courier, public_id: &str, state: Option<&str>) -> desk::Result<bool> {
    let Some(state) = state.map(str::to_owned) else { return Ok(false) };
    let (public_id, now) = (public_id.to_owned(), courier.now());
    let awaits = courier.read(move |tx| {
        let Some(client) = client::find_by_public_id(tx, &public_id)? else { return Ok(false) };
        grant::awaits_paste(tx, client.id, &state, now)
    });
    awaits.await
}

/// What the pasted text answers, if it is of this Callback Endpoint.
fn answer(callback: &Url, pasted: &str) -> Result<CallbackQuery, Refusal> {
    if pasted.len() > BYTES_MAX {
        return Err(refused("This is too long to be an address.".to_owned()));
    }
    // An address has neither; where a long one is shown, it is broken and quoted.
    let is_around = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200B}' | '\u{FEFF}');
    let text: String = pasted.chars().filter(|c| !is_around(*c)).collect();
    let text = text.trim_matches(|c| matches!(c, '"' | '\'' | '<' | '>' | '`' | '“' | '”' | '„' | '‘' | '’'));
    let query = match text.split_once('?') {
        Some(("", query)) => before_fragment(query).to_owned(),
        Some((before, _)) => {
            let url = Url::parse(text).ok().filter(Url::has_host);
            let url = url.or_else(|| Url::parse(&format!("{}://{text}", callback.scheme())).ok());
            let url = url.filter(Url::has_host).ok_or_else(|| no_address(callback))?;
            // Without its scheme only where none was copied.
            if !same_place(callback, &url) || (before.contains("://") && url.scheme() != callback.scheme()) {
                return Err(another_place(callback, &url));
            }
            url.query().unwrap_or_default().to_owned()
        }
        None if text.contains('=') && !text.contains("://") => before_fragment(text).to_owned(),
        None => return Err(no_address(callback)),
    };
    let query = CallbackQuery::parse(&query);
    let answers = query.code.is_some() || query.error.is_some();
    if query.state.is_none() || !answers {
        return Err(no_address(callback));
    }
    Ok(query)
}

fn before_fragment(query: &str) -> &str {
    query.split('#').next().unwrap_or(query)
}

fn same_place(callback: &Url, url: &Url) -> bool {
    let nobody = url.username().is_empty() && url.password().is_none();
    nobody && url.origin() == callback.origin() && url.path() == callback.path()
}

fn no_address(callback: &Url) -> Refusal {
    refused(format!(
        "This holds no answer of the provider. Sign in to the end, then copy the whole address from the browser's \
         address bar: it begins with {callback}?"
    ))
}

/// Only its host is said: what stands behind it may be somebody's secret.
fn another_place(callback: &Url, url: &Url) -> Refusal {
    let host = url.host_str().unwrap_or_default();
    if url.origin() == callback.origin() {
        return refused(format!(
            "This address is of another registration than this one, whose begins with {callback}? Paste it where its \
             sign-in was begun."
        ));
    }
    refused(format!(
        "This is an address of {host}, not of this site. Sign in to the end, then copy the address that the \
         browser ended at: it begins with {callback}?"
    ))
}

fn refused(sentence: String) -> Refusal {
    Refusal::Other(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback() -> Url {
        Url::parse("https://help.example.org/oauth/callback/abc").unwrap()
    }
    fn read(pasted: &str) -> Result<(String, String), String> {
        let query = answer(&callback(), pasted).map_err(|refusal| refusal.to_string())?;
        Ok((query.code.or(query.error).unwrap(), query.state.unwrap()))
    }

    #[test]
    fn how_it_was_copied_is_forgiven() {
        for pasted in [
            "https://help.example.org/oauth/callback/abc?code=c.1&state=s",
            "  https://help.example.org/oauth/callback/abc?code=c.1&state=s&session_state=x#\n",
            "\"https://help.example.org/oauth/callback/abc?code=c.1&state=s\"",
            "<https://help.example.org:443/oauth/callback/abc?code=c.1&state=s>",
            "“https://help.example.org/oauth/callback/abc?co\r\n   de=c.1&sta\n\tte=s”",
            "help.example.org/oauth/callback/abc?code=c.1&state=s",
            "HTTPS://HELP.example.org/oauth/callback/abc?state=s&code=c.1",
            "?code=c.1&state=s",
            "code=c.1&state=s#fragment",
        ] {
            assert_eq!(read(pasted), Ok(("c.1".to_owned(), "s".to_owned())), "{pasted}");
        }
        let refused = read("?error=access_denied&error_description=no&state=s");
        assert_eq!(refused.unwrap(), ("access_denied".to_owned(), "s".to_owned()));
    }

    #[test]
    fn where_it_leads_is_not_and_no_refusal_repeats_what_was_pasted() {
        for pasted in [
            "http://help.example.org/oauth/callback/abc?code=SECRET&state=s",
            "https://help.example.org:8443/oauth/callback/abc?code=SECRET&state=s",
            "https://help.example.org/oauth/callback/other?code=SECRET&state=s",
            "https://help.example.org/oauth/callback/abc/?code=SECRET&state=s",
            "https://help.example.org.evil.example/oauth/callback/abc?code=SECRET&state=s",
            "https://help.example.org@evil.example/oauth/callback/abc?code=SECRET&state=s",
            "https://u:SECRET@help.example.org/oauth/callback/abc?code=SECRET&state=s",
            "https://login.microsoftonline.com/SECRET/oauth2/v2.0/authorize?client_id=x&state=s",
            "javascript:SECRET?code=1&state=s",
            "https://help.example.org/oauth/callback/abc",
            "https://help.example.org/oauth/callback/abc?code=SECRET",
            "https://help.example.org/oauth/callback/abc?state=SECRET",
            "SECRET",
            "",
        ] {
            let why = read(pasted).unwrap_err();
            assert!(!why.contains("SECRET"), "{why}");
            assert!(why.contains("https://help.example.org/oauth/callback/abc"), "{pasted}: {why}");
        }
        assert!(read(&"a".repeat(BYTES_MAX + 1)).is_err());
    }
}
