//! `postern restore`: a desk out of a backup, into a data folder without one, with its mail on hold. With `--files`: what the
//! desk that is here has lost of its mail and attachments.
use crate::backup::{self as backups, KEY, PROVIDERS};
use crate::config::Config;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json};
use anyhow::Context as _;
use clap::Args;
use courier::Clock;
use desk::By;
use desk::backup::{self, Audit, Moment};
use desk::db::{Db, Options};
use desk::files::copy;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Restore {
    /// The folder that `postern backup` wrote
    dir: PathBuf,
    /// Of which moment: a name that `--list` prints [default: the newest]
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
    /// Print the moments that can be restored, and restore nothing
    #[arg(long)]
    list: bool,
    /// Write back into the desk that is here what is damaged or missing of its mail and attachments, and nothing else
    #[arg(long, conflicts_with_all = ["of", "list"])]
    files: bool,
}

pub fn run(program: &Program, asked: &Restore) -> Result<Done, Failure> {
    if asked.files {
        return files(program, &asked.dir);
    }
    let moments = backup::moments(&asked.dir)?;
    if asked.list {
        let items = moments.iter().map(|m| json!({ "name": m.name, "at": json::time(m.at) })).collect();
        return output::list(program.json, items, None, || {
            moments.iter().fold(String::new(), |text, moment| text + &moment.name + "\n")
        });
    }
    let moment = chosen(&moments, asked)?;
    let config = &program.config;
    let _lock = open::lock(config)?;
    let by = By::system(Clock::system().now());
    let begun = Begun::in_empty(config)?;
    let blobs = config.data.join("blobs");
    let copied = copy::store(&asked.dir.join(backup::BLOBS), &blobs)?;
    if let Some(pack) = copied.differing.first() {
        let at = blobs.join(pack);
        return Err(anyhow::anyhow!(
            "{} is not the beginning of the same file in the backup: it is of another restore, or was damaged meanwhile. Name a new \
             folder with --data",
            at.display()
        )
        .into());
    }
    add_missing(&asked.dir.join(PROVIDERS), &config.data.join(PROVIDERS))?;
    add_missing(&asked.dir.join(KEY), &config.key_file)?;
    let asked_again = database(config, moment, &by)?;
    begun.done()?;
    // It is a desk, whatever is found now.
    let db = Db::open(&config.database_url, &Options::default()).map_err(desk::Error::from)?;
    let audit = backup::of_restored(&db, &blobs, &copied)?;
    let key = config.key_file.exists();
    let document = json!({
        "done": "restored",
        "of": json::time(moment.at),
        "mail": "on_hold",
        "unsent": asked_again,
        "key": key,
        "looked_at": audit.looked_at,
        "damaged": audit.damaged.iter().map(backups::damaged).collect::<Vec<_>>(),
    });
    output::print(program.json, &document, || text(config, moment, asked_again, key, &audit))?;
    Ok(backups::ended(&audit))
}

/// Beside the server or without it.
fn files(program: &Program, dir: &Path) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let audit = backup::put_back(&desk, dir, Clock::system().now())?;
    let document = json!({
        "done": "files_restored",
        "looked_at": audit.looked_at,
        "mended": audit.mended,
        "damaged": audit.damaged.iter().map(backups::damaged).collect::<Vec<_>>(),
    });
    output::print(program.json, &document, || {
        let mut text = match (audit.mended, audit.looked_at) {
            (0, n) => format!("Nothing was written back: {n} messages and files were looked at.\n"),
            (1, n) => {
                format!("One of {n} messages and files was damaged or missing here, and is whole again.\n")
            }
            (many, n) => {
                format!(
                    "{many} of {n} messages and files were damaged or missing here, and are whole again.\n"
                )
            }
        };
        let left = backups::named(&audit, "the files of this desk");
        if !left.is_empty() {
            text.push_str(&left);
            text.push_str("They are not whole in that folder either. Try an older backup.\n");
        }
        text
    })?;
    Ok(backups::ended(&audit))
}

fn chosen<'m>(moments: &'m [Moment], asked: &Restore) -> Result<&'m Moment, Failure> {
    let dir = asked.dir.display();
    match &asked.of {
        None => moments.last().ok_or_else(|| Failure::NotFound(format!("{dir} holds no database."))),
        Some(name) => moments.iter().find(|moment| moment.is_called(name)).ok_or_else(|| {
            Failure::NotFound(format!(
                "{dir} holds no {name}. `postern restore {dir} --list` prints what it holds."
            ))
        }),
    }
}

