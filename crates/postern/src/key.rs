//! `postern key`: the key that seals secrets is looked at, changed, or, when it is lost, given up.
use crate::Program;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use clap::Subcommand;
use courier::{Clock, Random};
use desk::db::Db;
use desk::mailboxes::lost_key::{self, Again, Forgotten};
use desk::site::rotation::{self, Rotated};
use desk::site::sealed;
use desk::site::vault::{DoesNotOpen, Vault};
use desk::{By, Desk};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[derive(Subcommand)]
pub enum Command {
    /// Make a new key, seal everything with it, and drop the old one; beside a running server too
    Rotate,
    /// For a lost key: drop what does not open, and say what is to be entered again
    Forget {
        /// Do it; without this it is only said what would be dropped
        #[arg(long)]
        yes: bool,
    },
    /// The keys by their fingerprints, and how many values each seals
    Show,
}

const FAULTS_FOUND: u8 = 1;

pub fn run(program: &Program, command: &Command) -> Result<Done, Failure> {
    match command {
        Command::Rotate => rotate(program),
        Command::Forget { yes: false } => would_forget(program),
        Command::Forget { yes: true } => forget(program),
        Command::Show => show(program),
    }
}

fn rotate(program: &Program) -> Result<Done, Failure> {
    let Desk { db, vault, .. } = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(Clock::system().now());
    let random = Random::system();
    let rotated = rotation::rotate(&db, &vault, &by, random.bytes(), || random.bytes())?;
    let Rotated { rotation, resealed, unopened } = &rotated;
    let document = json!({
        "done": if rotation.taken_up { "taken_up" } else { "rotated" },
        "key": rotation.to,
        "dropped": rotation.from,
        "sealed": resealed,
        "unopened": unopened.len(),
    });
    output::print(program.json, &document, || {
        let file = program.config.key_file.display();
        let mut text = String::new();
        if rotation.taken_up {
            text.push_str("A change of the key that had been broken off is ended; no other key was made.\n");
        }
        let _ = writeln!(text, "{resealed} values were sealed anew with key {}.", rotation.to);
        let _ = writeln!(
            text,
            "Gone from {file}: {}. Back that file up, apart from the rest.",
            rotation.from.join(", ")
        );
        if !unopened.is_empty() {
            let _ = writeln!(
                text,
                "{} values open with no key and were left as they are: see `postern check`.",
                unopened.len()
            );
        }
        text
    })
}

fn would_forget(program: &Program) -> Result<Done, Failure> {
    let (db, vault) = open::with_any_key(&program.config)?;
    let found = lost_key::look(&db, vault.as_ref())?;
    output::print(program.json, &document("nothing", &found), || {
        if found.values == 0 {
            return "Everything that is sealed opens: there is nothing to forget.\n".to_owned();
        }
        let mut text = format!("{} values do not open.", found.values);
        if vault.is_none() {
            let _ = write!(text, " The key file {} is missing.", program.config.key_file.display());
        }
        text.push_str(
            " If the key that sealed them is kept anywhere, put it back: as a line of the key file.\n",
        );
        text.push_str(&again(&found));
        text.push_str("Nothing was dropped. `postern key forget --yes` drops what does not open.\n");
        text
    })?;
    Ok(if found.values == 0 { Done::Fine } else { Done::Status(FAULTS_FOUND) })
}

/// Not beside a server: it may hold the very key that is believed to be lost.
fn forget(program: &Program) -> Result<Done, Failure> {
    let _lock = open::lock(&program.config)?;
    let (db, vault) = open::with_any_key(&program.config)?;
    let vault = match vault {
        Some(vault) => vault,
        None => Vault::create(&program.config.key_file, Random::system().bytes())?,
    };
    let by = By::system(Clock::system().now());
    let found = lost_key::forget(&db, &vault, &by)?;
    output::print(program.json, &document("forgotten", &found), || {
        let mut text = format!("{} values that did not open were dropped.\n", found.values);
        text.push_str(&again(&found));
        let _ = writeln!(
            text,
            "Everything is sealed with key {} in {} from now on. Back that file up, apart from the rest.",
            vault.fingerprint(),
            program.config.key_file.display()
        );
        text
    })
}

