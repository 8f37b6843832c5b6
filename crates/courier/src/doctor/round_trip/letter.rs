//! The letter that the mailbox writes to itself, and its way out.
use super::super::chart::{Broken, Chart, Link};
use super::super::graph;
use super::super::outgoing::no_send_as;
use super::super::server::limited;
use crate::Courier;
use crate::connect::Access;
use crate::trouble::{Trouble, is_about_the_sender};
use desk::mailboxes::mailbox::{Mailbox, Side};
use wire::net::Watched;
use wire::smtp::{self, Envelope, Fate};

pub(super) struct Letter {
    pub message_id: String,
    bytes: Vec<u8>,
}

impl Letter {
    pub fn new(mailbox: &Mailbox, mark: &str, now: i64) -> Letter {
        let domain = mailbox.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        let message_id = format!("{mark}.round-trip@{domain}");
        let itself =
            mail::Address { name: Some(mailbox.name.clone()), address: Some(mailbox.address.clone()) };
        let bytes = mail::compose::compose(&mail::compose::Draft {
            message_id: message_id.clone(),
            date_at: now,
            from: itself.clone(),
            sender: None,
            reply_to: Vec::new(),
            to: vec![itself],
            cc: Vec::new(),
            subject: subject(mark),
            in_reply_to: Vec::new(),
            references: Vec::new(),
            text: "Postern sent this letter from the mailbox to itself, because somebody asked it to check every link of the \
                   mailbox. It becomes no ticket, and it can be deleted.\n"
                .to_owned(),
            html: None,
            attachments: Vec::new(),
            headers: vec![
                ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
                ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
            ],
        });
        Letter { message_id, bytes }
    }
}

pub(super) fn subject(mark: &str) -> String {
    format!("Postern checks this mailbox: {mark}")
}

pub(super) async fn send(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    letter: &Letter,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let address = &mailbox.address;
    let envelope = Envelope { from: address.clone(), recipients: vec![address.clone()] };
    let credential =
        access.credential_if_any(courier).await.map_err(|trouble| chart.bad(Link::Sent, trouble))?;
    chart.record.hide(credential.iter().map(wire::Credential::secret));
    let watched = Watched::new(courier.net(), &chart.record);
    let by_graph = mailbox.is_by_graph(Side::Outgoing);
    let sending = async {
        if by_graph {
            return graph::send(courier, access, &envelope, &letter.bytes, chart).await;
        }
        let stream = courier.net().connect(&access.server).await?;
        let mut session = smtp::Session::over(stream, &access.server, &watched).await?;
        if let Some(credential) = &credential {
            session.login(credential).await?;
        }
        chart.record.take(); // the sign-in was shown above
        let sent = session.send(&envelope, &letter.bytes).await?;
        session.quit().await;
        Ok(sent)
    };
    let sent = limited(&access.place, sending).await.map_err(|trouble| chart.bad(Link::Sent, trouble))?;
    let Some((_, fate)) = sent.fates.into_iter().next() else { return Err(Broken(Link::Sent)) };
    let (code, answer) = match fate {
        Fate::Accepted { answer } => {
            let found = format!("The server took a letter from {address} to itself: “{answer}”");
            chart.good(Link::Sent, found);
            return Ok(());
        }
        Fate::Refused { code, answer } | Fate::Deferred { code, answer } => (code, answer),
    };
    let said = format!("{code} {answer}");
    let refused =
        wire::Error::rejected(format!("send a letter from {address} to itself"), &access.server.host);
    let refused = refused.said(&said).coded(code);
    // Exchange says only now that who signed in may not write in this name.
    let trouble = Trouble::of(&refused, &access.place);
    Err(match is_about_the_sender(&refused) {
        true => chart.bad(Link::SendAs, no_send_as(trouble, address)),
        false => chart.bad(Link::Sent, trouble),
    })
}
