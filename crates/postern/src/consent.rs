//! `postern mailbox authorize`, `reauthorize`, `consent-link`, `prove`, `revoke` and `answer`: a consent without a browser on this machine.
use crate::output::{self, Done, Failure};
use crate::serve::Signals;
use crate::{Program, mailbox, open, serve};
use clap::{Args, ValueEnum};
use courier::Courier;
use courier::authorize::{self, Action, Answer, Banner, Landing, Session};
use desk::mailboxes::grant::{self, Grant};
use desk::mailboxes::mailbox::{Authentication, Mailbox, Shape, Side, State as Health};
use desk::{By, Desk, Refusal};
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _};

const NOT_DONE: u8 = 1;

/// Which side of which mailbox.
#[derive(Args)]
pub struct Of {
    /// The mailbox's address
    pub address: String,
    /// The registration of Outgoing (SMTP), where it has one of its own
    #[arg(long)]
    pub outgoing: bool,
}
#[derive(Args)]
pub struct Authorize {
    #[command(flatten)]
    of: Of,
    /// Sign in with a code, on any device
    #[arg(long, conflicts_with = "paste")]
    device: bool,
    /// Paste the address that the browser ended at, on standard input; what is done at a terminal without a word
    #[arg(long)]
    paste: bool,
}
#[derive(Args)]
pub struct Said {
    #[command(flatten)]
    of: Of,
    /// What it is that somebody else has signed in for
    what: What,
}
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// A shared mailbox that the person who signed in opens
    Shared,
    /// A second address of the mailbox that signed in
    Alias,
    /// The shared mailbox is opened by this person from now on
    Person,
}

/// What a command has at hand.
struct Hand<'a> {
    program: &'a Program,
    courier: Courier,
    runtime: tokio::runtime::Runtime,
    id: i64,
    side: Side,
    address: &'a str,
    by: By,
}

impl<'a> Hand<'a> {
    fn of(program: &'a Program, desk: Desk, site: url::Url, of: &'a Of) -> Result<Hand<'a>, Failure> {
        let id = mailbox::find(&desk, &of.address)?.id;
        let providers = open::providers(&desk.db)?;
        let courier = serve::courier(&program.config, desk, providers, site)?;
        let by = By::system(courier::Clock::system().now());
        let side = if of.outgoing { Side::Outgoing } else { Side::Incoming };
        Ok(Hand { program, courier, runtime: serve::runtime()?, id, side, address: &of.address, by })
    }

    /// What came of it, as the page says it; `command` is what begins anew.
    fn tell(&self, command: &str, came: Banner) -> Result<Done, Failure> {
        self.tell_as("proved", command, came)
    }

    /// What a person does next, as a command; a secret is entered in a file.
    fn next(&self, command: &str, action: Action) -> String {
        let command = match action {
            Action::AuthorizeAgain | Action::EnterSecret => command,
            Action::ProveAgain => "prove",
        };
        format!("postern mailbox {command} {}{}", self.address, of_side(self.side))
    }

    fn tell_as(&self, good: &str, command: &str, banner: Banner) -> Result<Done, Failure> {
        let mut next = None;
        let (result, sentence, detail, remedy) = match banner {
            Banner::Green { sentence, detail } => (good, sentence, detail, String::new()),
            Banner::Red { sentence, detail, remedy, action } => {
                next = Some((action, self.next(command, action)));
                let kept = if action == Action::ProveAgain { "not_proved" } else { "failed" };
                (kept, sentence, detail, remedy)
            }
            Banner::Waits { sentence, detail, remedy } => ("waits", sentence, detail, remedy),
            Banner::Asks { sentence, remedy } => {
                ("asks", sentence, String::new(), format!("{remedy} {}", answers(self.address, self.side)))
            }
        };
        let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
        let document = json!({
            "address": self.address,
            "side": self.side.word(),
            "result": result,
            "sentence": sentence,
            "detail": text(&detail),
            "remedy": text(&remedy),
            "action": next.as_ref().map(|(action, _)| action.word()),
            "command": next.as_ref().map(|(_, command)| command),
        });
        output::print(self.program.json, &document, || {
            let next = match &next {
                Some((Action::EnterSecret, command)) => {
                    format!("Then: enter it by `postern mailbox apply` or in Config, and run `{command}`.")
                }
                Some((Action::AuthorizeAgain | Action::ProveAgain, command)) => format!("Then: `{command}`"),
                None => String::new(),
            };
            let parts = [&sentence, &detail, &remedy, &next];
            parts.into_iter().filter(|part| !part.is_empty()).map(|part| format!("{part}\n")).collect()
        })?;
        Ok(if matches!(result, "proved" | "works") { Done::Fine } else { Done::Status(NOT_DONE) })
    }
}