/// A mark in the data folder from the beginning of a restore to its end: one that was broken off is begun again, and
/// nothing else is ever written over.
struct Begun(PathBuf);
impl Begun {
    fn in_empty(config: &Config) -> anyhow::Result<Begun> {
        let mark = config.data.join(open::RESTORING);
        let folder = config.data.display();
        match config.database_url.strip_prefix("sqlite:") {
            // It has its name when all is in it.
            Some(path) if Path::new(path).exists() && mark.exists() => {
                Begun(mark).done()?;
                anyhow::bail!(
                    "the restore into {folder} that was broken off had come to its end, and its mark is removed now. Run \
                     `postern check`, then start Postern. For another restore name a new folder with --data."
                )
            }
            Some(path) if Path::new(path).exists() => {
                anyhow::bail!(
                    "there is a database at {path}. Name a new folder with --data: nothing is written over."
                )
            }
            Some(path) => {
                if let Some(log) = open::last_changes(Path::new(path)) {
                    anyhow::bail!(
                        "{} holds the last changes of a database that was here, and would be taken for changes of the restored \
                         one. Move it to where that database is now, with the same name. Nothing was changed.",
                        log.display()
                    );
                }
            }
            None => drop(empty(config)?),
        }
        if !mark.exists() && desk::files::store::Store::holds_any(&config.data.join("blobs")) {
            anyhow::bail!(
                "{folder} holds the mail of a desk. Name a new folder with --data: nothing is written over."
            );
        }
        fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))?;
        Ok(Begun(mark))
    }
    fn done(self) -> anyhow::Result<()> {
        fs::remove_file(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))
    }
}

/// How many messages wait for a person now.
fn database(config: &Config, moment: &Moment, by: &By) -> anyhow::Result<usize> {
    if let Some(path) = config.database_url.strip_prefix("sqlite:") {
        return Ok(backup::restore(moment, Path::new(path), by)?);
    }
    let to = empty(config)?;
    let file = config.data.join("restored.db");
    let asked_again = backup::restore(moment, &file, by)?;
    backup::restore_into(&file, &to)?;
    fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    Ok(asked_again)
}

/// The database of PostgreSQL, which nobody has used.
fn empty(config: &Config) -> anyhow::Result<Db> {
    let to = Db::open(&config.database_url, &Options::default())?;
    if !to.is_new()? {
        let shown = crate::config::database::shown(&config.database_url);
        anyhow::bail!(
            "the database {shown} is not empty. Name a new one with --database: nothing is written over."
        );
    }
    Ok(to)
}

/// A file that may not be in the backup; one that is here stays.
fn add_missing(from: &Path, to: &Path) -> anyhow::Result<()> {
    if from.exists() && !to.exists() {
        copy::file(from, to)?;
    }
    Ok(())
}

fn text(config: &Config, moment: &Moment, asked_again: usize, key: bool, audit: &Audit) -> String {
    let mut text = format!(
        "{} holds the desk as it was at {}. Its mail is on hold: nothing is fetched, refreshed or sent until `postern mail \
         release`, which is for when the other one has stopped.\n",
        config.data.display(),
        moment.name
    );
    match asked_again {
        0 => {}
        1 => text.push_str(
            "One message had not gone out at that time: its ticket asks whether to send it again.\n",
        ),
        n => text.push_str(&format!(
            "{n} messages had not gone out at that time: their tickets ask whether to send them again.\n"
        )),
    }
    if !key {
        text.push_str(&format!(
            "The key is not here: put it back at {} from where you keep it, before you start.\n",
            config.key_file.display()
        ));
    }
    let damaged = backups::named(audit, "the backup");
    match audit.looked_at {
        _ if !damaged.is_empty() => {
            text.push_str(&damaged);
            text.push_str("Everything else is here. Where another backup has them, `postern restore DIR --files` writes them back from it.\n");
        }
        n => text.push_str(&format!("All {n} messages and files that it names were read and are whole.\n")),
    }
    text.push_str("`postern check` looks at everything of it once more.\n");
    text
}
