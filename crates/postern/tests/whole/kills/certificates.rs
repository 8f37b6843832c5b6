//! kill -9 while a certificate is made, put in use and retired, and between the provider's answer to a signed request and
//! the save of what it gave. A registration that says it shows a certificate has one that signs, and never two.
use super::{chance, kills, pause};
use crate::application::{certified, registered};
use crate::practice_walk::{Demo, switched_on};
use crate::program::Program;
use desk::db::Db;
use desk::mailboxes::client::{self, Client};
use desk::params;
use desk::site::vault::Vault;
use rand::RngExt as _;
use rand::rngs::StdRng;
use secrecy::ExposeSecret as _;
use std::time::{Duration, Instant};
use wire::oauth::{ClientAssertion, SigningKey};

const SUPPORT: &str = "support@contoso.example";
const BILLING: &str = "billing@contoso.example";
const NOW: i64 = 1_795_521_600_000;

/// Mailboxes whose registrations show a certificate, which `apply` makes.
fn fleet(program: &Program, addresses: &[String]) -> String {
    let one = |address: &String| {
        format!(
            "[[mailbox]]\naddress = \"{address}\"\n[mailbox.incoming]\nauthentication = \"microsoft\"\n\
             [mailbox.client]\nclient_id = \"5b1c1f0e-3a77-4c7e-9a55-0c2d3c1f7e11\"\ntenant = \"contoso.example\"\n\
             flow = \"app_only\"\nauthentication = \"certificate\"\n"
        )
    };
    let text: String = addresses.iter().map(one).collect();
    program.file("fleet.toml", &text).to_str().unwrap().to_owned()
}

/// Of each registration that shows a certificate, how many are in use, wait and are retired. None is half: a live one has
/// a key that is its own and signs, a retired one has none, and each step is in the history as often as it was done.
fn held(program: &Program) -> Vec<[usize; 3]> {
    let db = program.database();
    let vault = Vault::open(&program.data().join("postern.key")).unwrap();
    let clients: Vec<Client> = db.read(|tx| client::list(tx, 1000)).unwrap();
    clients.iter().filter(|client| client.shows_certificate()).map(|of| counted(&db, &vault, of)).collect()
}

fn counted(db: &Db, vault: &Vault, client: &Client) -> [usize; 3] {
    type Row = (i64, String, Vec<u8>, Option<Vec<u8>>, String);
    let sql = "SELECT id, state, der, private_key, mail_hosts FROM client_certificate WHERE client_id = $1";
    let rows: Vec<Row> = db.read(|tx| tx.all(sql, params![client.id])).unwrap();
    let mut count = [0; 3];
    for (id, state, der, sealed, hosts) in &rows {
        let at = ["in_use", "waiting", "retired"].iter().position(|word| word == state).unwrap();
        count[at] += 1;
        let Some(sealed) = sealed else {
            assert_eq!(state, "retired", "certificate {id} has no key");
            continue;
        };
        assert_ne!(state, "retired", "the key of certificate {id} is still there");
        let key = vault.unseal(&format!("client_certificate:{id}:private_key"), sealed).unwrap();
        let key =
            SigningKey::from_pem(&key).unwrap_or_else(|| panic!("the key of certificate {id} is no key"));
        let assertion = ClientAssertion {
            client_id: &client.client_id,
            audience: "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
            certificate: der,
            jti: "once",
            now_at: NOW,
        };
        assert!(!assertion.signed_by(&key).unwrap().expose_secret().is_empty());
        let public = key.public_key();
        assert!(der.windows(public.len()).any(|part| part == public), "certificate {id} is of another key");
        assert!(!hosts.is_empty(), "certificate {id} was entered for no server");
    }
    assert!(count[0] == 1 && count[1] <= 1, "in use, waiting, retired: {count:?} of {}", client.id);
    assert!(client.has_certificate, "registration {} does not know of its certificate", client.id);
    let noted = |kind: &str| {
        let sql =
            "SELECT count(*) FROM event WHERE subject_kind = 'client' AND subject_id = $1 AND kind = $2";
        let (count,): (i64,) = db.read(|tx| tx.one(sql, params![client.id, kind])).unwrap();
        usize::try_from(count).unwrap()
    };
    assert_eq!(noted("certificate_made"), rows.len(), "the history of {}", client.id);
    assert_eq!(noted("certificate_retired"), count[2], "the history of {}", client.id);
    count
}

/// Begins a command and kills it: after a part of the time that it takes, or when it has begun to write. Whether it was at
/// work still.
fn killed(program: &Program, chance: &mut StdRng, step: &str, arguments: &[&str], whole_us: u64) -> bool {
    let wal = program.data().join("postern.db-wal");
    let (waits_for_writing, us) = (chance.random(), chance.random_range(0..whole_us));
    let mut command = program.begin(arguments);
    let began = Instant::now();
    if waits_for_writing {
        let is_begun = || std::fs::metadata(&wal).is_ok_and(|file| file.len() > 0);
        while !is_begun() && command.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(20));
        }
        std::thread::sleep(Duration::from_micros(us % 3_000));
    } else {
        std::thread::sleep(Duration::from_micros(us));
    }
    let was_at_work = command.try_wait().unwrap().is_none();
    let after_us = began.elapsed().as_micros();
    command.kill().unwrap();
    command.wait().unwrap();
    let when = if waits_for_writing { ", while it wrote" } else { "" };
    let late = if was_at_work { "" } else { ", too late" };
    println!("certificates: {step} killed after {after_us} of {whole_us} us{when}{late}");
    was_at_work
}

