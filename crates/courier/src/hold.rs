//! What no command and no page does either while mail is on hold: what would take something away from the desk that this
//! one is a copy of. A refresh may end the refresh token of the other, and a fetch moves mail where the other does not
//! look.
use crate::Courier;
use crate::trouble::Trouble;
use desk::site::mail_hold;
use mail::explain::Class;

pub(crate) const CODE: &str = "mail_on_hold";

pub(crate) async fn refused(courier: &Courier, what: &str) -> Result<(), Trouble> {
    let hold = courier.read(mail_hold::find).await?;
    let release = "Release it under Emails › Hold in the Admin Panel or with `postern mail release`";
    let (why, remedy) = match hold {
        Some(hold) if hold.backup_of.is_some() => (
            "Mail is on hold on this desk",
            format!("{release}, once the desk that this one was copied from has stopped."),
        ),
        Some(_) => ("Mail is on hold on this desk", format!("{release}.")),
        None if courier.holds_mail() => {
            ("Postern was started with --hold-mail", "Start it without --hold-mail.".to_owned())
        }
        None => return Ok(()),
    };
    let reason = format!("{why}, so {what}.");
    Err(Trouble::new(Class::Configuration, CODE, reason, remedy))
}
