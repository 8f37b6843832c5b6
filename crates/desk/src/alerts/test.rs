//! *Send a test*: whether alerts reach anybody, before there is one.
use super::notice::{self, Channel, Occasion};
use super::telling::{self, Asked};
use super::{condition, look, webhook};
use crate::db::Tx;
use crate::site::event::{self, Subject};
use crate::{By, Refusal, Result};
use serde_json::json;

/// By mail.
pub fn mail(tx: &mut Tx<'_>, by: &By, asked: &Asked) -> Result<()> {
    notice::not_again_so_soon(tx, Channel::Mail, by.at)?;
    let open = look::open_by_subject(tx)?;
    let facts = condition::current(tx, &open, by.at)?;
    telling::test_mail(tx, asked, &facts, by.at)?;
    event::append(tx, by, Subject::Site, "alert_tested", json!({ "by": "mail" }))
}
/// To the webhook.
pub fn post(tx: &mut Tx<'_>, by: &By, asked: &Asked) -> Result<()> {
    if webhook::find(tx)?.is_none() {
        return Err(Refusal::Required("Webhook").into());
    }
    notice::not_again_so_soon(tx, Channel::Webhook, by.at)?;
    let body = telling::body(&asked.site_url, None, Occasion::Test, 0, by.at);
    notice::place(tx, None, Occasion::Test, 0, Channel::Webhook, ("", &body), by.at)?;
    event::append(tx, by, Subject::Site, "alert_tested", json!({ "by": "webhook" }))
}
