//! TXT records, asked of a name server on loopback.

use std::net::SocketAddr;

use wire::net::{Net, Policy};

use crate::pretend_dns::PretendDns;

fn net(servers: &[SocketAddr]) -> Net {
    Net::new(Policy { dns_servers: servers.to_vec(), ..Policy::default() }).unwrap()
}

#[tokio::test]
async fn records_come_whole_and_a_name_without_one_has_none() {
    let dns = PretendDns::start().await;
    let long = format!("v=DKIM1; p={}", "A".repeat(600));
    dns.has("contoso.example", &["v=spf1 -all", "other"]);
    dns.has("s1._domainkey.contoso.example", &[&long]);
    let net = net(&[dns.address]);
    assert_eq!(net.text_records("contoso.example", 7).await.unwrap(), ["v=spf1 -all", "other"]);
    assert_eq!(net.text_records("s1._domainkey.contoso.example", 8).await.unwrap(), [long]);
    assert!(net.text_records("nobody.example", 9).await.unwrap().is_empty());
    dns.state.lock().unwrap().cuts = true;
    assert_eq!(net.text_records("contoso.example", 10).await.unwrap().len(), 2, "over TCP");
    assert!(net.text_records("not a name\\", 11).await.is_err());
    assert!(net.text_records(&format!("{}.example", "x".repeat(70)), 12).await.is_err());
}

#[tokio::test]
async fn another_servers_answer_is_not_taken_and_the_next_server_is_asked() {
    let (first, second) = (PretendDns::start().await, PretendDns::start().await);
    for dns in [&first, &second] {
        dns.has("contoso.example", &["mine"]);
    }
    first.state.lock().unwrap().is_spoofed = true;
    let both = net(&[first.address, second.address]);
    assert_eq!(both.text_records("contoso.example", 7).await.unwrap(), ["mine"]);
    first.state.lock().unwrap().fails = Some(5);
    assert_eq!(both.text_records("contoso.example", 8).await.unwrap(), ["mine"]);
    assert_eq!(second.state.lock().unwrap().asked.len(), 1);
    second.state.lock().unwrap().fails = Some(2);
    let error = both.text_records("contoso.example", 9).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1") && error.contains("contoso.example"), "{error}");
}

#[tokio::test]
async fn a_name_server_that_says_nothing_is_given_up_in_time() {
    let dns = PretendDns::start().await;
    dns.state.lock().unwrap().is_silent = true;
    let began = std::time::Instant::now();
    let error = net(&[dns.address]).text_records("contoso.example", 7).await.unwrap_err();
    assert!(began.elapsed() < wire::net::TEXT_TIMEOUT + std::time::Duration::from_secs(2));
    assert!(
        matches!(error.kind(), wire::Kind::Transient { .. }) && error.to_string().contains("3 s"),
        "{error}"
    );
}
