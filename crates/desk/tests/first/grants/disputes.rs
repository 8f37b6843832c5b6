//! Tokens that wait for a word about whose mailbox it is.
use super::*;

impl Scene {
    /// Somebody else has signed in.
    fn disputed(&self, state: &str) -> i64 {
        let id = self.begin(state);
        assert_eq!(self.take(self.client, state, 5, NOW), Some(id));
        let owner = Owner { subject: "boss@tid".into(), address: Some("boss@contoso.example".into()) };
        let (tokens, why) = (tokens("access 9", Some("refresh 9")), ("another_person", "Who?", "Say."));
        let vault = &self.desk.vault;
        self.desk.db.write(|tx| grant::dispute(tx, vault, &by(), id, &owner, &tokens, why, NONCES)).unwrap();
        id
    }
    fn question(&self, at: i64) -> Option<i64> {
        let found = self.desk.db.read(|tx| grant::disputed(tx, self.mailbox, Side::Incoming, at)).unwrap();
        found.map(|dispute| dispute.grant.id)
    }
    fn discard(&self, at: i64) -> usize {
        self.desk.db.write(|tx| grant::discard_disputed(tx, at)).unwrap().len()
    }
}

#[test]
fn disputed_tokens_are_used_for_nothing_and_end_after_ten_minutes() {
    let s = scene();
    let old = s.in_use();
    let id = s.disputed("second");
    assert_eq!(s.question(NOW), Some(id));
    assert!(s.claim(id, NOW + 1800 * SECOND).is_none(), "they are not refreshed");
    let due = s.desk.db.read(|tx| grant::refresh_due(tx, NOW + 1800 * SECOND, 10)).unwrap();
    assert_eq!(due, [old], "nor looked at by the round");
    let latest = s.desk.db.read(|tx| grant::latest(tx, s.mailbox, Side::Incoming)).unwrap().unwrap();
    assert_eq!(latest.id, old, "nor proved again");
    let fulfilled = s.desk.db.write(|tx| grant::fulfil(tx, &by(), id));
    assert!(refused(fulfilled).to_string().contains("gone"), "nor put in use");

    assert_eq!(s.discard(NOW + PENDING_MS - 1), 0);
    assert_eq!(s.question(NOW + PENDING_MS), None, "over, whether or not a round was there");
    let late = By { at: NOW + PENDING_MS, ..by() };
    let released = s.desk.db.write(|tx| grant::release(tx, &late, id, None));
    assert!(refused(released).to_string().contains("ten minutes"));
    assert_eq!(s.discard(NOW + PENDING_MS), 1);
    s.has_no_tokens(id);
    assert_eq!(s.grant(id).state, State::Failed);
    assert_eq!(get(&s.desk, s.mailbox).incoming.grant_id, Some(old));
    assert_eq!(s.grant(old).state, State::Fulfilled);
}

#[test]
fn disputed_tokens_go_their_usual_way_once_somebody_has_said_what_the_mailbox_is() {
    let s = scene();
    let old = s.in_use();
    let id = s.disputed("second");
    s.desk.db.write(|tx| grant::release(tx, &by(), id, None)).unwrap();
    assert_eq!(s.grant(id).state, State::Unproved);
    assert_eq!(s.access(id).as_deref(), Some("access 9"));
    assert_eq!(s.grant(old).state, State::Fulfilled, "in use till the proof");
    s.fulfil(id);
    assert_eq!(get(&s.desk, s.mailbox).incoming.grant_id, Some(id));
    assert!(
        refused(s.desk.db.write(|tx| grant::release(tx, &by(), id, None)))
            .to_string()
            .contains("ten minutes"),
        "once"
    );
}

#[test]
fn another_sign_in_or_another_setting_takes_the_place_of_disputed_tokens() {
    let s = scene();
    let first = s.disputed("first");
    let second = s.disputed("second");
    s.has_no_tokens(first);
    assert_eq!(s.question(NOW), Some(second));
    let third = s.authorized("third", "access 3");
    s.has_no_tokens(second);
    let fourth = s.disputed("fourth");
    s.fulfil(third);
    s.has_no_tokens(fourth);
    let last = s.disputed("last");
    s.desk.db.write(|tx| mailbox::remove(tx, &by(), s.mailbox)).unwrap();
    s.has_no_tokens(last);
}

#[test]
fn the_mailbox_is_what_was_said_once_that_is_proved_and_not_before() {
    let s = scene();
    let shape = || get(&s.desk, s.mailbox).shape;
    let answered = |id| s.desk.db.read(|tx| grant::answered(tx, id)).unwrap();
    let first = s.disputed("first");
    s.desk.db.write(|tx| grant::release(tx, &by(), first, Some(&Shape::Shared))).unwrap();
    assert_eq!((shape(), answered(first)), (Shape::Own, Some(Shape::Shared)));
    let not_proved = |tx: &mut desk::db::Tx<'_>| grant::not_proved(tx, &by(), first, "no", "No.", "");
    s.desk.db.write(not_proved).unwrap();
    assert_eq!(shape(), Shape::Own, "what failed changes nothing");
    s.fulfil(first);
    assert_eq!((shape(), answered(first)), (Shape::Shared, None));

    // What is said in the settings meanwhile counts.
    let second = s.disputed("second");
    let alias = Shape::Alias { opens: "boss@contoso.example".into() };
    s.desk.db.write(|tx| grant::release(tx, &by(), second, Some(&alias))).unwrap();
    assert_eq!(answered(second), Some(alias));
    s.desk.db.write(|tx| mailbox::change_shape(tx, &by(), s.mailbox, &Shape::Own)).unwrap();
    assert_eq!(answered(second), None);
    s.fulfil(second);
    assert_eq!(shape(), Shape::Own);

    // Also where that is what it has been.
    let again = s.disputed("again");
    s.desk.db.write(|tx| grant::release(tx, &by(), again, Some(&Shape::Shared))).unwrap();
    s.desk.db.write(|tx| mailbox::change_shape(tx, &by(), s.mailbox, &Shape::Own)).unwrap();
    assert_eq!(answered(again), None);
    s.fulfil(again);
    assert_eq!(shape(), Shape::Own);

    let third = s.disputed("third");
    let itself = Shape::Alias { opens: "support@contoso.example".into() };
    let refusal = refused(s.desk.db.write(|tx| grant::release(tx, &by(), third, Some(&itself))));
    assert!(refusal.to_string().contains("another mailbox"), "{refusal}");
    assert_eq!(s.question(NOW), Some(third));
}
