//! What no command and no page does either while mail is on hold: what would take something away from the desk that this
//! one is a copy of. A refresh may end the refresh token of the other, and a fetch moves mail where the other does not
//! look.
use crate::Courier;
use crate::trouble::Trouble;
use desk::site::mail_hold;
use mail::explain::Class;

pub(crate) const CODE: &str = "mail_on_hold";

pub(crate) async fn refused(courier: &Courier, what: &str) -> Result<(), Trouble> {
    let Some(hold) = courier.read(mail_hold::find).await? else { return Ok(()) };
    let reason = format!("Mail is on hold on this desk, so {what}.");
    let release = "Release it on any page of the Admin Panel or with `postern mail release`";
    let remedy = match hold.backup_of {
        Some(_) => format!("{release}, once the desk that this one was copied from has stopped."),
        None => format!("{release}."),
    };
    Err(Trouble::new(Class::Configuration, CODE, reason, remedy))
}
