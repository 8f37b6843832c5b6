//! `postern mailbox`: set up, look at, fetch, pause.
mod fetch;
mod folders;

use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Paging, Program, apply, certificate, consent, dry_run, json};
use clap::Subcommand;
use courier::authorize::{Answer, Question};
use desk::mailboxes::balance::Balance;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Authentication, Mailbox, ServerSide, Shape, Side, State};
use desk::{By, Desk};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Command {
    /// Make or change the mailboxes of a file
    Apply {
        /// TOML, as in the manual under Mailboxes from a file
        file: PathBuf,
    },
    /// Mailboxes by their addresses
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// One mailbox: its servers, its state, its consent
    Show {
        /// The mailbox's address
        address: String,
    },
    /// The public certificate of its registration, as a .cer file for the provider
    Certificate {
        /// The mailbox's address
        address: String,
        /// A step of the roll-over, before it is printed
        step: Option<certificate::Step>,
        /// Of the outgoing side, which has a registration of its own
        #[arg(long)]
        outgoing: bool,
        /// The one that waits, not the one in use
        #[arg(long)]
        waiting: bool,
    },
    /// The folders that its server lists, with a mark at those that are fetched
    Folders {
        /// The mailbox's address
        address: String,
    },
    /// One round now; ends when the backlog is filed
    Fetch {
        /// The mailbox's address
        address: String,
        /// Compare the folder with what is held, and fetch what is unaccounted too
        #[arg(long)]
        unaccounted: bool,
    },
    /// What would become of its last messages; nothing is stored, and nothing done on the server
    DryRun(dry_run::DryRun),
    /// Give a consent: prints what to open, waits, proves; does nothing where one works
    Authorize(consent::Authorize),
    /// Give it anew, whether or not one works; what is in use stays in use until the new one is proved
    Reauthorize(consent::Authorize),
    /// Print a link by which an administrator of the tenant consents for everybody
    ConsentLink(consent::Of),
    /// Prove the access again
    Prove(consent::Of),
    /// Say what a mailbox is that somebody else has signed in for
    Answer(consent::Said),
    /// Cancel a code that nobody has signed in with yet
    Cancel(consent::Of),
    /// Delete the tokens, and tell the provider where it can be told
    Revoke(consent::Of),
    /// Stop fetching until `resume`
    Pause {
        /// The mailbox's address
        address: String,
    },
    /// Fetch again
    Resume {
        /// The mailbox's address
        address: String,
    },
}

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    if let Command::Apply { file } = &command {
        return apply::run(program, file);
    }
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(courier::Clock::system().now());
    let site = open::site(&program.config, &desk.db)?;
    match command {
        Command::Apply { .. } => unreachable!("answered above"),
        Command::List { paging } => {
            let after = paging.after.as_deref();
            let (mut views, next) = desk.db.read(|tx| {
                let found = mailbox::list(tx, after, paging.limit + 1)?;
                let (found, next) = paging.cut(found, |m| m.address.clone());
                let views = found.into_iter().map(|m| json::view(tx, m, &site, by.at));
                Ok::<_, desk::Error>((views.collect::<desk::Result<Vec<_>>>()?, next))
            })?;
            look_at_room(&desk, &mut views)?;
            let items = views.iter().map(json::mailbox).collect();
            output::list(program.json, items, next, || views.iter().map(line).collect())
        }
        Command::Show { address } => {
            let found = find(&desk, &address)?;
            let mut view = desk.db.read(|tx| json::view(tx, found.clone(), &site, by.at))?;
            look_at_room(&desk, std::slice::from_mut(&mut view))?;
            output::print(program.json, &json::mailbox(&view), || details(&view))
        }
        Command::Authorize(asked) => consent::authorize(program, desk, site, &asked),
        Command::Reauthorize(asked) => consent::reauthorize(program, desk, site, &asked),
        Command::ConsentLink(of) => consent::link(program, desk, site, &of),
        Command::Prove(of) => consent::prove(program, desk, site, &of),
        Command::Answer(said) => consent::answer(program, desk, site, &said),
        Command::Cancel(of) => consent::cancel(program, desk, site, &of),
        Command::Revoke(of) => consent::revoke(program, desk, site, &of),
        Command::Certificate { address, step, outgoing, waiting } => {
            certificate::run(program, &desk, &by, &certificate::Asked { address, outgoing, waiting, step })
        }
        Command::Folders { address } => {
            let mailbox = find(&desk, &address)?;
            folders::run(program, desk, &mailbox, site)
        }
        Command::Fetch { address, unaccounted } => fetch::run(program, desk, &address, unaccounted, site),
        Command::DryRun(asked) => dry_run::run(program, desk, site, &asked),
        Command::Pause { address } => {
            let id = find(&desk, &address)?.id;
            desk.db.write(|tx| mailbox::pause(tx, &by, id))?;
            done(
                program,
                &address,
                "paused",
                "is paused. Nothing is fetched by itself until `postern mailbox resume`; `postern mailbox fetch` still fetches once.",
            )
        }
        Command::Resume { address } => {
            let id = find(&desk, &address)?.id;
            desk.db.write(|tx| mailbox::resume(tx, &by, id))?;
            done(program, &address, "resumed", "is fetched again.")
        }
    }
}

