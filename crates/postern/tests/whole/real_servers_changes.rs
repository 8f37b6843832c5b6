//! Against Dovecot: what has changed in a folder since it was looked at (CONDSTORE and QRESYNC, RFC 7162) comes to what a list
//! of it comes to.
use crate::rig;

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_comes_to_what_a_list_comes_to() {
    let address = rig::address("support", "contoso.example");
    let letter =
        |number: usize| rig::letter("ann@nordwind.example", &address, &number.to_string(), "Hello\n");
    rig::deliver(&address, &(1..=6).map(letter).collect::<Vec<_>>());
    let mut session = rig::signed_in(&address).await;
    assert!(session.enable_qresync().await.unwrap(), "Dovecot offers it");
    session.select("INBOX").await.unwrap();
    let mut held = session.uids_since(0).await.unwrap();
    assert_eq!(held, [1, 2, 3, 4, 5, 6]);
    for (gone, more) in [(vec![2, 3, 6], 0), (vec![], 2), (vec![1, 7], 1)] {
        let known = session.highest_mod_seq().expect("it counts its changes");
        let before = session.changes_since(known).await.unwrap().expect("it tells");
        assert!(before.vanished.is_empty(), "nothing has changed yet: {before:?}");
        let mut other = rig::signed_in(&address).await;
        other.select("INBOX").await.unwrap();
        if !gone.is_empty() {
            other.delete(&gone).await.unwrap();
        }
        other.logout().await.unwrap();
        rig::deliver(&address, &(0..more).map(letter).collect::<Vec<_>>());
        session.select("INBOX").await.unwrap();
        let changes = session.changes_since(known).await.unwrap().expect("it tells");
        held = changes.applied_to(&held);
        assert_eq!(held, session.uids_since(0).await.unwrap(), "{changes:?}");
        assert!(session.highest_mod_seq().unwrap() > known);
    }
    assert_eq!(held, [4, 5, 8, 9]);
    session.logout().await.unwrap();
}
