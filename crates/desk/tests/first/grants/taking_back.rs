//! What has ended stays sealed until its provider has been told of it, and not for longer than three days.
use super::*;
use desk::mailboxes::grant::{TELLING_MS, TakeBack};
use desk::mailboxes::lost_key;
use desk::site::sealed;

const REVOKE: &str = "https://login.example/revoke";

impl Scene {
    fn take_back_to(&self, id: i64) {
        self.desk.db.write(|tx| grant::take_back_to(tx, id, REVOKE)).unwrap();
    }
    fn delete(&self, id: i64) {
        self.desk.db.write(|tx| grant::delete_tokens(tx, &by(), id)).unwrap();
    }
    fn told(&self, kept: &TakeBack) -> bool {
        self.desk.db.write(|tx| grant::told_provider(tx, &by(), kept)).unwrap()
    }
    fn claim_back(&self, only: Option<i64>, at: i64) -> Option<TakeBack> {
        self.desk.db.write(|tx| grant::claim_take_back(tx, &self.desk.vault, only, at)).unwrap()
    }
    /// The sealed refresh token of a row, and when anybody may tell its provider.
    fn kept(&self, id: i64) -> (bool, Option<i64>) {
        let read = |tx: &mut desk::db::Tx<'_>| {
            tx.one("SELECT refresh_token IS NOT NULL, take_back_at FROM consent WHERE id = $1", params![id])
        };
        self.desk.db.read(read).unwrap()
    }
    fn untold(&self) -> Option<(i64, String)> {
        let untold = self.desk.db.read(|tx| grant::untold(tx, self.mailbox)).unwrap();
        untold.into_iter().next().map(|one| (one.next_at, one.said))
    }
    fn count(&self, kind: &str) -> usize {
        kinds(&self.desk, Subject::Mailbox(self.mailbox)).iter().filter(|one| *one == kind).count()
    }
}

#[test]
fn what_is_deleted_stays_sealed_until_the_provider_knows_and_can_be_used_for_nothing_else() {
    let s = scene();
    let id = s.in_use();
    s.take_back_to(id);
    s.delete(id);
    assert_eq!(s.kept(id), (true, Some(NOW + TELLING_MS)));
    assert!(s.access(id).is_none() && s.claim(id, NOW + 3600 * SECOND).is_none());
    assert!(s.due(NOW + 7200 * SECOND).is_empty(), "nobody renews it");
    assert_eq!(s.untold(), Some((NOW + TELLING_MS, String::new())));
    assert!(s.claim_back(None, NOW + TELLING_MS - 1).is_none(), "it is whoever ended it who tells");

    let late = s.claim_back(None, NOW + TELLING_MS).unwrap();
    assert_eq!((late.grant_id, late.to.as_str()), (id, REVOKE));
    assert_eq!(late.refresh_token.as_ref().unwrap().expose_secret(), "refresh 1");
    assert!(s.claim_back(None, NOW + 2 * TELLING_MS - 1).is_none(), "one at a time");
    let again = s.claim_back(None, NOW + 2 * TELLING_MS).unwrap();
    assert!(!s.told(&late), "too late");
    assert!(s.kept(id).0);
    assert!(s.told(&again));
    assert_eq!((s.kept(id), s.untold()), ((false, None), None));
    assert_eq!(s.count("taken_back"), 1);
}

#[test]
fn what_can_be_told_nowhere_is_destroyed_at_once_and_an_address_counts_only_while_it_is_in_use() {
    let s = scene();
    let id = s.in_use();
    s.delete(id);
    assert_eq!(s.kept(id), (false, None));
    s.take_back_to(id);
    assert!(s.claim_back(Some(id), NOW).is_none());

    let second = s.authorized("second", "access 2");
    s.take_back_to(second);
    s.desk.db.write(|tx| mailbox::remove(tx, &by(), s.mailbox)).unwrap();
    let led_elsewhere = s.desk.db.write(|tx| grant::take_back_to(tx, second, "https://evil.example/revoke"));
    led_elsewhere.unwrap();
    assert_eq!(s.claim_back(Some(second), NOW).unwrap().to, REVOKE);
}

