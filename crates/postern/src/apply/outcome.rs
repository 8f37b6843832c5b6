//! What was done to the mailboxes of a file, and what else is to be known of each.
use crate::Program;
use crate::json;
use crate::output::{self, Done, Failure};
use desk::Desk;
use desk::db::Tx;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Authentication, Mailbox, Side};
use mail::provider::Book;
use std::fmt::Write as _;

/// What was done to one mailbox.
pub(super) struct Outcome {
    id: i64,
    address: String,
    pub(super) done: &'static str,
    /// `None` too where nobody comes back to it.
    callback: Option<String>,
    authorize_at: Option<String>,
    /// Nobody signs in: a token is asked for at once.
    is_unattended: bool,
    /// A consent was in use that another registration holds, and it is not any longer.
    consent_ended: bool,
    /// Of tokens that ended with this.
    provider_said: Vec<String>,
    /// What to know of a password that it signs in with.
    warnings: Vec<String>,
}

impl Outcome {
    /// As the mailbox is now.
    pub(super) fn of(
        tx: &mut Tx<'_>,
        (desk, site): (&Desk, &url::Url),
        (id, done): (i64, &'static str),
        had: [Option<i64>; 2],
        now: i64,
    ) -> desk::Result<Outcome> {
        let found = mailbox::get(tx, id)?;
        let warnings = password_warnings(&desk.providers, &found);
        let view = json::view(tx, found, site, now)?;
        let is_unattended = view.client.as_ref().is_some_and(|client| client.flow.is_unattended());
        let mut consent_ended = false;
        for id in had.into_iter().flatten() {
            consent_ended |= grant::find(tx, id)?.is_some_and(|grant| grant.state == grant::State::Revoked);
        }
        let consented = view.grant.as_ref().is_some_and(|g| g.state == grant::State::Fulfilled);
        let authorize_at =
            (view.client.is_some() && !consented).then(|| web::links::mailbox(site, id).to_string());
        let callback = view.callback.filter(|_| !is_unattended);
        Ok(Outcome {
            id,
            address: view.mailbox.address,
            done,
            callback,
            authorize_at,
            is_unattended,
            consent_ended,
            provider_said: Vec::new(),
            warnings,
        })
    }
}

/// What providers said when they were asked to take tokens back, with the mailbox that they were of.
pub(super) fn tell(outcomes: &mut [Outcome], desk: &Desk, said: Vec<(i64, String)>) -> desk::Result<()> {
    for (grant_id, sentence) in said {
        let grant = desk.db.read(|tx| grant::find(tx, grant_id))?;
        let of = grant.and_then(|grant| outcomes.iter_mut().find(|outcome| outcome.id == grant.mailbox_id));
        if let Some(outcome) = of.filter(|outcome| !outcome.provider_said.contains(&sentence)) {
            outcome.provider_said.push(sentence);
        }
    }
    Ok(())
}

/// What to know before a password is used there, said once for both sides.
fn password_warnings(providers: &Book, mailbox: &Mailbox) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for side in [Side::Incoming, Side::Outgoing] {
        let server = mailbox.server(side);
        let by_password = match (side, server.authentication) {
            (_, Authentication::Password) => true,
            (Side::Outgoing, Authentication::Same) => {
                mailbox.incoming.authentication == Authentication::Password
            }
            _ => false,
        };
        let warning = providers.password_warning(&mailbox.address, &server.host);
        if let Some(warning) =
            warning.filter(|warning| by_password && !warnings.iter().any(|said| said == warning))
        {
            warnings.push(warning.to_owned());
        }
    }
    warnings
}

pub(super) fn print(program: &Program, outcomes: &[Outcome]) -> Result<Done, Failure> {
    let item = |o: &Outcome| {
        let said = (!o.provider_said.is_empty()).then(|| o.provider_said.join(" "));
        serde_json::json!({
            "address": o.address,
            "done": o.done,
            "callback": o.callback,
            "authorize_at": o.authorize_at,
            "consent_ended": o.consent_ended,
            "provider_said": said,
            "warnings": o.warnings,
        })
    };
    let document = output::page(outcomes.iter().map(item).collect(), None);
    output::print(program.json, &document, || {
        outcomes.iter().fold(String::new(), |mut text, o| {
            let _ = writeln!(text, "{}: {}", o.address, o.done);
            if let Some(callback) = &o.callback {
                let _ = writeln!(text, "  Callback Endpoint: {callback}");
            }
            if o.consent_ended {
                text.push_str(
                    "  It signs in by another registration now, and the consent that was in use has ended.\n",
                );
            }
            for said in o.provider_said.iter().chain(&o.warnings) {
                let _ = writeln!(text, "  {said}");
            }
            if o.is_unattended && o.authorize_at.is_some() {
                let _ = writeln!(
                    text,
                    "  Nobody has to sign in. Ask for its token: postern mailbox authorize {}",
                    o.address
                );
            } else if let Some(place) = &o.authorize_at {
                let _ = writeln!(text, "  Consent is missing. Give it here: {place}");
            }
            text
        })
    })
}