#[test]
fn a_kill_while_a_certificate_is_made_used_or_retired_leaves_none_half() {
    let mut chance = chance("certificates");
    let program = Program::new();
    let file = fleet(&program, &[BILLING.to_owned()]);
    program.run(&["mailbox", "apply", &file]).fine();
    assert_eq!(held(&program), [[1, 0, 0]]);
    let steps = ["make", "use", "retire"];
    let command = |step| ["mailbox", "certificate", BILLING, step];
    let whole = steps.map(|step| {
        let began = Instant::now();
        program.run(&command(step)).fine();
        u64::try_from(began.elapsed().as_micros()).unwrap()
    });
    let mut before = held(&program)[0];
    assert_eq!(before, [1, 0, 1]);
    for (step, whole_us) in steps.into_iter().zip(whole) {
        let (mut made, mut in_time, mut undone) = (0, 0, 0);
        while in_time < kills() {
            assert!(made < 10 * kills() + 10, "{in_time} of {made} kills were in time");
            // As far as this step: the one in use signs all the while.
            let there = |program: &Program| held(program)[0];
            match (step, before[1]) {
                ("make", 1) => drop(program.run(&command("retire")).fine()),
                ("use" | "retire", 0) => drop(program.run(&command("make")).fine()),
                _ => {}
            }
            let in_use = in_use(&program);
            before = there(&program);
            in_time += usize::from(killed(&program, &mut chance, step, &command(step), whole_us));
            made += 1;
            let after = there(&program);
            let done = match step {
                "make" => [1, 1, before[2]],
                "use" => before,
                _ => [1, 0, before[2] + 1],
            };
            assert!(after == before || after == done, "{step}: {before:?} became {after:?}");
            let is_another = in_use != self::in_use(&program);
            assert!(step == "use" || !is_another, "{step} changed which one signs");
            undone += usize::from(after == before && !is_another);
            before = after;
        }
        println!("killed {made} times in certificates, {step}: {in_time} in time, {undone} of them undone");
    }
    program.run(&["check"]).fine();
}

/// The thumbprint of the one that signs, as the command line tells it.
fn in_use(program: &Program) -> String {
    let told = program.run(&["mailbox", "certificate", BILLING, "--json"]).fine().json();
    assert_eq!(told["state"], "in_use");
    told["thumbprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_kill_while_a_registration_is_applied_leaves_none_that_waits_for_its_certificate() {
    let mut chance = chance("certificates");
    let program = Program::new().administrator();
    let mut addresses: Vec<String> = Vec::new();
    let more = |addresses: &mut Vec<String>| {
        addresses.push(format!("box-{}@contoso.example", addresses.len()));
        fleet(&program, addresses)
    };
    let file = more(&mut addresses);
    let began = Instant::now();
    program.run(&["mailbox", "apply", &file]).fine();
    let whole_us = u64::try_from(began.elapsed().as_micros()).unwrap();
    let (mut made, mut in_time) = (0, 0);
    while in_time < kills() {
        assert!(made < 10 * kills() + 10, "{in_time} of {made} kills were in time");
        let file = more(&mut addresses);
        in_time +=
            usize::from(killed(&program, &mut chance, "apply", &["mailbox", "apply", &file], whole_us));
        made += 1;
        let there = held(&program).len();
        assert!(there + 1 >= addresses.len(), "{there} of {}", addresses.len());
        program.run(&["mailbox", "apply", &file]).fine();
        assert_eq!(held(&program), vec![[1, 0, 0]; addresses.len()], "applied again, all are whole");
    }
    println!("killed {made} times in certificates, apply: {in_time} in time");
    program.run(&["check"]).fine();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_answer_to_a_signed_request_and_the_save_needs_nobody() {
    let mut chance = chance("signing");
    let demo = Demo::start();
    let mut visitor = demo.signed_in().await;
    let (base, app) = registered(&demo, &mut visitor).await;
    certified(&demo, &mut visitor, &base, &app).await;
    demo.goes_wrong("brief_tokens", 0).await;
    let page = visitor.get(format!("{base}/remote/authorization")).await;
    visitor.submit(page.form("Submit")).await.says("is authorized and works");
    switched_on(&demo, &mut visitor, &base).await;
    let client = crate::visitor::client();
    let (mut hit, mut round) = (0, 0);
    while hit < kills() {
        assert!(round < 10 * kills() + 20, "{hit} of {round} kills came in time");
        round += 1;
        pause(2_500); // a token that ends within half a minute is not begun with
        let before = given(&demo, &client).await;
        let mut fetching = demo.program.begin(&["mailbox", "fetch", SUPPORT]);
        let began = Instant::now();
        while given(&demo, &client).await == before
            && fetching.try_wait().unwrap().is_none()
            && began.elapsed() < Duration::from_secs(20)
        {}
        let us = chance.random_range(0..8_000);
        std::thread::sleep(Duration::from_micros(us));
        let was_at_work = fetching.try_wait().unwrap().is_none();
        hit += usize::from(was_at_work);
        fetching.kill().unwrap();
        fetching.wait().unwrap();
        let late = if was_at_work { "" } else { ", too late" };
        println!("round {round}: killed {us} us after the provider gave a token for a signature{late}");
        demo.run(&["mailbox", "fetch", SUPPORT]);
        assert_eq!(demo.mailbox(SUPPORT)["grant"]["state"], "fulfilled");
        assert_eq!(held(&demo.program), [[1, 0, 0]]);
    }
    println!("killed {round} times in signing, {hit} before it had ended: nobody was needed");
    demo.run(&["check"]);
}

/// The table of faults, in which each brief token is counted.
async fn given(demo: &Demo, client: &reqwest::Client) -> String {
    let url = format!("{}/practice/faults.json", demo.portal.trim_end_matches("/portal"));
    client.get(url).send().await.unwrap().text().await.unwrap()
}
