//! The incoming side where it is POP3: what is looked at past the sign-in, and how a letter is found there.
use super::chart::{Broken, Chart, Link};
use super::round_trip::{LETTER_BYTES_MAX, LOOKED_AT_MAX, credential, is_our_letter};
use super::server::{greeted, limited, reach};
use crate::Courier;
use crate::connect::Access;
use crate::probe::held;
use desk::mailboxes::mailbox::{Fetched, Mailbox};
use wire::letter::Room;
use wire::net::Watched;
use wire::pop3::{Retrieved, Session};

pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let watched = Watched::new(courier.net(), &chart.record);
    let stream = reach(courier, access, &watched, chart).await?;
    let opened = limited(&access.place, Session::over(stream, &access.server, &watched)).await;
    let mut session = greeted(courier, access, &watched, opened, chart)?;
    let offers = match session.capabilities() {
        [] => "It names none, as servers without CAPA do.".to_owned(),
        capabilities => format!("It offers {}.", capabilities.join(", ")),
    };
    chart.good(Link::Capabilities, offers);
    let credential = access.credential(courier).await.map_err(|trouble| chart.bad(Link::SignIn, trouble))?;
    chart.record.hide([credential.secret()]);
    let signed_in = limited(&access.place, session.login(&credential)).await;
    signed_in.map_err(|trouble| chart.bad(Link::SignIn, trouble))?;
    chart.good(Link::SignIn, format!("The server takes the sign-in of {}.", access.user()));
    // Exchange takes the sign-in, and refuses what comes next.
    let totals = limited(&access.place, session.totals()).await;
    let totals = totals.map_err(|trouble| chart.bad(Link::Folder, trouble))?;
    chart.good(Link::Folder, format!("The mailbox was opened; it holds {}.", held(totals.messages)));
    let listed = limited(&access.place, session.list()).await;
    listed.map_err(|trouble| chart.bad(Link::Folders, trouble))?;
    chart.good(
        Link::Folders,
        "POP3 has one folder, and the server names the messages in it for good (UIDL), so that each is fetched once.",
    );
    match mailbox.fetched {
        Fetched::Delete => chart.good(Link::Rights, "POP3 lets whoever opens the mailbox delete from it."),
        Fetched::Nothing | Fetched::Read | Fetched::Move(_) => {
            chart.skipped(Link::Rights, "Fetched mail is left as it is, so that none are needed.");
        }
    }
    let _ = session.quit().await; // what was found stands
    Ok(())
}

/// The letter with this mark among the newest messages, and whether it could be removed. A session a look: what POP3
/// lists is of the moment of signing in.
pub(super) async fn find(
    courier: &Courier,
    access: &Access,
    mark: &str,
    chart: &Chart,
) -> wire::Result<Option<(Vec<u8>, bool)>> {
    let credential = credential(courier, access).await?;
    let watched = Watched::new(courier.net(), &chart.record);
    let stream = courier.net().connect(&access.server).await?;
    let mut session = Session::over(stream, &access.server, &watched).await?;
    session.login(&credential).await?;
    let listed = session.list().await?;
    let newest: Vec<u32> = listed.iter().rev().take(LOOKED_AT_MAX).map(|message| message.number).collect();
    let mut found = None;
    let mut retrieve = session.retrieve(&newest, &Room::in_memory(LETTER_BYTES_MAX)).await?;
    while let Some(retrieved) = retrieve.next().await? {
        if let Retrieved::Message { number, letter } = retrieved
            && let Some(bytes) = letter.into_bytes()
            && is_our_letter(&bytes, mark)
        {
            found = Some((number, bytes));
        }
    }
    let Some((number, bytes)) = found else {
        let _ = session.quit().await; // the next look is another session
        return Ok(None);
    };
    let removed = session.delete(number).await.is_ok() && session.quit().await.is_ok();
    Ok(Some((bytes, removed)))
}
