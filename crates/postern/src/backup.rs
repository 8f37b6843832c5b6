//! `postern backup`: a copy of everything while everything runs, into a folder that holds earlier ones.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json};
use anyhow::Context as _;
use clap::Args;
use courier::{Clock, Random};
use desk::backup::{self, Made};
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
}

pub fn run(program: &Program, asked: &Backup) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let now = Clock::system().now();
    let made = backup::make(&desk, &asked.dir, asked.keep.into(), now, Random::system().bytes())?;
    add(&program.config.data.join(PROVIDERS), &asked.dir.join(PROVIDERS))?;
    if asked.with_key {
        add(&program.config.key_file, &asked.dir.join(KEY))?;
    }
    let key = asked.dir.join(KEY).exists();
    let Made { database, database_bytes, blobs, dropped, kept } = &made;
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
    });
    output::print(program.json, &document, || text(program, &asked.dir, &made, key))
}

fn text(program: &Program, dir: &Path, made: &Made, key: bool) -> String {
    let mb = |bytes: u64| bytes.div_ceil(1_000_000);
    let key = if key {
        "The key is in it: whoever can read this folder can read every secret.".to_owned()
    } else {
        let file = program.config.key_file.display();
        format!("The key is not in it: keep {file} apart from it, or the secrets in it cannot be opened.")
    };
    format!(
        "{} holds this desk as it is now: the database ({} MB) and {} new files of mail ({} MB). Databases there: {}, removed: {}.\n{key}\n",
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