#[test]
fn a_provider_that_cannot_be_told_is_told_again_and_said_so_at_the_first_time_and_the_last() {
    let s = scene();
    let id = s.in_use();
    s.take_back_to(id);
    s.delete(id);
    for n in 1..4 {
        let kept = s.claim_back(None, NOW + n * TELLING_MS).unwrap();
        let again_at = NOW + (n + 1) * TELLING_MS;
        let said = |tx: &mut desk::db::Tx<'_>| {
            grant::could_not_tell(tx, &by(), &kept, "It is away.", Some(again_at))
        };
        s.desk.db.write(said).unwrap();
        assert_eq!(s.untold(), Some((again_at, "It is away.".to_owned())));
    }
    assert_eq!((s.count("not_taken_back"), s.count("not_taken_back_at_all")), (1, 0));
    let kept = s.claim_back(None, NOW + 4 * TELLING_MS).unwrap();
    s.desk.db.write(|tx| grant::could_not_tell(tx, &by(), &kept, "It is away.", None)).unwrap();
    assert_eq!((s.count("not_taken_back"), s.count("not_taken_back_at_all")), (1, 1));
    assert_eq!((s.kept(id), s.untold()), ((false, None), None));
}

#[test]
fn what_a_refresh_brings_after_the_end_is_taken_back_in_place_of_what_it_replaced() {
    let s = scene();
    for is_told in [false, true] {
        let id = s.in_use();
        s.take_back_to(id);
        let lease = s.claim(id, NOW + 1800 * SECOND).unwrap();
        s.delete(id);
        if is_told {
            let kept = s.claim_back(Some(id), NOW).unwrap();
            assert!(s.told(&kept));
        }
        assert!(!s.refreshed(&lease, &tokens("access 2", Some("refresh 2")), NOW + 1), "it has ended");
        assert!(s.access(id).is_none());
        let kept = s.claim_back(None, NOW + 1).unwrap();
        assert_eq!(kept.refresh_token.as_ref().unwrap().expose_secret(), "refresh 2", "told: {is_told}");
        assert!(s.told(&kept));
        assert_eq!(s.kept(id), (false, None));
    }
    // Where nobody can be told, what comes late is dropped.
    let id = s.in_use();
    let lease = s.claim(id, NOW + 1800 * SECOND).unwrap();
    s.delete(id);
    assert!(!s.refreshed(&lease, &tokens("access 2", Some("refresh 2")), NOW + 1));
    assert_eq!(s.kept(id), (false, None));
}

#[test]
fn what_is_kept_to_be_taken_back_is_of_nobody_and_is_dropped_with_its_key() {
    let s = scene();
    let id = s.in_use();
    s.take_back_to(id);
    s.delete(id);
    let watched = s.desk.db.read(|tx| grant::with_refresh_token(tx, grant::Whose::All)).unwrap();
    assert!(watched.is_empty(), "it ends with nothing any more");
    let second = s.authorized("second", "access 2");
    let elsewhere = s.desk.db.read(|tx| grant::same_person_elsewhere(tx, second)).unwrap();
    assert_eq!(elsewhere, None, "nothing that is in use would end");

    let mut sealed_values = Vec::new();
    let collect = |values: Vec<sealed::Value>| {
        sealed_values.extend(values.iter().filter(|value| value.is_of(&sealed::REFRESH_TOKEN)).map(|v| v.id));
        Ok(())
    };
    sealed::each_batch(&s.desk.db, collect).unwrap();
    assert_eq!(sealed_values, [id, second], "a change of the key passes neither by");

    s.delete(second);
    let lost = lost_key::look(&s.desk.db, None).unwrap();
    assert!(
        lost.mailboxes.values().all(|again| !again.authorize),
        "nobody is to authorize it anew: {lost:?}"
    );
    let other = desk::site::vault::Vault::from_key([9; 32]);
    lost_key::forget(&s.desk.db, &other, &by()).unwrap();
    assert_eq!((s.kept(id), s.untold()), ((false, None), None));
    assert_eq!(s.count("not_taken_back_at_all"), 1);
}
