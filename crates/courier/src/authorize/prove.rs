//! Proves what was authorized, settles grant and health, and says so.
use super::{Action, Banner, revoke, unattended};
use crate::Courier;
use crate::alias;
use crate::connect::Which;
use crate::probe::{self, Proof};
use crate::refresh::{self, Want};
use crate::refused::NO_REFRESH_TOKEN;
use crate::registration;
use crate::trouble::Trouble;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Authentication, Mailbox, Round, Side, State};

/// What is proved.
pub(super) enum Subject {
    /// A grant that takes the old one's place once it works.
    New(i64),
    /// What is in use: a grant or a password.
    InUse,
}

/// Proves, settles grant and health, and says so. Incoming and outgoing are proved apart: a grant that reads mail
/// is in use even when sending does not work yet.
pub(super) async fn prove(
    courier: &Courier,
    by: &desk::By,
    mailbox: &Mailbox,
    side: Side,
    subject: Subject,
    note: Option<String>,
) -> desk::Result<Banner> {
    let mailbox = &as_answered(courier, mailbox, &subject).await?;
    let which = match subject {
        Subject::New(id) => Which::This(id),
        Subject::InUse => Which::InUse,
    };
    let proof = probe::prove(courier, mailbox, side, which).await;
    if !proof.ok {
        return not_proved(courier, by, subject, proof, note).await;
    }
    let shares = side == Side::Incoming
        && mailbox.outgoing_active
        && mailbox.outgoing.authentication == Authentication::Same;
    let outgoing = match shares {
        true => Some(probe::prove(courier, mailbox, Side::Outgoing, which).await),
        false => None,
    };
    if let (Subject::New(_), Some(outgoing)) = (&subject, &outgoing)
        && !outgoing.ok
        && outgoing.needs_person
        && works(courier, mailbox).await?
    {
        let sentence = format!(
            "Incoming mail works with the new consent, outgoing mail does not, so the one before stays in use. {}",
            outgoing.sentence
        );
        return not_proved(courier, by, subject, Proof { sentence, ..outgoing.clone() }, note).await;
    }
    let replaced = match subject {
        Subject::New(id) => revoke::replaced_by(courier, id).await?,
        Subject::InUse => Vec::new(),
    };
    let waited = revoke::waiting(courier, mailbox.id, side).await?;
    let (acts, mailbox_id, now) = (by.clone(), mailbox.id, courier.now());
    courier
        .write(move |tx| {
            if let Subject::New(id) = subject {
                grant::fulfil(tx, &acts, id)?;
            }
            match side {
                Side::Incoming => mailbox::hurry(tx, mailbox_id, now),
                Side::Outgoing => mailbox::settle_outgoing(tx, mailbox_id, &working(now), now),
            }
        })
        .await?;
    if outgoing.is_some() {
        probe::settle(courier, mailbox_id, outgoing.as_ref()).await?;
    }
    revoke::take_back_replaced(courier, by, replaced).await;
    revoke::take_back_ended(courier, by, waited).await;
    match outgoing {
        Some(outgoing) if !outgoing.ok => {
            let sentence = format!("Incoming mail works, outgoing mail does not. {}", outgoing.sentence);
            Ok(red(Proof { sentence, ..outgoing }, note))
        }
        Some(outgoing) => Ok(green(mailbox, &[proof.detail, outgoing.sentence, outgoing.detail], note)),
        None => Ok(green(mailbox, &[proof.detail], note)),
    }
}

/// As it is once the new grant is proved: somebody may have said that it is another mailbox than before.
async fn as_answered(courier: &Courier, mailbox: &Mailbox, subject: &Subject) -> desk::Result<Mailbox> {
    let mut mailbox = mailbox.clone();
    if let Subject::New(id) = *subject
        && let Some(shape) = courier.read(move |tx| grant::answered(tx, id)).await?
    {
        mailbox.shape = shape;
    }
    Ok(mailbox)
}

/// A new grant is kept with the reason, to be proved again.
async fn not_proved(
    courier: &Courier,
    by: &desk::By,
    subject: Subject,
    mut proof: Proof,
    note: Option<String>,
) -> desk::Result<Banner> {
    let Subject::New(id) = subject else { return Ok(red(proof, note)) };
    if let Some(other) = courier.read(move |tx| grant::overtaken_by(tx, id)).await? {
        return Err(desk::Refusal::Other(grant::overtaken(&other)).into());
    }
    let again_at = unattended::not_proved(courier, id, &mut proof).await?;
    let (by, kept) = (by.clone(), proof.clone());
    let reason = join(&proof.sentence, &proof.detail);
    courier
        .write(move |tx| {
            grant::not_proved(tx, &by, id, &kept.code, &reason, &kept.remedy)?;
            grant::prove_at(tx, id, again_at)
        })
        .await?;
    let red = red(proof, note);
    Ok(if again_at.is_some() { red.waiting() } else { red })
}

/// Whether both sides live well on the grant that a new one would replace.
async fn works(courier: &Courier, mailbox: &Mailbox) -> desk::Result<bool> {
    let Some(id) = mailbox.grant_id(Side::Incoming) else { return Ok(false) };
    let in_use = courier.read(move |tx| grant::find(tx, id)).await?;
    let is_well = in_use.is_some_and(|grant| grant.state == grant::State::Fulfilled && !grant.is_refused());
    let sends = matches!(mailbox.outgoing_health.state, State::Ok | State::Waiting);
    Ok(is_well && sends && mailbox.incoming_health.state != State::NeedsPerson)
}

/// Whether the consent in use still gives tokens.
pub(super) enum Renewed {
    Well,
    Over(Banner),
    /// Nothing final is known. What works by the last token alone is said to do so.
    Waits(String),
}

pub(super) async fn renewed(courier: &Courier, mailbox: &Mailbox, side: Side) -> Renewed {
    let Some(grant_id) = mailbox.grant_id(side) else { return Renewed::Well };
    let protocol = registration::protocol_of(mailbox, side);
    match refresh::access_token(courier, grant_id, protocol, Want::Proved).await {
        // One that was given without a refresh token lives as long as its token does.
        Err(trouble) if trouble.code == NO_REFRESH_TOKEN => Renewed::Well,
        Err(trouble) if trouble.needs_person() => Renewed::Over(red(Proof::from(trouble), None)),
        Err(Trouble { reason, remedy, .. }) => Renewed::Waits(format!(
            "So far with the token from before: a new one was not to be had just now. {}",
            join(&reason, &remedy)
        )),
        Ok(_) => Renewed::Well,
    }
}

fn working(now: i64) -> Round {
    Round::Done { mail: false, next_at: now }
}

fn green(mailbox: &Mailbox, found: &[String], note: Option<String>) -> Banner {
    let received = alias::is_received(mailbox);
    let detail = note.into_iter().chain(received).chain(found.iter().cloned()).collect::<Vec<_>>().join(" ");
    Banner::Green { sentence: format!("{} is authorized and works.", mailbox.address), detail }
}

fn red(proof: Proof, note: Option<String>) -> Banner {
    let detail =
        note.into_iter().chain([proof.detail]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    Banner::Red { sentence: proof.sentence, detail, remedy: proof.remedy, action: Action::ProveAgain }
}

fn join(sentence: &str, detail: &str) -> String {
    [sentence, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
