//! TLS that notes what it saw, for whoever has to tell a person how a link is protected.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustls::ProtocolVersion;
use tokio::time::Instant;

use super::{BoxStream, Net, Secure, validity};
use crate::{Record, Result};

/// What a handshake showed; its chain and its name were checked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// As people write it: `TLS 1.3`.
    pub version: &'static str,
    /// The last moment of the server's certificate, in milliseconds UTC, where it can be read.
    pub ends_at: Option<i64>,
}

/// A [`Secure`] over a [`Net`] that remembers the handshake, and writes down what is said.
pub struct Watched<'a> {
    net: &'a Net,
    record: Record,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    took: Option<Duration>,
    handshake: Option<Handshake>,
}

impl fmt::Debug for Watched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("seen", &self.seen()).finish_non_exhaustive()
    }
}

impl<'a> Watched<'a> {
    pub fn new(net: &'a Net, record: &Record) -> Watched<'a> {
        Watched { net, record: record.clone(), seen: Mutex::default() }
    }

    /// How long the handshake took, good or not; `None` before there was one.
    pub fn took(&self) -> Option<Duration> {
        self.seen().took
    }

    /// `None` before there was one, and when it failed.
    pub fn handshake(&self) -> Option<Handshake> {
        self.seen().handshake
    }

    fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secure for Watched<'_> {
    async fn secure(&self, stream: BoxStream, host: &str) -> Result<BoxStream> {
        let began = Instant::now();
        let secured = self.net.handshake(stream, host).await;
        let handshake = secured.as_ref().ok().map(|stream| {
            let connection = stream.get_ref().1;
            let own = connection.peer_certificates().and_then(|chain| chain.first());
            Handshake {
                version: match connection.protocol_version() {
                    Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
                    Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
                    _ => "TLS",
                },
                ends_at: own.and_then(|certificate| validity::ends_at(certificate)),
            }
        });
        let seen = Seen { took: Some(began.elapsed()), handshake };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(Box::new(secured?))
    }

    fn record(&self) -> Option<Record> {
        Some(self.record.clone())
    }
}
