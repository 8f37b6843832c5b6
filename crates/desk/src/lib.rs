//! The helpdesk without the network: its nouns, their rules and their SQL.
//!
//! One noun, one file. Every rule is a plain function over a transaction: no `async`, no socket, no
//! clock (the time is in [`By`]), no randomness (callers hand it in). Families, each using only those
//! above it: db, site, people, mailboxes, files, tickets, outgoing, alerts, intake.
pub mod alerts;
pub mod backup;
pub mod check;
pub mod db;
pub mod error;
pub mod files;
pub mod intake;
pub mod mailboxes;
pub mod outgoing;
pub mod people;
pub mod site;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tickets;
pub mod trace;

pub use error::{Error, Refusal, Result};
pub use site::event::{Actor, By};

use db::Db;
use files::reserve::Shortage;
use files::store::Store;
use mail::provider::Book;
use site::vault::Vault;
use std::sync::Arc;

/// What the desk stands on: the database, the key that seals secrets, the store of blobs, and the providers it knows.
#[derive(Clone, Debug)]
pub struct Desk {
    pub db: Db,
    pub vault: Vault,
    pub store: Store,
    pub providers: Arc<Book>,
}

/// With less than this on the disk of the database nothing may be written down any more, not even what state a mailbox is in.
const DATABASE_BYTES_LEAST: u64 = 1024 * 1024;

impl Desk {
    /// What is too short, asked of the disks themselves: the reserve on that of the store, or that of the database is full.
    pub fn shortage(&self) -> Result<Option<Shortage>> {
        if let Some(shortage) = self.store.shortage()? {
            return Ok(Some(shortage));
        }
        let free = self.db.room()?.filter(|free| *free < DATABASE_BYTES_LEAST);
        let of_database =
            |free| Shortage { disk: "The disk of the database", free, reserve: DATABASE_BYTES_LEAST };
        Ok(free.map(of_database))
    }
}

/// Every migration, in the order in which they are applied. A shipped file never changes.
pub const MIGRATIONS: &[db::Migration] = &[
    db::Migration::both(1, include_str!("../migrations/0001_desk.sql")),
    db::Migration {
        number: 2,
        sqlite: include_str!("../migrations/0002_search.sqlite.sql"),
        postgres: include_str!("../migrations/0002_search.postgres.sql"),
    },
    db::Migration::both(3, include_str!("../migrations/0003_accepted.sql")),
    db::Migration::both(4, include_str!("../migrations/0004_participants.sql")),
    db::Migration::both(5, include_str!("../migrations/0005_traffic.sql")),
    db::Migration::both(6, include_str!("../migrations/0006_round_trip.sql")),
    db::Migration::both(7, include_str!("../migrations/0007_shape.sql")),
    db::Migration::both(8, include_str!("../migrations/0008_alert.sql")),
    db::Migration::both(9, include_str!("../migrations/0009_ways.sql")),
    db::Migration::both(10, include_str!("../migrations/0010_begun_by.sql")),
    db::Migration::both(11, include_str!("../migrations/0011_flow.sql")),
    db::Migration::both(12, include_str!("../migrations/0012_admin_consent.sql")),
    db::Migration::both(13, include_str!("../migrations/0013_mail_hosts.sql")),
    db::Migration::both(14, include_str!("../migrations/0014_one_certificate.sql")),
    db::Migration::both(15, include_str!("../migrations/0015_named_message.sql")),
    db::Migration::both(16, include_str!("../migrations/0016_try_at.sql")),
    db::Migration::both(17, include_str!("../migrations/0017_graph.sql")),
    db::Migration::both(18, include_str!("../migrations/0018_lasting.sql")),
    db::Migration::both(19, include_str!("../migrations/0019_headline.sql")),
    db::Migration::both(20, include_str!("../migrations/0020_taking_back.sql")),
    // What the index of the next one has no room for goes before it.
    db::Migration::both(26, include_str!("../migrations/0026_short_message_ids.sql")),
    db::Migration::both(21, include_str!("../migrations/0021_balance.sql")),
    db::Migration::both(22, include_str!("../migrations/0022_folders.sql")),
    db::Migration::both(23, include_str!("../migrations/0023_by_content.sql")),
    db::Migration::both(24, include_str!("../migrations/0024_standing.sql")),
    db::Migration::both(25, include_str!("../migrations/0025_numbering.sql")),
    db::Migration::both(27, include_str!("../migrations/0027_head.sql")),
    db::Migration::both(28, include_str!("../migrations/0028_moved.sql")),
    db::Migration::both(29, include_str!("../migrations/0029_filing.sql")),
    db::Migration::both(30, include_str!("../migrations/0030_subscription.sql")),
    db::Migration::both(31, include_str!("../migrations/0031_listing.sql")),
    db::Migration::both(33, include_str!("../migrations/0033_epoch.sql")),
    db::Migration::both(34, include_str!("../migrations/0034_one_folder.sql")),
    db::Migration::both(35, include_str!("../migrations/0035_stale.sql")),
    db::Migration::both(36, include_str!("../migrations/0036_blob_named.sql")),
];