pub fn find(desk: &Desk, address: &str) -> Result<Mailbox, Failure> {
    let found = desk.db.read(|tx| mailbox::find_by_address(tx, address))?.filter(|m| m.removed_at.is_none());
    found.ok_or_else(|| Failure::NotFound(format!("There is no mailbox {address}.")))
}

/// On a full disk the state that is read is that of before: what came after could not be written down.
fn look_at_room(desk: &Desk, views: &mut [json::MailboxView]) -> Result<(), Failure> {
    let is_fetched = |view: &&mut json::MailboxView| {
        let state = view.mailbox.incoming_health.state;
        view.mailbox.active && !matches!(state, State::NeedsPerson | State::Paused)
    };
    let mut fetched = views.iter_mut().filter(is_fetched).peekable();
    if fetched.peek().is_none() {
        return Ok(());
    }
    let Some(shortage) = desk.shortage()? else { return Ok(()) };
    let (reason, remedy) = courier::fetch::no_room(&shortage);
    for view in fetched {
        let health = &mut view.mailbox.incoming_health;
        (health.state, health.since) = (State::NeedsPerson, view.now);
        (health.reason, health.remedy) = (reason.clone(), remedy.to_owned());
    }
    Ok(())
}

fn done(program: &Program, address: &str, what: &str, sentence: &str) -> Result<Done, Failure> {
    output::print(program.json, &json!({ "address": address, "done": what }), || {
        format!("{address} {sentence}")
    })
}

/// The same columns as the list of the Admin Panel, two lines a mailbox.
fn line(view: &json::MailboxView) -> String {
    let m = &view.mailbox;
    let on = if m.active { "" } else { " (off)" };
    let at = |time: Option<i64>| json::maybe_time(time).as_str().unwrap_or("never").to_owned();
    let side = |health: &mailbox::Health| {
        let since = at(Some(health.since));
        format!("{} since {since} {}", json::state(health.state), health.reason).trim_end().to_owned()
    };
    let mut text = format!("{}{on}  {}\n", m.address, side(&m.incoming_health));
    let outgoing = if m.outgoing_active { side(&m.outgoing_health) } else { "off".to_owned() };
    let until = |what: &str, time: Option<i64>| {
        time.map(|time| format!("  {what}: {}", at(Some(time)))).unwrap_or_default()
    };
    let next = |what: &str, time: Option<i64>| match time {
        Some(time) if time <= view.now => format!("  {what}: now"),
        time => until(what, time),
    };
    let usual = view.member.usual.a_week.map(|count| format!(" (about {count} a week)")).unwrap_or_default();
    let _ = writeln!(
        text,
        "    sending: {outgoing}{}{}{}  last mail: {}{usual}  last sent: {}{}{}",
        until("token until", view.grant.as_ref().and_then(|grant| grant.expires_at)),
        until("secret until", view.member.secret_expires_at()),
        until("certificate until", view.member.certificate_expires_at),
        at(m.last_mail_at),
        at(m.last_sent_at),
        next("next try", view.next_try_at()),
        next("next sending", view.next_sending_at()),
    );
    for question in &view.questions {
        let _ = writeln!(text, "    {}", asked(m, question));
    }
    for trouble in troubles(view) {
        let _ = writeln!(text, "    {trouble}");
    }
    text
}