fn document(done: &str, found: &Forgotten) -> Value {
    let mailbox = |(address, again): (&String, &Again)| json!({ "address": address, "enter": again.enter, "authorize": again.authorize });
    json!({
        "done": done,
        "values": found.values,
        "mailboxes": found.mailboxes.iter().map(mailbox).collect::<Vec<_>>(),
        "enter": found.others,
    })
}

/// What is to be entered again, a line a mailbox.
fn again(found: &Forgotten) -> String {
    let mut text = String::new();
    for (address, again) in &found.mailboxes {
        let mut steps: Vec<String> = again.enter.iter().map(|what| format!("enter {what}")).collect();
        if again.authorize {
            steps.push("authorize it again".to_owned());
        }
        let _ = writeln!(text, "{address}: {}.", steps.join(", then "));
    }
    for what in &found.others {
        let _ = writeln!(text, "Of no mailbox: enter {what}.");
    }
    text
}

fn show(program: &Program) -> Result<Done, Failure> {
    let (db, vault) = open::with_any_key(&program.config)?;
    let counted = count(&db, vault.as_ref())?;
    let Counted { keys, others, damaged, database } = &counted;
    let file = program.config.key_file.display().to_string();
    let keys: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(i, (key, values))| json!({ "fingerprint": key, "seals": i == 0, "values": values }))
        .collect();
    let other = |(id, values): (&String, &u64)| json!({ "begins": id, "values": values });
    let others: Vec<Value> = others.iter().map(other).collect();
    let document =
        json!({ "file": file, "database": database, "keys": keys, "others": others, "damaged": damaged });
    output::print(program.json, &document, || counted.text(&file))?;
    Ok(if counted.is_whole() { Done::Fine } else { Done::Status(FAULTS_FOUND) })
}

/// What has sealed how many values.
#[derive(Default)]
struct Counted {
    /// Of the file, in its order.
    keys: Vec<(String, u64)>,
    /// Not there: the first digits of their fingerprints.
    others: BTreeMap<String, u64>,
    damaged: u64,
    /// The key that the database belongs to.
    database: Option<String>,
}

fn count(db: &Db, vault: Option<&Vault>) -> Result<Counted, Failure> {
    let keys = vault.map(Vault::fingerprints).unwrap_or_default();
    let mut counted = Counted {
        keys: keys.into_iter().map(|key| (key, 0)).collect(),
        database: open::known_key(db)?,
        ..Counted::default()
    };
    sealed::each_batch(db, |values| {
        for value in values {
            match value.sealed_by(vault) {
                Ok(by) => counted.keys.iter_mut().filter(|(key, _)| *key == by).for_each(|(_, n)| *n += 1),
                Err(DoesNotOpen::UnknownKey(id)) => *counted.others.entry(id).or_default() += 1,
                Err(DoesNotOpen::Damaged(_)) => counted.damaged += 1,
            }
        }
        Ok(())
    })?;
    Ok(counted)
}

impl Counted {
    fn has_the_databases(&self) -> bool {
        self.database.as_ref().is_none_or(|database| self.keys.iter().any(|(key, _)| key == database))
    }
    fn is_whole(&self) -> bool {
        self.others.is_empty() && self.damaged == 0 && self.has_the_databases()
    }

    fn text(&self, file: &str) -> String {
        let mut text = format!("{file}:{}\n", if self.keys.is_empty() { " missing" } else { "" });
        for (i, (key, values)) in self.keys.iter().enumerate() {
            let does = if i == 0 { "seals; sealed" } else { "opens; sealed" };
            let _ = writeln!(text, "  {key} {does} {values} values");
        }
        for (id, values) in &self.others {
            let _ = writeln!(text, "Not there: key {id}…, which sealed {values} values.");
        }
        if self.damaged > 0 {
            let _ = writeln!(text, "Damaged: {} values open with no key.", self.damaged);
        }
        if let Some(database) = self.database.as_ref().filter(|_| !self.has_the_databases()) {
            let _ = writeln!(text, "The database belongs to key {database}, which is not there.");
        }
        if self.keys.len() > 1 {
            text.push_str("`postern key rotate` seals everything with the first key and drops the others.\n");
        }
        text
    }
}
