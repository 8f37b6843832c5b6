//! `mbsync` (Debian's isync), the best C program that merely copies mail: over TLS, each message synced to the disk.
use crate::mailbox::Mailbox;
use crate::timed;
use anyhow::{Context as _, ensure};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long it took for the whole mailbox. `None`: it is not installed.
pub fn mbsync(folder: &Path, mailbox: &Mailbox, letters: usize) -> anyhow::Result<Option<Duration>> {
    std::fs::create_dir(folder)?;
    let place = folder.to_str().context("a path")?;
    let settings = format!(
        "FSync yes\n\nIMAPAccount bench\nHost localhost\nPort {}\nUser {}\nPass rehearsal\nSSLType IMAPS\n\
         SystemCertificates no\nCertificateFile {}\nAuthMechs LOGIN\n\nIMAPStore far\nAccount bench\n\n\
         MaildirStore near\nInbox {place}/INBOX\n\nChannel bench\nFar :far:\nNear :near:\nSync Pull\n\
         Create Near\nSyncState {place}/state\n",
        mailbox.server.port,
        mailbox.address,
        mailbox.ca.display()
    );
    let file = folder.join("settings");
    std::fs::write(&file, settings)?;
    let mut command = Command::new("mbsync");
    command.arg("-q").arg("-c").arg(&file).arg("bench").stdout(Stdio::null());
    let ran = timed(|| Ok(command.status()));
    let (status, took) = match ran? {
        (Err(error), _) if error.kind() == ErrorKind::NotFound => {
            println!("mbsync is not installed (apt-get install isync): not compared");
            return Ok(None);
        }
        (status, took) => (status?, took),
    };
    ensure!(status.success(), "mbsync ended with {status}");
    let copied =
        ["INBOX/new", "INBOX/cur"].iter().map(|name| Ok(std::fs::read_dir(folder.join(name))?.count()));
    let copied: usize = copied.collect::<std::io::Result<Vec<_>>>()?.into_iter().sum();
    ensure!(copied == letters, "mbsync copied {copied}");
    std::fs::remove_dir_all(folder)?;
    Ok(Some(took))
}