/// Who has signed in, what may be said to that, and until when.
fn asked(m: &Mailbox, question: &Question) -> String {
    let (address, who) = (&m.address, &question.signed_in);
    let outgoing = consent::of_side(question.side);
    let command = |answer: Answer| format!("`postern mailbox answer {address} {}{outgoing}`", answer.word());
    let what = |answer: &Answer| match answer {
        Answer::Shared => format!("{} ({address} is a shared mailbox that {who} may open)", command(*answer)),
        Answer::Alias => format!("{} ({address} is a second address of {who})", command(*answer)),
        Answer::Person => format!("{} ({who} opens it from now on)", command(*answer)),
    };
    let answers: Vec<String> = question.answers().iter().map(what).collect();
    let until = json::time(question.until);
    format!(
        "{}: {who} has signed in to authorize {address}. What was granted is used for nothing, and discarded {}, unless you \
         say what that is: {}; or sign in again by `postern mailbox reauthorize {address}{outgoing}`.",
        question.side.word(),
        until.as_str().unwrap_or_default(),
        answers.join(", or ")
    )
}

/// What ended, and its provider does not know of.
pub fn untold(of: &grant::Untold) -> String {
    let next = json::time(of.next_at);
    let next = next.as_str().unwrap_or_default();
    format!("Deleted here; the provider has not been told yet: next try {next}. {}", of.said)
        .trim_end()
        .to_owned()
}

/// *1204 on the server, 1204 held, 0 left there, 0 older than the start, 0 waiting, 0 unaccounted, compared at …*
pub fn figure(balance: &Balance) -> String {
    let note = match (balance.trouble.as_str(), balance.uncounted.as_str()) {
        ("", "") => String::new(),
        ("", why) => format!(", cannot be counted: {}", why.trim_end_matches('.')),
        (why, _) => format!(", not well: {}", why.trim_end_matches('.')),
    };
    let counts = &balance.counts;
    if balance.compared_at.is_none() {
        return format!("not counted yet{note}");
    }
    format!(
        "{} on the server, {} held, {} left there, {} older than the start, {} waiting, {} unaccounted, compared at {}{note}",
        counts.on_server(),
        counts.held,
        counts.left,
        counts.older,
        counts.waiting,
        counts.unaccounted,
        json::maybe_time(balance.compared_at).as_str().unwrap_or("no time")
    )
}

