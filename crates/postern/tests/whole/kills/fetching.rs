//! kill -9 of one fetch, a process of its own, at each named point of it (`courier/src/points.rs`) and at random moments; by
//! IMAP and POP3 at Dovecot, by Microsoft Graph at the practice provider.
//!
//! After each kill the server is asked what it still holds: what is gone from there is recorded here. After some of them
//! a fetch runs to its end and the server is empty; at the end every letter is one ticket. `POSTERN_TEST_KILLS` is how many
//! kills there are at each point, and fifteen times as many at random moments (1 and 3 where it is not set).
use super::{chance_of, desk_on, items};
use crate::graph;
use crate::practice_walk::Demo;
use crate::program::Program;
use crate::rig;
use desk::db::{Db, Options};
use desk::params;
use rand::RngExt as _;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const BATCH: usize = 2;
const LETTERS_MAX: usize = 5;
const SUPPORT: &str = "support@contoso.example";

/// A letter, by its Message-ID.
type Ids = BTreeSet<String>;

enum Home {
    Dovecot(Program),
    /// With the demo's own server, which does not fetch: the mailbox is off.
    Practice(Box<Demo>),
}

/// A mailbox whose letters leave its inbox when they are fetched.
pub struct Scene {
    name: &'static str,
    address: String,
    home: Home,
    /// Where it is not in the data folder.
    database: Option<String>,
    pub written: usize,
}

