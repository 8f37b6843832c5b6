//! What an administrator of the tenant was sent, and what one person gave for several mailboxes.
use super::*;

#[test]
fn a_link_for_the_administrator_comes_back_once_to_its_registration_within_a_week() {
    let s = scene();
    let states = ["one".to_owned(), "two".to_owned(), "late".to_owned()];
    s.desk.db.write(|tx| grant::begin_admin_consent(tx, &by(), s.client, s.mailbox, &states)).unwrap();
    let take = |client: i64, state: &str, at: i64| {
        let refused = (state == "two").then_some("No.");
        let awaited = s.desk.db.read(|tx| grant::awaits_admin_consent(tx, client, state, at)).unwrap();
        let taken = s.desk.db.write(|tx| grant::take_admin_consent(tx, client, state, refused, at)).unwrap();
        assert_eq!(awaited, taken, "{state}");
        taken
    };
    assert!(!take(s.client + 1, "one", NOW), "another registration's callback");
    assert!(!take(s.client, "three", NOW));
    assert!(take(s.client, "one", NOW));
    assert!(!take(s.client, "one", NOW), "once");
    assert!(take(s.client, "two", NOW));
    assert!(!take(s.client, "late", NOW + grant::ADMIN_CONSENT_MS), "a week");
    let kept: Vec<(Vec<u8>,)> =
        s.desk.db.read(|tx| tx.all("SELECT state_hash FROM admin_consent", params![])).unwrap();
    assert!(kept.iter().all(|(hash,)| hash.len() == 32), "never the state itself");
    let kinds = kinds(&s.desk, Subject::Mailbox(s.mailbox));
    for kind in ["admin_consent_asked", "admin_consent_said", "admin_consent_refused"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn what_the_same_person_gave_for_another_mailbox_is_known_while_it_is_there() {
    let mut s = scene();
    let first = s.in_use();
    s.mailbox = mailbox(&s.desk, "billing@contoso.example");
    let second = s.authorized("two", "access-2");
    let elsewhere =
        |id: i64| s.desk.db.read(|tx| grant::same_person_elsewhere(tx, id)).unwrap().unwrap_or_default();
    assert_eq!(elsewhere(first), "billing@contoso.example");
    assert_eq!(elsewhere(second), "support@contoso.example");
    s.desk.db.write(|tx| grant::delete_tokens(tx, &by(), second)).unwrap();
    assert_eq!(elsewhere(second), "support@contoso.example", "still there when it is asked about");
    assert_eq!(elsewhere(first), "", "what is destroyed needs nothing");

    let third = s.authorized("three", "access-3");
    let of_another =
        "UPDATE consent SET owner_subject = 'another', owner_address = 'ann@x.example' WHERE id = $1";
    s.desk.db.write(|tx| Ok::<_, desk::Error>(tx.execute(of_another, params![third])?)).unwrap();
    assert_eq!(elsewhere(third), "", "another person's");
}
