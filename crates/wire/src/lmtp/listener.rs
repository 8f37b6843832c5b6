//! Where letters are handed over: a socket in the file system, or a port.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::PathBuf;

use tokio::net::{TcpListener, UnixListener};

use crate::net::{self, BoxStream};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Whoever may write to the file may hand over: its owner and its group.
    Socket(PathBuf),
    Port(SocketAddr),
}

impl fmt::Display for Place {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Socket(path) => write!(f, "unix:{}", path.display()),
            Place::Port(address) => write!(f, "{address}"),
        }
    }
}

/// Who connected: `None` over a socket of the file system.
pub type Peer = Option<IpAddr>;

#[derive(Debug)]
pub struct Listener(Bound);

#[derive(Debug)]
enum Bound {
    Socket { listener: UnixListener, path: PathBuf },
    Port(TcpListener),
}

impl Listener {
    /// The file of a process that was killed is put aside; one that somebody listens at is not (`AddrInUse`).
    #[expect(clippy::disallowed_methods, reason = "letters come in here; the policy is of the way out")]
    pub async fn bind(place: &Place) -> io::Result<Listener> {
        let path = match place {
            Place::Port(address) => return Ok(Listener(Bound::Port(TcpListener::bind(address).await?))),
            Place::Socket(path) => path,
        };
        match std::fs::symlink_metadata(path) {
            Ok(there) if there.file_type().is_socket() => {
                if net::is_listened_at(path).await? {
                    return Err(ErrorKind::AddrInUse.into());
                }
                std::fs::remove_file(path)?;
            }
            Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Listener(Bound::Socket { listener, path: path.clone() }))
    }

    /// The next who connects.
    pub async fn accept(&self) -> io::Result<(BoxStream, Peer)> {
        match &self.0 {
            Bound::Socket { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), None))
            }
            Bound::Port(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Box::new(stream), Some(peer.ip().to_canonical())))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Bound::Socket { path, .. } = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