impl Scene {
    /// At Dovecot, fetched by commands alone.
    pub fn imap() -> Scene {
        let more = "active = false\nfetched = \"move:Done\"";
        Scene::at_dovecot("IMAP", Program::new(), None, &rig::imaps(), more)
    }
    /// The same with a server that fetches too; on a database of PostgreSQL where its address is given.
    pub fn served(url: Option<&str>) -> Scene {
        let program = url.map_or_else(Program::new, |url| Program::new().with(&["--database", url]));
        Scene::at_dovecot("IMAP", program, url, &rig::imaps(), "fetched = \"move:Done\"")
    }
    pub fn pop3() -> Scene {
        let more = "active = false\nfetched = \"delete\"";
        Scene::at_dovecot("POP3", Program::new(), None, &rig::pop3s(), more)
    }
    pub fn served_by_pop3() -> Scene {
        Scene::at_dovecot("POP3", Program::new(), None, &rig::pop3s(), "fetched = \"delete\"")
    }
    fn at_dovecot(
        name: &'static str,
        program: Program,
        url: Option<&str>,
        incoming: &str,
        more: &str,
    ) -> Scene {
        let address = rig::address("support", "contoso.example");
        let program = desk_on(program, &address, incoming, &format!("batch = {BATCH}\n{more}"));
        Scene { name, address, home: Home::Dovecot(program), database: url.map(str::to_owned), written: 0 }
    }
    pub async fn graph() -> Scene {
        let demo = Demo::start();
        let mut visitor = demo.signed_in().await;
        graph::connected(&demo, &mut visitor).await;
        let page = visitor.get(demo.url("/mailboxes/1/remote")).await;
        let form = page.form("Save Changes").without("status").with("status", "disabled");
        let form = form.set("batch", &BATCH.to_string()).without("fetched").with("fetched", "move");
        visitor.submit(form.set("move_to", "Done")).await.says_not("cannot");
        let (address, home) = (SUPPORT.to_owned(), Home::Practice(Box::new(demo)));
        Scene { name: "Graph", address, home, database: None, written: 0 }
    }
    pub fn program(&self) -> &Program {
        match &self.home {
            Home::Dovecot(program) => program,
            Home::Practice(demo) => &demo.program,
        }
    }
    pub fn name(&self) -> &'static str {
        self.name
    }
    pub fn address(&self) -> &str {
        &self.address
    }
    /// The command that fetches it.
    pub fn fetch(&self) -> [&str; 3] {
        ["mailbox", "fetch", &self.address]
    }
    pub async fn write(&mut self, letters: usize) {
        for number in self.written..self.written + letters {
            self.write_this(&"word ".repeat(1 + number * 37 % 900)).await;
        }
    }
    /// One that gets a file of its own in the store; at the practice provider a longer one, since its pages show a mailbox whole.
    pub async fn write_large(&mut self) {
        if let Home::Practice(_) = self.home {
            return self.write_this(&"word ".repeat(5_000)).await;
        }
        let (from, subject) = ("ann@nordwind.example", format!("Matter {}", self.written));
        let attached = format!("{}\n", "QUFB".repeat(18)).repeat(16_000);
        let letter = rig::letter(from, &self.address, &subject, &attached).replace(
            "Content-Type: text/plain; charset=utf-8",
            "MIME-Version: 1.0\nContent-Type: application/octet-stream; name=long.bin\nContent-Transfer-Encoding: base64",
        );
        rig::deliver(&self.address, &[letter]);
        self.written += 1;
    }
    async fn write_this(&mut self, text: &str) {
        let subject = format!("Matter {}", self.written);
        match &self.home {
            Home::Dovecot(_) => {
                let letter = rig::letter("ann@nordwind.example", &self.address, &subject, text);
                rig::deliver(&self.address, &[letter]);
            }
            Home::Practice(demo) => demo.write("ann.porter@nordwind.example", &subject, text).await,
        }
        self.written += 1;
    }
    /// What lies in the inbox on the server.
    pub async fn on_the_server(&self) -> Ids {
        let bare = |id: &str| id.trim_matches(['<', '>']).to_owned();
        match &self.home {
            Home::Dovecot(_) => {
                let letters = rig::look(&self.address, "INBOX").await;
                letters.into_iter().map(|letter| bare(&letter.message_id.unwrap())).collect()
            }
            Home::Practice(demo) => {
                let letters = demo.letters(&self.address).await;
                letters.iter().map(|letter| bare(letter["message_id"].as_str().unwrap())).collect()
            }
        }
    }
    /// What is recorded, each once: by a connection that is closed again, since an open one would spare the next start its
    /// recovery.
    pub fn recorded(&self) -> Ids {
        let rows: Vec<(String,)> = std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let url = self.database.as_deref();
                let once = Options { connections: 1, ..Options::default() };
                let db = url.map_or_else(|| self.program().database(), |url| Db::open(url, &once).unwrap());
                db.read(|tx| tx.all("SELECT message_id FROM inbox", params![]))
            });
            looking.join().unwrap().unwrap()
        });
        let ids: Ids = rows.iter().map(|(id,)| id.trim_matches(['<', '>']).to_owned()).collect();
        assert_eq!(ids.len(), rows.len(), "a letter is recorded twice");
        ids
    }
    /// A fetch to its end, after which nothing waits on the server.
    pub async fn ends(&self) {
        self.program().run(&self.fetch()).fine();
        let left = self.on_the_server().await;
        assert!(left.is_empty(), "{} letters were left: {left:?}", self.name);
    }
    /// After all: each letter that was written is one ticket, and nothing is wrong here.
    pub fn each_is_one_ticket(&self) {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for ticket in items(self.program(), &["ticket", "list"]) {
            *count.entry(ticket["subject"].as_str().unwrap().to_owned()).or_default() += 1;
            assert!(ticket["entries"] == 1 || matches!(self.home, Home::Practice(_)), "{ticket}");
        }
        for number in 0..self.written {
            let found = count.remove(&format!("Matter {number}"));
            assert_eq!(found, Some(1), "{}: Matter {number} of {}", self.name, self.written);
        }
        let others: Vec<_> = count.keys().filter(|subject| subject.starts_with("Matter ")).collect();
        assert!(others.is_empty(), "{others:?}");
        self.program().run(&["check"]).fine();
    }
}

/// Where a fetch dies, and what holds of its letters then.
struct Point {
    name: &'static str,
    /// How many batches are committed at the nth time; `None`: all of them.
    committed: Option<fn(usize) -> usize>,
    on_the_server: bool,
}
const POINTS: [Point; 5] = [
    Point { name: "fetched", committed: Some(|times| times - 1), on_the_server: true },
    Point { name: "before_commit", committed: Some(|times| times - 1), on_the_server: true },
    Point { name: "after_commit", committed: Some(|times| times), on_the_server: true },
    Point { name: "before_touched", committed: None, on_the_server: true },
    Point { name: "after_touched", committed: None, on_the_server: false },
];

