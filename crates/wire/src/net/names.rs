//! Names become addresses, once for each connection: what is checked here is what is dialled, so that a name that leads
//! elsewhere a moment later leads nowhere.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::timeout;

use super::policy::{Purpose, check};
use super::{ADDRESSES_MAX, Policy, RESOLVE_TIMEOUT};

/// Why a name gave no address to connect to.
#[derive(Debug)]
pub(super) enum NoAddress {
    Unknown(String),
    Refused { address: IpAddr, why: &'static str },
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAddress::Unknown(why) => {
                write!(f, "the name could not be resolved ({why}); check the hostname")
            }
            NoAddress::Refused { address, why } => {
                write!(f, "the address {address} is not used, because {why}")
            }
        }
    }
}

impl std::error::Error for NoAddress {}

/// Who knows the addresses of a name.
#[derive(Clone)]
pub(super) enum Names {
    System,
    #[cfg(test)]
    Pretend(tests::Pretend),
}

impl Names {
    /// The addresses of a host that the policy lets through, in the resolver's order.
    pub(super) async fn allowed(
        &self,
        policy: &Policy,
        host: &str,
        purpose: Purpose,
    ) -> Result<Vec<IpAddr>, NoAddress> {
        let host = bare_host(host);
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.addresses(host).await?,
        };
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in found {
            match check(policy, purpose, address) {
                Ok(()) => allowed.push(address),
                Err(why) => refused = Some(NoAddress::Refused { address, why }),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(refused),
            (true, None) => Err(NoAddress::Unknown("it has no address".to_owned())),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoAddress> {
        match self {
            Names::System => match timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host, 0))).await {
                Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
                Ok(Err(error)) => Err(NoAddress::Unknown(error.to_string())),
                Err(_) => Err(NoAddress::Unknown("no answer in time".to_owned())),
            },
            #[cfg(test)]
            Names::Pretend(pretend) => Ok(pretend.answer(host)),
        }
    }
}

pub(super) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The resolver of the HTTP client: hands out checked addresses only.
pub(super) struct CheckedNames {
    pub names: Names,
    pub policy: Arc<Policy>,
    pub purpose: Purpose,
}

impl reqwest::dns::Resolve for CheckedNames {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let (names, policy, purpose) = (self.names.clone(), self.policy.clone(), self.purpose);
        Box::pin(async move {
            let addresses = names.allowed(&policy, name.as_str(), purpose).await?;
            let addresses =
                addresses.into_iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::net::Net;
    use crate::{Kind, Security, Server};

    /// A name server of somebody who answers each question differently; the last answer stays.
    #[derive(Clone)]
    pub(in crate::net) struct Pretend {
        answers: Arc<Mutex<VecDeque<Vec<IpAddr>>>>,
        asked: Arc<AtomicUsize>,
    }

    impl Pretend {
        fn with(answers: &[&[&str]]) -> Pretend {
            let addresses =
                |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
            let answers = answers.iter().map(addresses).collect();
            Pretend { answers: Arc::new(Mutex::new(answers)), asked: Arc::default() }
        }

        pub(in crate::net) fn answer(&self, _: &str) -> Vec<IpAddr> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    /// Counts who comes, and says nothing.
    #[expect(clippy::disallowed_methods, reason = "a pretend server listens on loopback")]
    async fn door(address: &str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind(address).await.unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
        let count = came.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                drop(stream);
            }
        });
        (port, came)
    }

    fn came(count: &AtomicUsize) -> usize {
        count.load(Ordering::SeqCst)
    }

    /// A link is there before its other end has been looked at.
    async fn has_come(count: &AtomicUsize) {
        for _ in 0..200 {
            if came(count) > 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("nobody came in a second");
    }

    /// Two addresses of this machine, of which the configuration lists the first one only.
    async fn doors() -> (Policy, u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
        let (port, listed) = door("127.0.0.2:0").await;
        let (_, other) = door(&format!("127.0.0.1:{port}")).await;
        let policy = Policy { http_allow: vec!["127.0.0.2".parse().unwrap()], ..Policy::default() };
        (policy, port, listed, other)
    }

    #[tokio::test]
    async fn a_name_that_is_rebound_to_this_machine_after_the_check_reaches_nothing_there() {
        let (policy, port, listed, other) = doors().await;
        let names = Pretend::with(&[&["127.0.0.2"], &["127.0.0.1"]]);
        let net = Net::asking(policy, Names::Pretend(names.clone())).unwrap();
        let url = Url::parse(&format!("https://id.rebound.example:{port}/token")).unwrap();
        // The listed one answers no TLS: what counts is who was dialled, and that nobody was asked twice about the name.
        net.post_form("refresh the token", &url, &[("a", "b")], 100).await.unwrap_err();
        assert_eq!(
            (names.asked(), came(&listed), came(&other)),
            (1, 1, 0),
            "checked and dialled is one address"
        );

        let error = net.post_form("refresh the token", &url, &[("a", "b")], 100).await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1 is not used"), "{error}");
        assert_eq!(error.kind(), Kind::Rejected);
        assert_eq!((names.asked(), came(&listed), came(&other)), (2, 1, 0), "rebound: refused");
    }

    #[tokio::test]
    async fn of_the_addresses_of_a_name_only_those_that_were_let_through_are_dialled() {
        for forbidden in ["127.0.0.1", "::ffff:127.0.0.1"] {
            let (policy, port, listed, other) = doors().await;
            let names = Pretend::with(&[&[forbidden, "127.0.0.2", forbidden]]);
            let net = Net::asking(policy, Names::Pretend(names)).unwrap();
            let url = Url::parse(&format!("https://id.mixed.example:{port}/keys")).unwrap();
            net.get("get the keys", &url, 100).await.unwrap_err();
            assert_eq!((came(&listed), came(&other)), (1, 0), "{forbidden}");
        }
    }

    #[tokio::test]
    async fn a_mail_server_is_dialled_at_the_address_that_was_checked() {
        let (port, came_in) = door("127.0.0.1:0").await;
        let names = Pretend::with(&[&["127.0.0.1"], &["10.0.0.1"], &["169.254.169.254"]]);
        let net = Net::asking(Policy::default(), Names::Pretend(names.clone())).unwrap();
        let server = Server { host: "mail.rebound.example".into(), port, security: Security::Plain };
        net.connect(&server).await.unwrap();
        has_come(&came_in).await;
        assert_eq!((names.asked(), came(&came_in)), (1, 1));
        let error = net.connect(&server).await.err().unwrap();
        assert!(error.to_string().contains("10.0.0.1 is not used"), "{error}");
        let under_tls = Server { security: Security::Tls, ..server };
        let error = net.connect(&under_tls).await.err().unwrap();
        assert!(error.to_string().contains("169.254.169.254 is not used"), "{error}");
        assert_eq!((names.asked(), came(&came_in)), (3, 1));
    }
}
