//! A mailbox is authorized: the address to send the administrator to, and what comes back from there.
use crate::Courier;
use desk::mailboxes::mailbox::Side;
use serde::Deserialize;
use url::Url;

/// Who started it: a callback counts only in the session that began it.
#[derive(Clone, Debug)]
pub struct Session {
    pub session_id: i64,
    pub by: desk::By,
}

/// What the provider appended to the callback address. Never logged.
#[derive(Clone, Default, Deserialize)]
pub struct CallbackQuery {
    pub code: Option<String>,
    pub state: Option<String>,
    pub error: Option<String>,
    pub error_description: Option<String>,
}
impl std::fmt::Debug for CallbackQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackQuery(..)")
    }
}

/// Where the administrator lands after the callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Wrong, missing, expired or replayed state: one plain page, nothing of the query shown.
    Unknown { sentence: String },
    /// Back to this mailbox's tab.
    Tab { mailbox_id: i64, side: Side, banner: Banner },
}

/// What the tab says on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Banner {
    Green {
        sentence: String,
        detail: String,
    },
    /// `retry`: the tokens are kept, and *Prove again* is offered.
    Red {
        sentence: String,
        detail: String,
        remedy: String,
        retry: bool,
    },
}

/// Stores the pending grant; the address of the provider's sign-in page.
pub async fn begin(courier: &Courier, session: &Session, mailbox_id: i64, side: Side) -> desk::Result<Url> {
    let _ = (courier, session, mailbox_id, side);
    todo!()
}

/// Takes the provider's answer. Runs in its own task: a dropped request stops no work.
pub async fn callback(
    courier: &Courier,
    session: &Session,
    public_id: &str,
    query: CallbackQuery,
) -> desk::Result<Landing> {
    let _ = (courier, session, public_id, query);
    todo!()
}

/// Proves the newest grant (or the password) of a side again; the first proof that holds fulfils it.
pub async fn prove_again(
    courier: &Courier,
    by: &desk::By,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Banner> {
    let _ = (courier, by, mailbox_id, side);
    todo!()
}

/// The Callback Endpoint: `{site}/oauth/callback/{public_id}`.
pub fn callback_url(site: &Url, public_id: &str) -> Url {
    let mut url = site.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["oauth", "callback", public_id]);
    }
    url
}