/// How a command names the side that it is about.
pub fn of_side(side: Side) -> &'static str {
    match side {
        Side::Incoming => "",
        Side::Outgoing => " --outgoing",
    }
}

/// How the question is answered that a sign-in of somebody else has left.
fn answers(address: &str, side: Side) -> String {
    format!("`postern mailbox answer {address} shared{}` (or alias, or person) says which.", of_side(side))
}

/// Where a consent works already nothing is done, so that a script may run it twice.
pub fn authorize(program: &Program, desk: Desk, site: url::Url, asked: &Authorize) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, &asked.of)?;
    let mailbox = hand.needs_consent()?;
    let Some(grant) = hand.works(&mailbox)? else {
        return hand.tell("authorize", hand.give(asked, &mailbox)?);
    };
    let (address, outgoing) = (hand.address, of_side(hand.side));
    let owner = grant.owner_address.map(|owner| format!(", as {owner}")).unwrap_or_default();
    let sentence = format!("{address} is authorized already{owner}, and works.");
    let detail = format!("`postern mailbox reauthorize {address}{outgoing}` begins anew.");
    hand.tell_as("works", "reauthorize", Banner::Green { sentence, detail })
}

/// Whether or not the consent in use works, and it stays in use until the new one is proved.
pub fn reauthorize(
    program: &Program,
    desk: Desk,
    site: url::Url,
    asked: &Authorize,
) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, &asked.of)?;
    let mailbox = hand.needs_consent()?;
    hand.tell("reauthorize", hand.give(asked, &mailbox)?)
}

impl Hand<'_> {
    fn needs_consent(&self) -> Result<Mailbox, Failure> {
        let id = self.id;
        let mailbox = self.courier.desk().db.read(|tx| desk::mailboxes::mailbox::get(tx, id))?;
        let (server, what) = match self.side {
            Side::Incoming => (&mailbox.incoming, "Incoming"),
            Side::Outgoing => (&mailbox.outgoing, "Outgoing"),
        };
        let why = match (server.authentication, server.client_id) {
            (Authentication::Microsoft | Authentication::Google | Authentication::Other, Some(_)) => {
                return Ok(mailbox);
            }
            (Authentication::Microsoft | Authentication::Google | Authentication::Other, None) => {
                "has no registration at its provider yet. Give it one with `postern mailbox apply`, or in Config"
            }
            (Authentication::Password, _) => "signs in with a password, which needs no consent",
            (Authentication::Same, _) => {
                "signs in as incoming mail does and needs no consent of its own. Leave --outgoing away"
            }
            (Authentication::None, _) => "signs in nowhere, which needs no consent",
        };
        Err(Failure::Failed(anyhow::anyhow!("{what} mail of {} {why}.", self.address)))
    }

    /// The consent in use, if nobody has to do anything about its side.
    fn works(&self, mailbox: &Mailbox) -> Result<Option<Grant>, Failure> {
        let health = match self.side {
            Side::Incoming => &mailbox.incoming_health,
            Side::Outgoing => &mailbox.outgoing_health,
        };
        let Some(id) = mailbox.grant_id(self.side).filter(|_| health.state != Health::NeedsPerson) else {
            return Ok(None);
        };
        let found = self.courier.desk().db.read(|tx| grant::find(tx, id))?;
        Ok(found.filter(|grant| grant.state == grant::State::Fulfilled))
    }

    fn give(&self, asked: &Authorize, mailbox: &Mailbox) -> Result<Banner, Failure> {
        let session = Session::of_command_line(self.by.clone());
        let needs_nobody = authorize::needs_nobody(&self.courier, self.id, self.side);
        if self.runtime.block_on(needs_nobody)? {
            let asked = authorize::ask_now(&self.courier, &self.by, self.id, self.side);
            Ok(self.runtime.block_on(asked)?)
        } else if asked.device {
            by_code(self, &session, &account(mailbox))
        } else if asked.paste || std::io::stdin().is_terminal() {
            by_pasting(self, &session, &account(mailbox))
        } else {
            Err(Failure::usage(NOBODY_THERE))
        }
    }
}

