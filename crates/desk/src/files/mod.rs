//! Files: bytes by content.
pub mod attachment;
pub mod belonging;
pub mod blob;
pub mod copy;
mod record;
pub mod reserve;
pub mod store;
