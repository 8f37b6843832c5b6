//! TXT records (RFC 1035), asked of the servers that the system's resolver uses. Nothing is remembered, since whoever
//! asks has perhaps just changed a record; nothing is proved (DNSSEC), since nothing is decided by an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Net, dial};
use crate::{Error, Result};

/// All servers and tries together.
pub const TEXT_TIMEOUT: Duration = Duration::from_secs(12);
/// One question to one server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// As `resolv.conf` has it.
const SERVERS_MAX: usize = 3;
const ROUNDS: usize = 2;
/// What one datagram may carry without being cut into pieces on the way (RFC 6891; the DNS flag day of 2020).
const DATAGRAM_BYTES_MAX: u16 = 1232;
/// Records of one name: domains collect them.
const RECORDS_MAX: usize = 200;
const PORT: u16 = 53;
const SYSTEM: &str = "/etc/resolv.conf";

impl Net {
    /// The TXT records of an ASCII name, the strings of each put together; empty where there is no such name or record.
    /// An error is the resolver's, and says nothing about the name. `id` is drawn anew for each question.
    pub async fn text_records(&self, name: &str, id: u16) -> Result<Vec<String>> {
        let tried = format!("look up the TXT records of {name}");
        let Some((question, bytes)) = question(name, id) else {
            return Err(Error::rejected(tried, "").remedy("this is no name of the DNS"));
        };
        let servers = self.name_servers().await;
        let servers = servers.map_err(|why| Error::transient(&*tried, "").remedy(why))?;
        let asking = async {
            let mut last = None;
            for server in servers.iter().cycle().take(servers.len() * ROUNDS) {
                match ask(*server, &question, &bytes).await {
                    Ok(records) => return Ok(records),
                    Err(why) => last = Some((server, why)),
                }
            }
            Err(last.map_or_else(String::new, |(server, why)| format!("{}: {why}", server.ip())))
        };
        match timeout(TEXT_TIMEOUT, asking).await {
            Ok(found) => found.map_err(|why| Error::transient(tried, "").remedy(why)),
            Err(_) => Err(Error::transient(tried, "").remedy("no name server answered in time")),
        }
    }

    /// No name servers of its own were configured.
    pub fn asks_the_systems_servers(&self) -> bool {
        self.inner.policy.dns_servers.is_empty()
    }

    async fn name_servers(&self) -> Result<Vec<SocketAddr>, String> {
        let configured = &self.inner.policy.dns_servers;
        if !configured.is_empty() {
            return Ok(configured.iter().copied().take(SERVERS_MAX).collect());
        }
        let text = tokio::fs::read(SYSTEM).await.map_err(|error| format!("{SYSTEM}: {error}"))?;
        let system = resolv_conf::Config::parse(text).map_err(|error| format!("{SYSTEM}: {error}"))?;
        let servers = system.nameservers.iter().take(SERVERS_MAX);
        let servers: Vec<SocketAddr> =
            servers.map(|server| SocketAddr::new(IpAddr::from(server), PORT)).collect();
        if servers.is_empty() { Err(format!("{SYSTEM} names no server")) } else { Ok(servers) }
    }
}

fn question(name: &str, id: u16) -> Option<(Message, Vec<u8>)> {
    let name = Name::from_ascii(format!("{}.", name.trim_end_matches('.'))).ok()?;
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, RecordType::TXT));
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM_BYTES_MAX);
    message.set_edns(edns);
    let bytes = message.to_vec().ok()?;
    Some((message, bytes))
}

/// One question to one server, over TCP when the answer does not fit into a datagram.
async fn ask(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Vec<String>, String> {
    let answered = by_udp(server, question, bytes).await?;
    let answer = match answered.metadata.truncation {
        true => by_tcp(server, question, bytes).await?,
        false => answered,
    };
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(texts(&answer)),
        code => Err(format!("the name server answered “{code}”")),
    }
}

fn texts(answer: &Message) -> Vec<String> {
    let texts = answer.answers.iter().filter_map(|record| match &record.data {
        RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
        _ => None,
    });
    texts.take(RECORDS_MAX).collect()
}

/// The answer to this question, and to no other.
fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let fits = answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == question.queries;
    fits.then_some(answer)
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
async fn by_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, String> {
    let said = |error: std::io::Error| error.to_string();
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.map_err(said)?;
    // Connected, it takes datagrams of that server alone.
    socket.connect(server).await.map_err(said)?;
    socket.send(bytes).await.map_err(said)?;
    let until = Instant::now() + ANSWER_TIMEOUT;
    let mut datagram = vec![0; usize::from(u16::MAX)];
    loop {
        let size = match timeout_at(until, socket.recv(&mut datagram)).await {
            Ok(received) => received.map_err(said)?,
            Err(_) => return Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
        };
        if let Some(answer) = datagram.get(..size).and_then(|bytes| answer_to(question, bytes)) {
            return Ok(answer);
        }
    }
}

/// RFC 7766 §8: two bytes of length before each message.
async fn by_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> Result<Message, String> {
    let talking = async {
        let mut stream = dial(server).await?;
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
        stream.write_all(&[&length, bytes].concat()).await?;
        let size = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(size)];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = match timeout(ANSWER_TIMEOUT, talking).await {
        Ok(answer) => answer.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
    };
    answer_to(question, &answer).ok_or_else(|| "the name server answered something else".to_owned())
}
