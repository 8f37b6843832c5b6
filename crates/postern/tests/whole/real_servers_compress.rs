//! Against Dovecot: everything over a link that is compressed in both directions (RFC 4978).
use crate::rig;
use std::time::Duration;
use wire::imap::{Fetched, Idle};
use wire::letter::Room;

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_as_they_are_over_a_compressed_link_and_news_are_told_on_it() {
    let address = rig::address("support", "contoso.example");
    let long = |number: usize| {
        // Half of it compresses well, half of it hardly.
        let noise: String = (0..400).map(|_| format!("{:032x}\n", rand::random::<u128>())).collect();
        let text = format!("{}{noise}", "The same line again.\n".repeat(500));
        rig::letter("ann@nordwind.example", &address, &number.to_string(), &text)
    };
    let letters: Vec<String> = (0..40).map(long).collect();
    rig::deliver(&address, &letters);
    let mut session = rig::signed_in(&address).await;
    if !session.has("COMPRESS=DEFLATE") {
        assert!(!session.compress().await.unwrap());
        println!("this Dovecot does not compress");
        return;
    }
    assert!(session.compress().await.unwrap());
    assert_eq!(session.select("INBOX").await.unwrap().exists, 40);
    let uids = session.uids_since(0).await.unwrap();
    let mut fetch = session.fetch(&uids, &Room::in_memory(1024 * 1024)).await.unwrap();
    let mut came = 0;
    while let Some(fetched) = fetch.next().await.unwrap() {
        let Fetched::Message { letter, .. } = fetched else { panic!("{fetched:?}") };
        let text = String::from_utf8(letter.into_bytes().unwrap()).unwrap();
        let sent = letters[came].replace('\n', "\r\n");
        assert!(
            text.ends_with(sent.trim_end()) || text.trim_end().ends_with(sent.trim_end()),
            "letter {came}"
        );
        came += 1;
    }
    assert_eq!(came, 40);
    // A limit is a limit.
    let mut fetch = session.fetch(&uids[..1], &Room::in_memory(1000)).await.unwrap();
    assert!(matches!(fetch.next().await.unwrap(), Some(Fetched::TooBig { .. })));
    assert!(fetch.next().await.unwrap().is_none());
    let idling = session.idle(Duration::from_secs(20));
    let delivering = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (to, news) = (address.clone(), [long(41)]);
        tokio::task::spawn_blocking(move || rig::deliver(&to, &news)).await.unwrap();
    };
    let (idled, ()) = tokio::join!(idling, delivering);
    assert_eq!(idled.unwrap(), Idle::News);
    session.logout().await.unwrap();
}
