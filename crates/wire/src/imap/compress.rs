//! Both directions compressed (RFC 4978), where the server offers it.

use super::reader::USUAL;
use super::session::{Session, State};
use crate::Result;

/// What is tried, for who would rather go on without.
pub const COMPRESSING: &str = "compress the link";

impl Session {
    /// After the sign-in, so that no secret is ever compressed. `false`: it is not offered, or the server would rather
    /// not; the link goes on as it was. An error: the next link is to be a plain one.
    pub async fn compress(&mut self) -> Result<bool> {
        if !self.has("COMPRESS=DEFLATE") {
            return Ok(false);
        }
        match self.run(COMPRESSING, "COMPRESS DEFLATE", USUAL, |_| {}).await {
            Ok(_) => {
                self.reader.line.compress();
                // A server may say OK and go on as it was, which shows with the next command.
                self.run(COMPRESSING, "NOOP", USUAL, |_| {}).await?;
                Ok(true)
            }
            Err(_) if matches!(self.state, State::Ready) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
