//! A code that is typed in elsewhere.
use super::*;

#[test]
fn a_device_code_is_asked_about_by_one_at_a_time_and_ends_with_its_try() {
    let s = scene();
    let new = grant::NewDevice {
        client_id: s.client,
        mailbox_id: s.mailbox,
        side: Side::Incoming,
        session_id: 0,
        device_code: "secret code".to_owned().into(),
        user_code: "ABCD".into(),
        verification_uri: "https://login.example/".into(),
        interval_s: 5,
        expires_at: NOW + 900 * SECOND,
    };
    let vault = &s.desk.vault;
    let id = s.desk.db.write(|tx| grant::begin_device(tx, vault, &by(), &new, [7; 24])).unwrap();
    let claim = |at: i64| {
        s.desk.db.write(|tx| grant::claim_device(tx, vault, None, at, 60 * SECOND, "node")).unwrap()
    };
    assert!(claim(NOW + 5 * SECOND - 1).is_none(), "not before the interval");
    let first = claim(NOW + 5 * SECOND).unwrap();
    assert_eq!((first.grant_id, first.device_code.expose_secret()), (id, "secret code"));
    assert!(claim(NOW + 30 * SECOND).is_none(), "somebody has it");
    let second = claim(NOW + 65 * SECOND).unwrap();
    let late = s.desk.db.write(|tx| grant::device_used(tx, &first)).unwrap();
    assert!(!late, "the first one's answer comes too late");
    assert!(s.desk.db.write(|tx| grant::device_waits(tx, &second, 10, NOW + 75 * SECOND)).unwrap());
    assert!(claim(NOW + 74 * SECOND).is_none());
    let third = claim(NOW + 75 * SECOND).unwrap();
    assert!(!third.is_over);
    s.desk.db.write(|tx| mailbox::remove(tx, &by(), s.mailbox)).unwrap();
    assert!(!s.desk.db.write(|tx| grant::device_used(tx, &third)).unwrap(), "the try has ended");
    assert!(claim(NOW + 900 * SECOND).is_none());
    let (sealed,): (i64,) = s
        .desk
        .db
        .read(|tx| tx.one("SELECT count(*) FROM consent WHERE device_code IS NOT NULL", params![]))
        .unwrap();
    assert_eq!(sealed, 0);
}