const NOBODY_THERE: &str = "Nobody is at a terminal to paste an address. Say --device to sign in with a code on another device, or \
                            --paste and write the address that the browser ends at to standard input.";

/// Who is to sign in, as the page says it.
fn account(mailbox: &Mailbox) -> String {
    match mailbox.shape {
        Shape::Own | Shape::Alias { .. } => mailbox.opens().to_owned(),
        Shape::Shared => format!("the service account that may open {}", mailbox.address),
    }
}

fn by_code(hand: &Hand<'_>, session: &Session, account: &str) -> Result<Banner, Failure> {
    let signals = hand.runtime.block_on(async { Signals::listen() })?;
    let begun = authorize::begin_device(&hand.courier, session, hand.id, hand.side);
    let device = hand.runtime.block_on(begun)?;
    output::tell(&output::shown(&format!(
        "Open {} on any device and enter the code {}. Sign in as {account}. Waiting until somebody has signed in…",
        device.verification_uri, device.user_code
    )));
    hand.runtime.block_on(async {
        let waiting = authorize::wait_for_device(&hand.courier, &device);
        tokio::pin!(waiting);
        tokio::select! {
            banner = &mut waiting => return Ok(banner?),
            () = signals.first() => {}
        }
        // Nobody sees what comes of it any more, so nothing does; what somebody has signed in with is seen through.
        if authorize::cancel_device(&hand.courier, &hand.by, device.grant_id).await? {
            return Err(Failure::Failed(anyhow::anyhow!("The code was cancelled. Nothing was authorized.")));
        }
        Ok(waiting.await?)
    })
}

/// A code that was asked for and is not wanted any more, wherever it was asked for.
pub fn cancel(program: &Program, desk: Desk, site: url::Url, of: &Of) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, of)?;
    let (id, side, address) = (hand.id, hand.side, hand.address);
    let cancelled = async {
        let newest = hand.courier.read(move |tx| {
            let Some(newest) = grant::newest_device(tx, id, side)? else { return Ok(None) };
            Ok(grant::device_try(tx, newest)?.filter(|device| device.waits).map(|_| newest))
        });
        match newest.await? {
            Some(newest) => authorize::cancel_device(&hand.courier, &hand.by, newest).await,
            None => Ok(false),
        }
    };
    let cancelled = hand.runtime.block_on(cancelled)?;
    let (done, said) = match cancelled {
        true => ("cancelled", "is cancelled. Nothing was authorized."),
        false => ("nothing", "is not waited for: nobody asked for one, or it was used, or has ended."),
    };
    let document = json!({ "address": address, "side": side.word(), "done": done });
    output::print(program.json, &document, || format!("A code for {address} {said}"))
}

