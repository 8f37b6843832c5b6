//! The site itself: settings, events, numbers, and the vault.
pub mod due;
pub mod event;
pub mod lease;
pub mod sequence;
pub mod setting;
pub mod vault;
