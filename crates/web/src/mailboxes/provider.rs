//! Another provider is chosen on the authorization page: the registration is at that one from now on, and servers that
//! were the old one's become the new one's.
use super::outgoing::OutgoingForm;
use super::preset::Place;
use super::remote::RemoteForm;
use super::tab::TabForm as _;
use crate::form::Form;
use crate::{State, Who};
use courier::authorize;
use desk::db::Tx;
use desk::mailboxes::choice;
use desk::mailboxes::grant::Whose;
use desk::mailboxes::mailbox::{self, Completeness, Mailbox, Side};

pub async fn choose(
    state: &State,
    who: &Who,
    mailbox: &Mailbox,
    side: Side,
    client_id: i64,
    provider: &str,
) -> desk::Result<()> {
    let desk = state.courier.desk().clone();
    let old = state.courier.read(move |tx| desk::mailboxes::client::find(tx, client_id)).await?;
    let old = state.presets.of(&old.ok_or(desk::Refusal::NotFound("registration"))?.provider);
    let new = state.presets.of(provider);
    let nothing = Form::new(Vec::new());
    let follows = |host: &str, old: &Place| host.is_empty() || host.eq_ignore_ascii_case(&old.host);
    let (old_in, new_in) = (old.of_protocol(mailbox.protocol), new.of_protocol(mailbox.protocol));
    let remote = if side == Side::Incoming && follows(&mailbox.incoming.host, old_in) {
        let mut form = RemoteForm::stored(mailbox);
        form.server.becomes(new_in);
        Some(form.remote(&nothing)?)
    } else {
        None
    };
    let (old_out, new_out) = (old.of_submission(mailbox.submission), new.of_submission(mailbox.submission));
    let outgoing = if side == Side::Outgoing && follows(&mailbox.outgoing.host, old_out) {
        let mut form = OutgoingForm::stored(mailbox);
        form.server.becomes(new_out);
        Some(form.outgoing(&nothing)?)
    } else {
        None
    };
    let (by, id, provider) = (who.by(), mailbox.id, provider.to_owned());
    let nonces: [[u8; 24]; 2] = [state.courier.random(), state.courier.random()];
    let change = move |tx: &mut Tx<'_>| {
        choice::choose(tx, &desk.providers, &by, client_id, &provider)?;
        let draft = Completeness::Draft;
        if let Some(remote) = &remote {
            mailbox::change_remote(tx, &desk.vault, &by, id, remote, draft, nonces[0])?;
        }
        if let Some(outgoing) = &outgoing {
            let (vault, providers) = (&desk.vault, &desk.providers);
            mailbox::change_outgoing(tx, vault, providers, &by, id, outgoing, draft, nonces[1])?;
        }
        Ok(())
    };
    let whose = vec![Whose::Client(client_id), Whose::Mailbox(id)];
    authorize::change(&state.courier, &who.by(), whose, change).await
}
