//! What a registration shows at its provider has just been entered: whether the provider takes it is asked at once, with a
//! consent that is there, and told. Nothing that works is lost by that.
use super::Banner;
use super::banner::Action;
use crate::probe::{self, LIMIT};
use crate::refresh::{self, SWITCHED_OFF, Want};
use crate::refused::NO_REFRESH_TOKEN;
use crate::trouble::Trouble;
use crate::{Courier, hold, registration};
use desk::mailboxes::grant;
use mail::explain;

/// By the grant that was asked anew with the change at that time ([`grant::asked_anew`]). `None`: it could not be asked.
pub async fn is_taken(courier: &Courier, grant_id: i64, changed_at: i64) -> desk::Result<Option<Banner>> {
    let found = courier.read(move |tx| grant::find(tx, grant_id)).await?;
    let Some(grant) = found else { return Ok(None) };
    let mailbox = probe::find(courier, grant.mailbox_id).await?;
    let protocol = registration::protocol_of(&mailbox, grant.side);
    let asking = refresh::access_token(courier, grant_id, protocol, Want::Since(changed_at));
    Ok(match tokio::time::timeout(LIMIT, asking).await {
        Ok(Ok(_)) => Some(Banner::Green {
            sentence: "Saved, and the provider takes it.".to_owned(),
            detail: format!("It gave a new access token for {}.", mailbox.address),
        }),
        Ok(Err(trouble)) if [NO_REFRESH_TOKEN, SWITCHED_OFF].contains(&trouble.code.as_str()) => None,
        Ok(Err(trouble)) if trouble.code == hold::CODE || !trouble.needs_person() => Some(not_known(trouble)),
        Ok(Err(trouble)) => Some(refused(trouble)),
        Err(_) => Some(not_known(Trouble::new(
            explain::Class::Retry,
            "timeout",
            "The provider did not answer in time.",
            "",
        ))),
    })
}

fn refused(trouble: Trouble) -> Banner {
    let Trouble { code, reason, detail, remedy, .. } = trouble;
    let stays = match explain::part(&code) {
        Some(explain::Part::Secret) => {
            "What was authorized stays so: with the right one nobody has to authorize again."
        }
        Some(explain::Part::Callback | explain::Part::Permissions) | None => "",
    };
    let detail = format!("{} {stays}", crate::trouble::sentence(&detail)).trim().to_owned();
    let sentence = format!("Saved, but no access token was to be had with it. {reason}");
    Banner::Red { sentence, detail, remedy, action: Action::after(&code) }
}

fn not_known(trouble: Trouble) -> Banner {
    let held = trouble.code == hold::CODE;
    let detail = trouble.whole_reason();
    let remedy = match held {
        true => trouble.remedy,
        false => {
            "It is looked at with the next refresh, which Postern tries by itself, and told here.".to_owned()
        }
    };
    let sentence = "Saved. Whether the provider takes it is not known yet.".to_owned();
    Banner::Waits { sentence, detail, remedy }
}