fn by_pasting(hand: &Hand<'_>, session: &Session, account: &str) -> Result<Banner, Failure> {
    let begun = authorize::begin_paste(&hand.courier, session, hand.id, hand.side);
    let page = hand.runtime.block_on(begun)?;
    output::tell(&format!(
        "Open this address in a browser, and sign in as {}:\n\n  {}\n\nThe browser ends at an address of this site, which it may \
         not be able to open. Paste all of that address here within ten minutes, and press Enter:",
        output::shown(account),
        output::shown(page.as_str())
    ));
    let (mut pasted, mut refused) = (String::new(), None);
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        // A long address may come in several lines; one that begins anew is another try to paste.
        if line.contains("://") {
            pasted.clear();
        }
        pasted.push_str(&line);
        let landed = authorize::pasted(&hand.courier, session, hand.id, hand.side, &pasted, Some(&page));
        match hand.runtime.block_on(landed) {
            Ok(Landing::Tab { banner, .. }) => return Ok(banner),
            Ok(Landing::Unknown { sentence }) => return Err(Failure::Failed(anyhow::anyhow!("{sentence}"))),
            Err(desk::Error::Refused(refusal @ Refusal::Other(_))) => {
                output::tell(&output::shown(&refusal.to_string()));
                refused = Some(refusal);
            }
            Err(error) => return Err(error.into()),
        }
    }
    match refused {
        Some(_) => {
            Err(Failure::Failed(anyhow::anyhow!("Nothing else was pasted, so nothing was authorized.")))
        }
        None => Err(Failure::usage("Nothing was pasted, so nothing was authorized.")),
    }
}

pub fn link(program: &Program, desk: Desk, site: url::Url, of: &Of) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, of)?;
    let begun = authorize::begin_admin_consent(&hand.courier, &hand.by, hand.id, hand.side);
    let links: Vec<String> = hand.runtime.block_on(begun)?.into_iter().map(String::from).collect();
    let document = json!({ "address": hand.address, "side": hand.side.word(), "links": links });
    output::print(program.json, &document, || links.iter().map(|link| format!("{link}\n")).collect())
}

pub fn prove(program: &Program, desk: Desk, site: url::Url, of: &Of) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, of)?;
    let proved = authorize::prove_again(&hand.courier, &hand.by, hand.id, hand.side);
    hand.tell("reauthorize", hand.runtime.block_on(proved)?)
}

pub fn answer(program: &Program, desk: Desk, site: url::Url, said: &Said) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, &said.of)?;
    let answer = match said.what {
        What::Shared => Answer::Shared,
        What::Alias => Answer::Alias,
        What::Person => Answer::Person,
    };
    let answered = async {
        let Some(question) = authorize::question(&hand.courier, hand.id, hand.side).await? else {
            let sentence =
                "Nothing waits for an answer: nobody else has signed in within the last ten minutes.";
            return Err(desk::Refusal::Other(sentence.to_owned()).into());
        };
        authorize::answer(&hand.courier, &hand.by, hand.id, hand.side, question.grant_id, answer).await
    };
    hand.tell("reauthorize", hand.runtime.block_on(answered)?)
}

pub fn revoke(program: &Program, desk: Desk, site: url::Url, of: &Of) -> Result<Done, Failure> {
    let hand = Hand::of(program, desk, site, of)?;
    let (id, side) = (hand.id, hand.side);
    let revoked = async {
        let said = authorize::delete_tokens_of(&hand.courier, &hand.by, id, side).await?;
        let untold = hand.courier.read(move |tx| grant::untold(tx, id)).await?;
        Ok::<_, desk::Error>((said, untold.into_iter().find(|untold| untold.side == side)))
    };
    let (said, untold) = hand.runtime.block_on(revoked)?;
    let (done, address) = (if said.is_empty() { "nothing" } else { "revoked" }, hand.address);
    let detail =
        untold.filter(|_| said.is_empty()).map_or(said.join(" "), |one| crate::mailbox::untold(&one));
    let document = json!({ "address": address, "side": side.word(), "done": done, "detail": detail });
    output::print(program.json, &document, || match done {
        "nothing" => format!("{address} has no tokens. {detail}").trim_end().to_owned(),
        _ => format!("The tokens of {address} are deleted. {detail}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_to_the_side_that_asks() {
        for (side, command) in [
            (Side::Incoming, "`postern mailbox answer help@contoso.example shared`"),
            (Side::Outgoing, "`postern mailbox answer help@contoso.example shared --outgoing`"),
        ] {
            let said = answers("help@contoso.example", side);
            assert!(said.starts_with(command), "{said}");
        }
    }
}
