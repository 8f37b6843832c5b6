//! Paste-back: the browser ended at an address that nobody answers, or that another one does, and a person pastes it.
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
    let no = |why: String| desk::Error::from(Refusal::Other(why));
    let address = address.trim();
    let url = Url::parse(address).ok().filter(|_| address.len() <= BYTES_MAX);
    let url = url.filter(|url| url.origin() == expected.origin() && url.path() == expected.path());
    let Some(query) = url.as_ref().and_then(Url::query) else {
        return Err(no(format!(
            "This is not the address that the sign-in ends at. Copy all of it from the browser's address bar: it begins \
             with {expected}?"
        )));
    };
    let query = CallbackQuery::parse(query);
    if let Some(begun) = begun
        && query.state != state_of(begun)
    {
        return Err(no(
            "This address belongs to another sign-in than the one that was begun here.".to_owned()
        ));
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
