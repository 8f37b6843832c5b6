//! Mailboxes, their registrations at providers, and the consents they live on.
pub mod balance;
pub mod choice;
pub mod client;
pub mod cursor;
pub mod deleted_name;
pub mod grant;
pub mod listing;
pub mod lost_key;
pub mod mailbox;
pub mod named;
pub mod numbering;
pub mod put_off;
pub mod subscription;
mod tenant;
pub mod uid_set;
pub mod usual;