async fn killed_at_each_point(scene: &mut Scene, kills: usize, chance: &mut StdRng) {
    for point in (0..kills).flat_map(|_| &POINTS) {
        let letters = chance.random_range(1..=LETTERS_MAX);
        scene.write(letters).await;
        let (fresh, before) = (scene.on_the_server().await, scene.recorded());
        assert_eq!(fresh.len(), letters);
        let times = point.committed.map_or(1, |_| chance.random_range(1..=letters.div_ceil(BATCH)));
        let told = format!("{}:{times}", point.name);
        let mut fetching = scene.program().begin_with(&[("FETCHING_DIES_AT", &told)], &scene.fetch());
        let ended = fetching.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(9), "{told}: {ended}");
        let left = scene.on_the_server().await;
        let recorded: Ids = scene.recorded().difference(&before).cloned().collect();
        let committed = point.committed.map_or(letters, |of| (of(times) * BATCH).min(letters));
        assert_eq!(recorded.len(), committed, "{} killed at {told}: recorded of {letters}", scene.name);
        assert!(recorded.is_subset(&fresh));
        assert_eq!(left, if point.on_the_server { fresh } else { Ids::new() }, "{} at {told}", scene.name);
        scene.ends().await;
    }
    println!("fetching by {}: killed {kills} times at each of {} named points", scene.name, POINTS.len());
}

async fn killed_at_random(scene: &mut Scene, kills: usize, chance: &mut StdRng) {
    scene.write(LETTERS_MAX).await;
    let began = Instant::now();
    scene.ends().await;
    let mut whole = began.elapsed();
    let (mut made, mut in_time, mut found) = (0, 0, [0; 4]);
    while in_time < kills {
        assert!(made < 5 * kills + 20, "{in_time} of {made} kills came before the end");
        made += 1;
        scene.write(chance.random_range(1..=LETTERS_MAX)).await;
        let (waiting, before) = (scene.on_the_server().await, scene.recorded());
        let mut fetching = scene.program().begin(&scene.fetch());
        // Later moments more often: the first half of the time goes into starting and signing in.
        std::thread::sleep(whole.mul_f64(chance.random_range(0.0_f64..1.0).sqrt()));
        let is_in_time = fetching.try_wait().unwrap().is_none();
        fetching.kill().unwrap();
        fetching.wait().unwrap();
        whole = whole.mul_f64(if is_in_time { 1.02 } else { 0.9 }).min(Duration::from_secs(20));
        let (left, recorded) = (scene.on_the_server().await, scene.recorded());
        let gone: Ids = waiting.difference(&left).cloned().collect();
        assert!(gone.is_subset(&recorded), "{}: touched and not recorded: {gone:?}", scene.name);
        assert!(left.is_subset(&waiting) && before.is_subset(&recorded));
        if is_in_time {
            in_time += 1;
            let state = match (waiting.is_subset(&recorded), left.is_empty()) {
                (_, true) => 3,
                (true, false) => 2,
                (false, false) => usize::from(recorded.len() > before.len()),
            };
            found[state] += 1;
        }
        if made % 8 == 0 {
            scene.ends().await;
        }
    }
    let [nothing, some, all, touched] = found;
    println!(
        "fetching by {}: killed {in_time} times at random moments ({nothing} with nothing new recorded, {some} with some of \
         the letters, {all} with all, {touched} after the server was touched), and {} times too late",
        scene.name,
        made - in_time
    );
    scene.ends().await;
}

async fn killed(mut scene: Scene) -> Scene {
    let asked = std::env::var("POSTERN_TEST_KILLS").ok().map(|n| n.parse::<usize>().unwrap());
    let (points, random) = asked.map_or((1, 3), |n| (n, 15 * n));
    let mut chance = chance_of(&format!("fetching by {}", scene.name), points * POINTS.len() + random);
    scene.ends().await; // what was there before
    killed_at_each_point(&mut scene, points, &mut chance).await;
    killed_at_random(&mut scene, random, &mut chance).await;
    scene.each_is_one_ticket();
    println!("fetching by {}: {} letters, each recorded once", scene.name, scene.written);
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_kill_anywhere_in_a_fetch_by_imap_loses_nothing_and_doubles_nothing() {
    let scene = killed(Scene::imap()).await;
    assert_eq!(rig::look(&scene.address, "Done").await.len(), scene.written, "moved, each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_a_kill_anywhere_in_a_fetch_by_pop3_loses_nothing_and_doubles_nothing() {
    killed(Scene::pop3()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_anywhere_in_a_fetch_by_graph_loses_nothing_and_doubles_nothing() {
    killed(Scene::graph().await).await;
}
