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
        process: None,
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

#[test]
fn tokens_of_a_code_are_kept_while_the_session_that_began_it_lives_and_its_agent_is_an_administrator() {
    use desk::people::agent::{self, Agent, NewAgent, Role};
    use desk::people::session;
    type Then = fn(&mut desk::db::Tx<'_>, i64, i64) -> desk::Result<()>;
    let nothing: Then = |_, _, _| Ok(());
    let signs_out: Then = |tx, session_id, _| session::end(tx, session_id, NOW);
    let is_demoted: Then = |tx, _, agent_id| {
        let agent = agent::find(tx, agent_id)?.unwrap();
        agent::change(tx, &by(), &Agent { role: Role::Agent, ..agent })
    };
    for (then, may) in [(nothing, true), (signs_out, false), (is_demoted, false)] {
        for is_disputed in [false, true] {
            let s = scene();
            let (vault, db) = (&s.desk.vault, &s.desk.db);
            let (session_id, agent_id) = db
                .write(|tx| {
                    let new = |email: &str| NewAgent {
                        email: email.into(),
                        name: email.into(),
                        role: Role::Administrator,
                        password_hash: "none".into(),
                    };
                    agent::create(tx, &by(), &new("other@contoso.example"))?;
                    let agent_id = agent::create(tx, &by(), &new("root@contoso.example"))?;
                    Ok::<_, desk::Error>((
                        session::begin(tx, agent_id, b"cookie", "form", "127.0.0.1", NOW)?,
                        agent_id,
                    ))
                })
                .unwrap();
            let acts = By { actor: desk::Actor::Agent { id: agent_id, name: "root".into() }, at: NOW };
            let new = grant::NewDevice {
                client_id: s.client,
                mailbox_id: s.mailbox,
                side: Side::Incoming,
                session_id,
                process: None,
                device_code: "secret code".to_owned().into(),
                user_code: "ABCD".into(),
                verification_uri: "https://login.example/".into(),
                interval_s: 5,
                expires_at: NOW + 900 * SECOND,
            };
            let id = db.write(|tx| grant::begin_device(tx, vault, &acts, &new, [7; 24])).unwrap();
            let poll = db
                .write(|tx| grant::claim_device(tx, vault, None, NOW + 5 * SECOND, 60 * SECOND, "node"))
                .unwrap()
                .unwrap();
            assert!(db.write(|tx| grant::device_used(tx, &poll)).unwrap());
            db.write(|tx| then(tx, session_id, agent_id)).unwrap();
            let owner = Owner { subject: "boss@tid".into(), address: Some("boss@contoso.example".into()) };
            let tokens = tokens("access 1", Some("refresh 1"));
            let stored = db.write(|tx| match is_disputed {
                true => grant::dispute(tx, vault, &acts, id, &owner, &tokens, ("a", "b", "c"), NONCES),
                false => grant::store_tokens(tx, vault, &acts, id, &owner, &tokens, NONCES),
            });
            assert_eq!(db.read(|tx| grant::who_began(tx, id, NOW)).unwrap().is_some(), may);
            match may {
                true => stored.unwrap(),
                false => {
                    assert!(refused(stored).to_string().contains("signed out"));
                    s.has_no_tokens(id);
                }
            }
        }
    }
}

#[test]
fn a_code_that_does_not_open_holds_up_no_other_and_one_ends_with_the_process_that_showed_it() {
    let s = scene();
    let vault = &s.desk.vault;
    let begun = |side, process: Option<&str>| {
        let new = grant::NewDevice {
            client_id: s.client,
            mailbox_id: s.mailbox,
            side,
            session_id: 0,
            process: process.map(str::to_owned),
            device_code: "secret code".to_owned().into(),
            user_code: "ABCD".into(),
            verification_uri: "https://login.example/".into(),
            interval_s: 5,
            expires_at: NOW + 900 * SECOND,
        };
        s.desk.db.write(|tx| grant::begin_device(tx, vault, &by(), &new, [7; 24])).unwrap()
    };
    let (damaged, good) = (begun(Side::Incoming, None), begun(Side::Outgoing, Some("desk:1:a")));
    let damage = |tx: &mut desk::db::Tx<'_>| {
        let sql = "UPDATE consent SET device_code = $2 WHERE id = $1";
        Ok::<_, desk::Error>(tx.execute(sql, params![damaged, &[7_u8; 60]])?)
    };
    s.desk.db.write(damage).unwrap();
    let at = NOW + 6 * SECOND;
    let claimed = s.desk.db.write(|tx| grant::claim_device(tx, vault, None, at, SECOND, "node")).unwrap();
    assert_eq!(claimed.map(|poll| poll.grant_id), Some(good));
    let ended = s.grant(damaged);
    assert!(ended.state == State::Failed && ended.reason.contains("cannot be used"), "{}", ended.reason);

    let ends = |process: &str| {
        s.desk.db.write(|tx| grant::end_devices_of(tx, process, at)).unwrap();
        let left = s.desk.db.read(grant::any_of_a_process).unwrap();
        (left, s.grant(good).state)
    };
    assert_eq!(ends("desk:2:b"), (true, State::Pending));
    assert_eq!(ends("desk:1:a"), (false, State::Failed));
}
