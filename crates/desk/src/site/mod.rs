//! The site itself: settings, events, numbers, and the vault.
pub mod due;
pub mod endpoint;
pub mod event;
pub mod key_health;
pub mod lease;
pub mod mail_hold;
pub mod rotation;
pub mod sealed;
pub mod sequence;
pub mod setting;
pub mod vault;
