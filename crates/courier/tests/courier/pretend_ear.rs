//! The address that Microsoft tells of new mail, on loopback: it says tokens back, and what it is told is written down.
use crate::pretend::{listen, request};
use desk::mailboxes::subscription::{Notification, Says};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

#[derive(Clone)]
pub struct PretendEar {
    pub address: SocketAddr,
    told: Arc<Mutex<Vec<Notification>>>,
    deaf: Arc<Mutex<bool>>,
}

impl PretendEar {
    pub async fn open() -> PretendEar {
        let server = |address| PretendEar { address, told: Arc::default(), deaf: Arc::default() };
        listen(server, |server, stream| async move { server.serve(stream).await }).await
    }

    /// Nothing answers from now on, or again.
    pub fn deaf(&self, yes: bool) {
        *self.deaf.lock().unwrap() = yes;
    }

    /// What was told, once it has been so often in all.
    pub async fn told(&self, count: usize) -> Vec<Notification> {
        for _ in 0..400 {
            let told = self.told.lock().unwrap().clone();
            if told.len() >= count {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{} times, and not {count}", self.told.lock().unwrap().len());
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let Some((head, body)) = request(&mut stream).await? else { return Ok(()) };
        if *self.deaf.lock().unwrap() {
            return Ok(());
        }
        let target = head.split(' ').nth(1).unwrap_or_default();
        let url = url::Url::parse(&format!("http://localhost{target}")).unwrap();
        assert_eq!(url.path(), "/graph/notifications");
        let token = url
            .query_pairs()
            .find(|(name, _)| name == "validationToken")
            .map(|(_, token)| token.into_owned());
        let (status, said) = match token {
            Some(token) => ("200 OK", token),
            None => {
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let told = body["value"].as_array().unwrap().iter().map(notification);
                self.told.lock().unwrap().extend(told);
                ("202 Accepted", String::new())
            }
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
            said.len()
        );
        stream.write_all(answer.as_bytes()).await
    }
}

fn notification(one: &serde_json::Value) -> Notification {
    let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    Notification {
        server_id: text("subscriptionId"),
        client_state: text("clientState"),
        says: match one["lifecycleEvent"].as_str() {
            None => Says::News,
            Some("missed") => Says::Missed,
            Some("reauthorizationRequired") => Says::Reauthorize,
            Some("subscriptionRemoved") => Says::Removed,
            Some(other) => panic!("{other}"),
        },
    }
}
