//! A token endpoint on loopback: what it answers is set by the test, what it was asked is written down.
use crate::pretend::{listen, request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use url::form_urlencoded;

#[derive(Default)]
pub struct State {
    /// The form of each request.
    pub asked: Vec<HashMap<String, String>>,
    /// Access tokens that requests came with.
    pub bearers: Vec<String>,
    /// Status and body of the next answers; the last one stays.
    pub answers: Vec<(u16, String)>,
    /// When it wants to be asked again, in seconds.
    pub retry_after: Option<u32>,
    /// A request with this device code is never answered.
    pub hangs_on: Option<String>,
    /// What happens while the next request with a device code is on its way.
    pub meanwhile: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone)]
pub struct PretendProvider {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl PretendProvider {
    pub async fn start() -> PretendProvider {
        let server = |address| PretendProvider { address, state: Arc::default() };
        listen(server, |server, stream| async move { server.serve(stream).await }).await
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn answers(&self, status: u16, body: serde_json::Value) {
        self.state().answers.push((status, body.to_string()));
    }

    /// A token set, rotated: its access token is `access-N`, its refresh token `refresh-N`.
    pub fn answers_tokens(&self, number: u32, expires_in: u32, id_token: Option<String>) {
        self.answers(
            200,
            serde_json::json!({
                "token_type": "Bearer", "expires_in": expires_in, "access_token": format!("access-{number}"),
                "refresh_token": format!("refresh-{number}"), "id_token": id_token,
                "scope": "https://outlook.office.com/IMAP.AccessAsUser.All",
            }),
        );
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let Some((head, body)) = request(&mut stream).await? else { return Ok(()) };
            let bearer = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "));
            let form = form_urlencoded::parse(&body).into_owned().collect();
            let (hangs, meanwhile) = {
                let mut state = self.state();
                let form: HashMap<String, String> = form;
                let code = form.get("device_code");
                let hangs = code.is_some_and(|code| state.hangs_on.as_ref() == Some(code));
                let meanwhile = code.is_some().then(|| state.meanwhile.take()).flatten();
                state.asked.push(form);
                (hangs, meanwhile)
            };
            if let Some(meanwhile) = meanwhile {
                meanwhile();
            }
            if hangs {
                std::future::pending::<()>().await;
            }
            let (status, body, more) = {
                let mut state = self.state();
                state.bearers.extend(bearer.map(str::to_owned));
                let many = state.answers.len() > 1;
                let (status, body) = if many { state.answers.remove(0) } else { state.answers[0].clone() };
                let after = state.retry_after.map(|seconds| format!("Retry-After: {seconds}\r\n"));
                (status, body, after.unwrap_or_default())
            };
            let head = format!(
                "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{more}\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
    }
}

/// What the token endpoint says who signed in; unsigned, as its link is what makes it believable.
pub fn id_token(address: &str, nonce: &str, now: i64) -> String {
    id_token_of(address, "o", nonce, now)
}

/// The same with the account's own id, which no address changes.
pub fn id_token_of(address: &str, oid: &str, nonce: &str, now: i64) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(serde_json::json!({ "alg": "RS256" }));
    let claims = part(serde_json::json!({
        "iss": "https://login.example", "sub": "subject", "aud": "the-client", "exp": now / 1000 + 3600,
        "iat": now / 1000, "nonce": nonce, "preferred_username": address, "email": address, "oid": oid, "tid": "t",
    }));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode("signature"))
}
