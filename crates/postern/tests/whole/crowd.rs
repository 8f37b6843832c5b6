//! More connections than the server can bear: those who come later wait, and nothing breaks.
use crate::program::Program;
use crate::visitor::Visitor;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn a_server_without_files_left_lets_browsers_in_again_as_soon_as_it_has_some() {
    let program = Program::new().administrator().with_few_files(128);
    let server = program.serve();
    let address = server.url.strip_prefix("http://").unwrap().replace("localhost", "127.0.0.1");
    let crowd: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let begun = Instant::now();
    while !server.log().contains("could not be let in") {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never ran out of files: {}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(crowd);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let page = Visitor::new().get(format!("{}/sign-in", server.url)).await;
        assert_eq!(page.status, 200, "{}", page.text);
    });
    let (took, status) = server.stop();
    assert!(took < Duration::from_secs(10) && status == 0, "{took:?}, {status}");
}
