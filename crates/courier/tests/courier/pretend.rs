//! What all pretend servers have in common: a port on loopback, and a conversation for each connection to it.
use std::net::SocketAddr;
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
