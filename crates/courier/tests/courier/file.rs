use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter};
use courier::fetch;
use desk::files::store::Stored;
use desk::intake::inbox::{self, Arrival, State};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::{self, Fetched, Round, StartFrom};

/// Letters that are in the inbox already; the one without bytes cannot be filed by anybody.
fn recorded(stage: &Stage, names: &[&str], poisoned: &str) {
    let desk = stage.courier.desk().clone();
    let arrivals: Vec<Arrival> = names
        .iter()
        .zip(1..)
        .map(|(name, uid)| {
            let raw = letter(name);
            let mut stored = desk.store.put(&raw).unwrap();
            if *name == poisoned {
                stored = Stored { hash: [9; 32], size_bytes: 9, place: "file/00/nowhere".into() };
            }
            Arrival {
                uid,
                received_at: NOON,
                stored,
                content_key: mail::message::content_key(&raw),
                message_id: None,
                head: inbox::Head::default(),
                marks: Vec::new(),
                silent: false,
                same_as: None,
            }
        })
        .collect();
    stage.write(|tx| {
        let claim = mailbox::claim(tx, stage.mailbox_id, NOON, 30_000, "test:one")?.unwrap();
        let cursor = Cursor { folder: "INBOX".into(), uid_validity: 1, uid_last: 100, start_after_uid: 0 };
        inbox::record(tx, &claim, &cursor, &arrivals, NOON)?;
        mailbox::settle(tx, &claim, &Round::Done { mail: true, next_at: NOON }, NOON)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_poisoned_message_undoes_itself_alone_and_keeps_its_reason() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    recorded(&stage, &["first", "poisoned", "third"], "poisoned");

    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (2, 1));
    assert_eq!(stage.tickets(), ["first", "third"]);
    let row = stage.inbox().into_iter().find(|row| row.uid == 2).unwrap();
    assert_eq!(row.state, State::New, "it is tried again");
    assert!(row.reason.contains("could not be"), "{}", row.reason);
    let again = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((again.filed, again.failed), (0, 0), "what waits for its next try is not waited for");

    for _ in 0..20 {
        stage.clock.advance(24 * 3_600_000);
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    }
    let row = stage.inbox().into_iter().find(|row| row.uid == 2).unwrap();
    assert_eq!(row.state, State::Failed, "at last it waits for a person");
    assert_eq!(stage.tickets().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_has_in_hand_and_does_not_file_is_said_and_not_taken_for_done() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    recorded(&stage, &["first", "second"], "");
    // The clock stands still, so the lease does not end.
    stage.write(|tx| inbox::claim_due(tx, NOON, 30_000, "test:another", 10));
    let patience =
        fetch::Patience { filing: std::time::Duration::from_millis(500), ..fetch::Patience::default() };
    let said = fetch::once_within(&stage.courier, stage.mailbox_id, patience).await.unwrap_err().to_string();
    assert!(said.contains("support@contoso.example is filed: 2 still wait"), "{said}");
    stage.clock.advance(60_000);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_takes_nothing_fails_no_message_and_they_are_filed_soon_after_it_takes_again() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    let rows = "one,two,three\r\n".repeat(100_000); // more than is packed with others
    let raw = format!(
        "From: Ann <ann@customer.example>\r\nTo: support@contoso.example\r\nSubject: figures\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n\
         Content-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\r\n{rows}\r\n--b--\r\n"
    );
    imap.deliver(NOON, raw.clone().into_bytes());
    // Where the attachment's file belongs no folder can be made; the letter itself has its own already.
    stage.courier.desk().store.put(raw.as_bytes()).unwrap();
    let folders = (0..=255).map(|first| stage.folder().join(format!("blobs/file/{first:02x}")));
    let blocked: Vec<_> = folders.filter(|folder| !folder.exists()).collect();
    blocked.iter().for_each(|folder| std::fs::write(folder, "").unwrap());

    for _ in 0..50 {
        assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 0);
        stage.clock.advance(5 * 60_000); // four hours in all
    }
    let row = stage.inbox().pop().unwrap();
    assert_eq!(row.state, State::New, "{}", row.reason);
    assert!(row.reason.starts_with("Its parts could not be stored"), "{}", row.reason);

    blocked.iter().for_each(|folder| std::fs::remove_file(folder).unwrap());
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    assert_eq!(stage.tickets(), ["figures"]);
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_known_until_it_can_be_written_again() {
    let stage = Stage::new();
    let refused =
        || desk::Error::Db(desk::db::Error::Store("attempt to write a readonly database".to_owned()));
    assert_eq!(stage.courier.unwritable(), None);
    stage.courier.write::<(), _>(move |_| Err(refused())).await.unwrap_err();
    // What is wrong with one row says nothing of the database.
    let one = |_: &mut desk::db::Tx<'_>| Err::<(), _>(desk::Error::Db(desk::db::Error::NotFound));
    stage.courier.write(one).await.unwrap_err();
    assert!(
        stage.courier.unwritable().is_some_and(|why| why.contains("attempt to write a readonly database"))
    );
    stage.courier.write(|_| Ok(())).await.unwrap();
    assert_eq!(stage.courier.unwritable(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_waits_while_its_bytes_cannot_be_had_and_is_filed_soon_after() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    recorded(&stage, &["first", "second"], "");
    // As when the disk is on another machine, and that is away.
    let (pack, away) = (stage.folder().join("blobs/pack"), stage.folder().join("away"));
    std::fs::rename(&pack, &away).unwrap();
    std::fs::write(&pack, "").unwrap();
    for _ in 0..50 {
        assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 0);
        stage.clock.advance(5 * 60_000); // four hours in all
    }
    for row in stage.inbox() {
        assert_eq!(row.state, State::New, "{}", row.reason);
        assert!(row.reason.starts_with("Its bytes could not be read"), "{}", row.reason);
    }
    std::fs::remove_file(&pack).unwrap();
    std::fs::rename(&away, &pack).unwrap();
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_of_ten_megabytes_is_filed_with_its_attachment() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    let rows = "QUJDREVGR0hJSktM".repeat(4) + "\r\n";
    let raw = format!(
        "From: Ann <ann@customer.example>\r\nTo: support@contoso.example\r\nSubject: plans\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n\
         Content-Type: application/pdf; name=plan.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
        rows.repeat(10_000_000 / rows.len())
    );
    imap.deliver(NOON, raw.clone().into_bytes());
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    assert_eq!(stage.tickets(), ["plans"]);
    let content = &mail::message::parse(raw.as_bytes()).attachments[0].content;
    let stored = stage.read(|tx| desk::files::blob::known(tx, &[desk::files::store::Store::hash(content)]));
    let stored = stored.first().expect("the attachment has its row");
    assert!(stage.courier.desk().store.get(&stored.place, &stored.hash).unwrap() == *content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_the_process_each_time_is_kept_for_a_person_who_gets_a_ticket_of_it_unread() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    recorded(&stage, &["deadly"], "");
    let in_hand = |times: usize| {
        for _ in 0..times {
            let now = stage.clock.now();
            let claims = stage.write(|tx| inbox::claim_due(tx, now, 30_000, "test:gone", 10));
            assert_eq!(claims.len(), 1);
            stage.clock.advance(60_000);
        }
    };
    in_hand(8);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().failed, 1);
    let row = stage.inbox().pop().unwrap();
    assert_eq!(row.state, State::Failed);
    assert!(row.reason.starts_with("Postern ended while it filed this"), "{}", row.reason);

    let by = stage.by();
    stage.write(|tx| desk::intake::held::accept(tx, &by, row.id));
    in_hand(2);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    let said = stage.read(|tx| Ok(tx.one::<(String,)>("SELECT text FROM entry", &[])?.0));
    assert!(said.contains("It is attached as it came.") && said.contains("Postern ended"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_made_of_a_message_whose_bytes_are_lost() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    recorded(&stage, &["lost"], "lost");
    let by = stage.by();
    stage.write(|tx| Ok(tx.execute("UPDATE inbox SET state = 'failed', reason = 'Lost.'", &[])?));
    stage.write(|tx| desk::intake::held::accept(tx, &by, 1));
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().failed, 1, "it may be back soon");
    stage.clock.advance(60_000);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    let said = stage.read(|tx| Ok(tx.one::<(String,)>("SELECT text FROM entry", &[])?.0));
    assert!(said.contains("Its bytes could not be read") && !said.contains("attached"), "{said}");
}
