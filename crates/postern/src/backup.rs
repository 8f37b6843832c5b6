//! `postern backup`: a copy of everything while everything runs, into a folder that holds earlier ones.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json};
use anyhow::Context as _;
use clap::Args;
use courier::{Clock, Random};
use desk::backup::{self, Asked, Audit, Damaged, Made};
use desk::files::copy;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What the program adds to the desk's own copy, named as in the data folder.
pub const PROVIDERS: &str = "providers.toml";
pub const KEY: &str = "postern.key";

#[derive(Args)]
pub struct Backup {
    /// The folder: a new one, or one with earlier backups of this desk
    dir: PathBuf,
    /// Put the key that seals secrets beside it: whoever has both reads everything
    #[arg(long)]
    with_key: bool,
    /// So many databases stay, the newest; mail and attachments are kept once, and all of them
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    keep: u16,
    /// Read back all mail and attachments that the folder holds, and not what is new alone
    #[arg(long)]
    verify: bool,
}

/// The backup is made, and something of what it should hold is damaged.
pub const DAMAGED: u8 = 1;
/// More are not named on a screen; the document has all.
const NAMED_MAX: usize = 20;

pub fn run(program: &Program, asked: &Backup) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let now = Clock::system().now();
    let wanted = Asked { keep: asked.keep.into(), all: asked.verify };
    let made = backup::make(&desk, &asked.dir, &wanted, now, Random::system().bytes())?;
    add(&program.config.data.join(PROVIDERS), &asked.dir.join(PROVIDERS))?;
    if asked.with_key {
        add(&program.config.key_file, &asked.dir.join(KEY))?;
    }
    let key = asked.dir.join(KEY).exists();
    let Made { database, database_bytes, blobs, audit, dropped, kept } = &made;
    let document = json!({
        "done": "backed_up",
        "at": json::time(now),
        "database": database,
        "database_bytes": database_bytes,
        "new_files": blobs.files,
        "new_bytes": blobs.bytes,
        "kept": kept,
        "dropped": dropped,
        "key": key,
        "looked_at": audit.looked_at,
        "mended": audit.mended,
        "damaged": audit.damaged.iter().map(damaged).collect::<Vec<_>>(),
    });
    output::print(program.json, &document, || text(program, &asked.dir, &made, key))?;
    Ok(ended(audit))
}

pub fn ended(audit: &Audit) -> Done {
    if audit.damaged.is_empty() { Done::Fine } else { Done::Status(DAMAGED) }
}

pub fn damaged(one: &Damaged) -> serde_json::Value {
    json!({
        "place": one.place,
        "belongs_to": one.belongs_to,
        "reason": one.why,
        "in_backup": one.is_in_backup,
    })
}

/// A line each.
pub fn named(audit: &Audit, whose: &str) -> String {
    let mut text = String::new();
    let count = audit.damaged.len();
    if count == 0 {
        return text;
    }
    let what = if count == 1 { "One content is".to_owned() } else { format!("{count} contents are") };
    text.push_str(&format!("{what} damaged in {whose}:\n"));
    for one in audit.damaged.iter().take(NAMED_MAX) {
        let all_the_same = if one.is_in_backup { " The backup holds it whole, from before." } else { "" };
        let why = one.why.trim_end_matches('.');
        text.push_str(&format!("  {} ({}): {why}.{all_the_same}\n", one.belongs_to(), one.place));
    }
    if count > NAMED_MAX {
        text.push_str(&format!("  and {} more, which --json has.\n", count - NAMED_MAX));
    }
    text
}

fn text(program: &Program, dir: &Path, made: &Made, key: bool) -> String {
    let mb = |bytes: u64| bytes.div_ceil(1_000_000);
    let key = if key {
        "The key is in it: whoever can read this folder can read every secret.".to_owned()
    } else {
        let file = program.config.key_file.display();
        format!("The key is not in it: keep {file} apart from it, or the secrets in it cannot be opened.")
    };
    let mut found = named(&made.audit, "the files of this desk");
    if !found.is_empty() {
        found.push_str(&format!(
            "Everything else is in the backup. `postern restore {} --files` writes back what a backup has whole, this one or an older \
             one. Look at the disk, and run `postern check`.\n",
            dir.display()
        ));
    }
    let mended = match made.audit.mended {
        0 => String::new(),
        n => format!("{n} contents were damaged in the backup and are whole there now: look at its disk.\n"),
    };
    format!(
        "{} holds this desk as it is now: the database ({} MB) and {} new files of mail ({} MB). Databases there: {}, removed: {}.\n{key}\n{mended}{found}",
        dir.display(),
        mb(made.database_bytes),
        made.blobs.files,
        mb(made.blobs.bytes),
        made.kept,
        made.dropped,
    )
}

/// A file that may not be there.
fn add(from: &Path, to: &Path) -> Result<(), Failure> {
    if from.exists() {
        copy::file(from, to).with_context(|| format!("{} is not in the backup", from.display()))?;
    }
    Ok(())
}