/// What is not well, and what to do about it. A link that is open may go on for a while after its consent has ended.
fn troubles(view: &json::MailboxView) -> Vec<String> {
    let m = &view.mailbox;
    let mut said = Vec::new();
    let sides =
        [("incoming", m.active, &m.incoming_health), ("outgoing", m.outgoing_active, &m.outgoing_health)];
    for (side, on, health) in sides {
        if on && matches!(health.state, mailbox::State::Waiting | mailbox::State::NeedsPerson) {
            said.push(format!("{side}: {} {}", health.reason, health.remedy));
        }
    }
    for balance in view.member.balances.iter().filter(|balance| balance.counts.unaccounted > 0) {
        said.push(format!(
            "{} `postern mailbox fetch {} --unaccounted` fetches what is missing.",
            balance.lacks(),
            m.address
        ));
    }
    let mut grants: Vec<&grant::Grant> = view.grant.iter().chain(&view.member.grants).collect();
    grants.dedup_by_key(|grant| grant.id);
    for grant in grants {
        let what = match grant.state {
            grant::State::Lapsed => "consent has lapsed",
            grant::State::Unproved => "consent is not proved",
            _ if grant.is_refused() => "registration is refused",
            _ => "token is not renewed",
        };
        let is_told = said.iter().any(|told| told.contains(&grant.reason));
        if !grant.reason.is_empty() && !is_told {
            said.push(format!("{}, {what}: {} {}", grant.side.word(), grant.reason, grant.remedy));
        }
    }
    said.extend(view.untold.iter().map(|one| format!("{}: {}", one.side.word(), untold(one))));
    said.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// *imap.example.org:993 imap tls, signs in by microsoft*
fn how(m: &Mailbox, side: Side, server: &ServerSide, protocol: &str) -> String {
    let signs_in = match server.authentication {
        Authentication::None if side == Side::Outgoing && m.outgoing_active => "without a sign-in".to_owned(),
        Authentication::None if side == Side::Outgoing => return "not set up: nothing is sent".to_owned(),
        Authentication::None => return "not set up: nothing is fetched".to_owned(),
        Authentication::Same => format!("signs in as {} does", Side::Incoming.word()),
        Authentication::Password => format!("signs in as {} with a password", m.user(side)),
        by @ (Authentication::Microsoft | Authentication::Google | Authentication::Other) => {
            format!("signs in as {} by OAuth2 ({})", m.user(side), json::authentication(by))
        }
    };
    // *Same* without a host of its own goes to the provider's.
    if server.host.is_empty() {
        return signs_in;
    }
    format!("{}:{} {protocol} {}, {signs_in}", server.host, server.port, json::security(server.security))
}

fn details(view: &json::MailboxView) -> String {
    let m = &view.mailbox;
    let mut text = line(view);
    let at = |time: Option<i64>| json::maybe_time(time).as_str().unwrap_or("never").to_owned();
    let _ = writeln!(text, "  department: {}", view.department);
    match &m.shape {
        Shape::Own => {}
        Shape::Shared => text.push_str("  a shared mailbox\n"),
        Shape::Alias { opens } => {
            let _ = writeln!(text, "  an alias; opens {opens}");
        }
    }
    for (side, server, protocol) in
        [(Side::Incoming, &m.incoming, m.protocol.word()), (Side::Outgoing, &m.outgoing, m.submission.word())]
    {
        let _ = writeln!(text, "  {}: {}", side.word(), how(m, side, server, protocol));
    }
    let _ = writeln!(text, "  last mail: {}\n  last sent: {}", at(m.last_mail_at), at(m.last_sent_at));
    for balance in &view.member.balances {
        let _ = writeln!(text, "  folder {}: {}", balance.folder, figure(balance));
    }
    for one in &view.subscriptions {
        let until = one.ends_at.map(|_| format!(" until {}", at(one.ends_at))).unwrap_or_default();
        let said = format!("{} {}", one.reason, one.remedy);
        let _ =
            writeln!(text, "  told of mail in {}: {}{until} {}", one.folder, one.state.word(), said.trim());
    }
    if let Some(callback) = &view.callback {
        let _ = writeln!(text, "  Callback Endpoint: {callback}");
    }
    if let Some(grant) = &view.grant {
        let owner = grant.owner_address.as_deref().unwrap_or("unknown");
        let _ = writeln!(
            text,
            "  signed in as {owner} to open {}: {}, token until {}, next refresh {}",
            m.opens(),
            grant.state.word(),
            at(grant.expires_at),
            at(grant.refresh_due_at)
        );
    }
    text
}
