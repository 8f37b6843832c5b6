//! Files: bytes by content.
pub mod attachment;
pub mod blob;
mod record;
pub mod store;
