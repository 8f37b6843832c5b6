//! What all pretend servers have in common: a port on loopback, and a conversation for each connection to it.
use std::net::SocketAddr;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

pub async fn listen<Server, Conversation>(
    server: impl FnOnce(SocketAddr) -> Server,
    serve: impl Fn(Server, TcpStream) -> Conversation + Send + 'static,
) -> Server
where
    Server: Clone + Send + 'static,
    Conversation: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = server(listener.local_addr().unwrap());
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let conversation = serve(serving.clone(), stream);
            tokio::spawn(async move {
                let _ = conversation.await; // the client may go at any time
            });
        }
    });
    server
}

/// Head and body of the next HTTP request; `None`: the client has gone.
pub async fn request(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut request = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await?;
        if count == 0 {
            return Ok(None);
        }
        request.extend_from_slice(&some[..count]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        if request.len() >= end + 4 + length.and_then(|l| l.parse::<usize>().ok()).unwrap_or(0) {
            let body = request.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&request).into_owned(), body)));
        }
    }
}
