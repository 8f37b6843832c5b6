//! A name server on loopback that answers TXT questions from a table, over UDP and TCP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

#[derive(Default)]
pub struct State {
    /// By name in lower case, without a dot at its end.
    pub texts: HashMap<String, Vec<String>>,
    /// Answered with this code whatever the name (2: SERVFAIL, 5: REFUSED).
    pub fails: Option<u8>,
    pub is_silent: bool,
    /// Answers over UDP are cut, and whole over TCP.
    pub cuts: bool,
    /// Somebody else's answer is sent before each of its own.
    pub is_spoofed: bool,
    pub asked: Vec<String>,
}

#[derive(Clone)]
pub struct PretendDns {
    pub address: SocketAddr,
    pub state: Arc<Mutex<State>>,
}

impl PretendDns {
    pub async fn start() -> PretendDns {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let server = PretendDns { address, state: Arc::default() };
        let (by_udp, by_tcp) = (server.clone(), server.clone());
        tokio::spawn(async move {
            let mut question = [0; 4096];
            while let Ok((size, from)) = udp.recv_from(&mut question).await {
                if by_udp.state.lock().unwrap().is_spoofed {
                    let mut other = by_udp.answer(&question[..size], false).unwrap_or_default();
                    other[1] ^= 1; // another id
                    let _ = udp.send_to(&other, from).await;
                }
                let cuts = by_udp.state.lock().unwrap().cuts;
                if let Some(answer) = by_udp.answer(&question[..size], cuts) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let Ok(size) = stream.read_u16().await else { continue };
                let mut question = vec![0; usize::from(size)];
                if stream.read_exact(&mut question).await.is_err() {
                    continue;
                }
                if let Some(answer) = by_tcp.answer(&question, false) {
                    let _ = stream.write_u16(answer.len() as u16).await;
                    let _ = stream.write_all(&answer).await;
                }
            }
        });
        server
    }

    pub fn has(&self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.state.lock().unwrap().texts.insert(name.to_owned(), texts);
    }

    /// RFC 1035 §4.1, by hand.
    fn answer(&self, question: &[u8], cut: bool) -> Option<Vec<u8>> {
        let (mut labels, mut at) = (Vec::new(), 12);
        while question[at] != 0 {
            let end = at + 1 + usize::from(question[at]);
            labels.push(String::from_utf8_lossy(&question[at + 1..end]).to_ascii_lowercase());
            at = end;
        }
        let end = at + 5;
        let name = labels.join(".");
        let mut state = self.state.lock().unwrap();
        state.asked.push(name.clone());
        if state.is_silent {
            return None;
        }
        let texts = state.texts.get(&name).cloned();
        let code = match (state.fails, &texts) {
            (Some(code), _) => code,
            (None, None) => 3,
            (None, Some(_)) => 0,
        };
        let texts = if cut || code != 0 { Vec::new() } else { texts.unwrap_or_default() };
        let mut answer = question[..2].to_vec();
        answer.extend([0x81 | if cut { 2 } else { 0 }, 0x80 | code, 0, 1]);
        answer.extend((texts.len() as u16).to_be_bytes());
        answer.extend([0, 0, 0, 0]);
        answer.extend(&question[12..end]);
        for text in texts {
            let strings: Vec<u8> = text
                .as_bytes()
                .chunks(255)
                .flat_map(|part| [&[part.len() as u8][..], part].concat())
                .collect();
            answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
            answer.extend((strings.len() as u16).to_be_bytes());
            answer.extend(strings);
        }
        Some(answer)
    }
}
