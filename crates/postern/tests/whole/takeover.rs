//! What a killed process had in hand is taken over at once by the next of its data folder, and by nobody while it lives.
use crate::on_postgres::Database;
use crate::program::Program;
use crate::rig;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Less than the lease of a mailbox that is fetched (30 seconds).
const AT_ONCE: Duration = Duration::from_secs(15);
/// As long as somebody who wrongly takes over would need at most.
const NOBODY: Duration = Duration::from_secs(4);

/// A server that takes links and says nothing: who fetches from it holds the mailbox.
struct Mute(TcpListener);
impl Mute {
    fn new() -> Mute {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Mute(listener)
    }
    fn called(&self, within: Duration) -> Option<TcpStream> {
        let began = Instant::now();
        while began.elapsed() < within {
            if let Ok((stream, _)) = self.0.accept() {
                return Some(stream);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
    fn mailbox(&self, program: &Program) {
        program.file("secret", rig::PASSWORD);
        let incoming = format!(
            "host = \"localhost\"\nport = {}\nauthentication = \"password\"\npassword_file = \"secret\"",
            self.0.local_addr().unwrap().port()
        );
        let toml = rig::mailbox_toml("support@contoso.example", &incoming, "none = true", "");
        let file = program.file("fleet.toml", &toml);
        program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    }
}

fn a_kill(program: &Program) {
    let mute = Mute::new();
    mute.mailbox(program);
    let server = program.serve();
    let _link = mute.called(AT_ONCE).expect("the mailbox is fetched");
    server.kill();
    let server = program.serve();
    let _link = mute.called(AT_ONCE).expect("the mailbox is fetched again before the lease ends by itself");
    server.stop();
    let left = std::fs::read_dir(program.data().join("processes")).unwrap().count();
    assert_eq!(left, 0, "files of processes that are gone");
}

#[test]
fn a_mailbox_in_hand_at_a_kill_is_fetched_at_once_after_the_next_start() {
    a_kill(&Program::new().administrator());
}

#[test]
fn on_postgres_a_mailbox_in_hand_at_a_kill_is_fetched_at_once_after_the_next_start() {
    let database = Database::new();
    a_kill(&Program::new().with(&["--database", &database.url()]).administrator());
}

#[test]
fn on_postgres_a_copy_of_the_data_folder_takes_nothing_from_a_process_that_lives() {
    let database = Database::new();
    let url = database.url();
    let program = Program::new().with(&["--database", &url]).administrator();
    let mute = Mute::new();
    mute.mailbox(&program);
    let server = program.serve();
    let _link = mute.called(AT_ONCE).expect("the mailbox is fetched");
    let other = Program::new().with(&["--database", &url]);
    copy(&program.data(), &other.data());
    let second = other.serve();
    assert!(mute.called(NOBODY).is_none(), "two fetchers of one mailbox");
    second.stop();
    server.stop();
}

/// As after the loss of a machine whose database was elsewhere: the key was put back, the mail was not.
#[test]
fn on_postgres_a_data_folder_without_the_mail_of_its_database_is_refused() {
    let database = Database::new();
    let url = database.url();
    let program = Program::new().with(&["--database", &url]).administrator();
    let first = program.serve();
    let other = Program::new().with(&["--database", &url]);
    std::fs::create_dir(other.data()).unwrap();
    copy(&program.data().join("postern.key"), &other.data().join("postern.key"));
    let words = ["another data folder", "belongs-to", "--data", "Nothing was changed"];
    let refused = other.run(&["serve"]).fails(1, &words);
    other.run(&["check"]).fails(1, &words);
    let mark = program.data().join("blobs/belongs-to");
    assert!(refused.err.contains(std::fs::read_to_string(&mark).unwrap().trim()), "{}", refused.err);
    // Put back with its mail, it is the folder.
    copy(&mark, &other.data().join("blobs/belongs-to"));
    other.serve().stop();
    first.stop();
}

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}
