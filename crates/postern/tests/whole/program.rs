//! The program under test: one data folder, commands run on it, a server that can be killed.
use desk::db::{Db, Options};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}
impl Ran {
    fn of(done: Output) -> Ran {
        Ran {
            status: done.status.code().unwrap_or(-1),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
    /// It ended well.
    #[track_caller]
    pub fn fine(self) -> Ran {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self
    }
    /// It ended with this status, and its sentence holds these words.
    #[track_caller]
    pub fn fails(self, status: i32, words: &[&str]) -> Ran {
        assert_eq!(self.status, status, "{}{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "“{word}” is not in: {}", self.err);
        }
        self
    }
}

/// A small file system in the memory of a mount namespace, which lives as long as the process that holds it.
#[derive(Debug)]
pub struct Disk {
    holder: Child,
    at: PathBuf,
}
impl Disk {
    fn mount(at: &Path, megabytes: u32) -> Disk {
        std::fs::create_dir(at).unwrap();
        let script =
            format!("mount -t tmpfs -o mode=0700,size={megabytes}m tmpfs \"$0\" && echo ready && exec cat");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(at);
        let holder =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut disk = Disk { holder, at: at.to_owned() };
        let mut line = String::new();
        let _ = BufReader::new(disk.holder.stdout.take().unwrap()).read_line(&mut line);
        assert_eq!(line, "ready\n", "nobody may mount a file system in a namespace of its own here");
        disk
    }
    fn enter(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["--user", "--mount", "--preserve-credentials", "--target", &holder, program]);
        command
    }
    fn filler(&self) -> PathBuf {
        let below = self.at.strip_prefix("/").unwrap().join("filler");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(below)
    }
    /// Until so many bytes are left.
    pub fn fill(&self, left: u64) {
        let mut file = std::fs::File::options().create(true).append(true).open(self.filler()).unwrap();
        let piece = [0_u8; 4096];
        while file.write_all(&piece).is_ok() {}
        let size = file.metadata().unwrap().len();
        file.set_len(size.saturating_sub(left)).unwrap();
    }
    /// Bytes that are free on it.
    pub fn left(&self) -> u64 {
        let disk = rustix::fs::statvfs(self.filler().parent().unwrap()).unwrap();
        disk.f_bavail * disk.f_frsize
    }
    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}
impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A data folder and the flags that every command on it gets.
#[derive(Debug)]
pub struct Program {
    folder: tempfile::TempDir,
    flags: Vec<String>,
    /// What `ulimit` of sh sets for its commands.
    ulimit: Option<String>,
    /// What its data folder lies on.
    disk: Option<Disk>,
}

impl Program {
    pub fn new() -> Program {
        Program { folder: tempfile::tempdir().unwrap(), flags: Vec::new(), ulimit: None, disk: None }
    }
    pub fn with(mut self, flags: &[&str]) -> Program {
        self.flags.extend(flags.iter().map(|f| (*f).to_owned()));
        self
    }
    pub fn with_few_files(self, files_max: u32) -> Program {
        Program { ulimit: Some(format!("-n {files_max}")), ..self }
    }
    /// Whoever starts it lets it leave core dumps, as far as that may be.
    pub fn with_cores(self) -> Program {
        Program { ulimit: Some("-c $(ulimit -H -c)".to_owned()), ..self }
    }
    /// No file of its commands grows past so many blocks of 512 bytes.
    pub fn limited(self, file_blocks: Option<u64>) -> Program {
        Program { ulimit: file_blocks.map(|blocks| format!("-f {blocks}")), ..self }
    }
    /// With its data folder on a disk of its own; `None` where nobody may mount one here.
    pub fn on_a_disk_of(self, megabytes: u32) -> Program {
        let disk = Disk::mount(&self.data(), megabytes);
        Program { disk: Some(disk), ..self }
    }
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it was begun on a disk of its own")
    }
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
    /// A connection of its own to the database in the data folder.
    pub fn database(&self) -> Db {
        let url = format!("sqlite:{}", self.data().join("postern.db").display());
        Db::open(&url, &Options::default()).unwrap()
    }
    /// A mailbox that takes what is handed over, and sends to nowhere.
    pub fn mailbox_without_a_server(&self, address: &str) {
        let toml = format!(
            "[[mailbox]]\naddress = \"{address}\"\n[mailbox.outgoing]\nhost = \"localhost\"\nport = 1\nauthentication = \"password\"\npassword_file = \"secret\"\n"
        );
        self.file("secret", "rehearsal");
        let file = self.file("fleet.toml", &toml);
        self.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    }
    /// What all tickets are about, in alphabetical order.
    pub fn subjects(&self) -> Vec<String> {
        let page = self.run(&["ticket", "list", "--json", "--limit", "500"]).fine().json();
        let items = page["items"].as_array().unwrap().iter();
        let mut all: Vec<String> = items.map(|t| t["subject"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    }
    /// A file beside the data folder.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
    fn command(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_postern");
        let mut command = match (&self.ulimit, &self.disk) {
            (None, None) => Command::new(program),
            (None, Some(disk)) => disk.enter(program),
            (Some(ulimit), _) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit {ulimit} && exec \"$0\" \"$@\"")).arg(program);
                shell
            }
        };
        command.args(arguments).args(&self.flags).current_dir(self.folder.path());
        if !arguments.contains(&"--data") {
            command.arg("--data").arg(self.data());
        }
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("POSTERN_")) {
            command.env_remove(name);
        }
        if self.disk.is_none() {
            command.env("POSTERN_STORE__RESERVE", "0MB"); // whatever is free on this machine
        }
        command
    }
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        Program::ran(self.command(arguments), input)
    }
    /// With this file as its standard input.
    pub fn run_from(&self, arguments: &[&str], input: std::fs::File) -> Ran {
        Ran::of(self.command(arguments).stdin(input).output().unwrap())
    }
    /// With variables that are none of the configuration.
    pub fn run_in(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Program::ran(command, "")
    }
    /// As another user of the machine.
    pub fn run_as(&self, user: u32, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.uid(user).gid(user);
        Program::ran(command, "")
    }
    fn ran(mut command: Command, input: &str) -> Ran {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()); // it may not read it
        Ran::of(child.wait_with_output().unwrap())
    }
    /// Its result goes elsewhere.
    pub fn run_into(&self, arguments: &[&str], out: Stdio) -> Ran {
        let done = self.command(arguments).stdin(Stdio::null()).stdout(out).stderr(Stdio::piped()).output();
        let done = done.unwrap();
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        Ran { status: done.status.code().unwrap_or(-1), out: String::new(), err }
    }
    /// All that it says goes elsewhere: its status.
    pub fn run_onto(&self, arguments: &[&str], out: Stdio, err: Stdio) -> i32 {
        let done = self.command(arguments).stdin(Stdio::null()).stdout(out).stderr(err).status().unwrap();
        done.code().unwrap_or(-1)
    }
    /// An administrator `admin@contoso.example` whose password is [`PASSWORD`].
    pub fn administrator(self) -> Program {
        let name = ["admin", "create", "--email", ADMINISTRATOR, "--name", "Maya Kern", "--password-stdin"];
        self.run_with(&name, PASSWORD).fine();
        self
    }
    /// Begun and not waited for: to be killed.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        self.begin_with(&[], arguments)
    }
    /// The same with such variables.
    pub fn begin_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
    /// A command that one talks with.
    pub fn talk(&self, arguments: &[&str]) -> Talk {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (say, lines) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for (stream, is_error) in streams.into_iter().zip([false, true]) {
            let say = say.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = say.send((is_error, line));
                }
            });
        }
        Talk { child, lines, said: Ran { status: -1, out: String::new(), err: String::new() } }
    }
    pub fn serve(&self) -> Server {
        self.start("serve", &[])
    }
    /// `serve` or `demo` on any free port, ready.
    pub fn start(&self, verb: &str, arguments: &[&str]) -> Server {
        let log = self.folder.path().join("log");
        let err = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(&[&[verb], arguments].concat());
        if !self.flags.iter().any(|f| f.starts_with("--http-listen")) {
            command.arg("--http-listen").arg("127.0.0.1:0");
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("ready ").map(str::to_owned);
        let url =
            url.unwrap_or_else(|| panic!("not ready: {line:?}\n{}", std::fs::read_to_string(&log).unwrap()));
        Server { child, url, log }
    }
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
    /// Begun, with all that it says in a file, and not waited for until it is ready.
    pub fn begin_to_serve(&self) -> (Child, PathBuf) {
        let log = self.folder.path().join("begun");
        let out = std::fs::File::create(&log).unwrap();
        let mut command = self.command(&["serve", "--http-listen", "127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        (command.spawn().unwrap(), log)
    }
}

/// A command at work that reads what it is answered. Dropped, it is killed.
pub struct Talk {
    child: Child,
    /// Whether it came on standard error, and the line.
    lines: std::sync::mpsc::Receiver<(bool, String)>,
    said: Ran,
}
impl Talk {
    /// Waits for a line that has it.
    pub fn until<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let line = self.lines.recv_timeout(std::time::Duration::from_secs(60));
            let (is_error, line) = line.unwrap_or_else(|e| panic!("{e}: {:?}", self.said));
            let said = if is_error { &mut self.said.err } else { &mut self.said.out };
            said.push_str(&line);
            said.push('\n');
            if let Some(found) = find(&line) {
                return found;
            }
        }
    }
    pub fn answer(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
    /// It is answered nothing more; all that it said.
    pub fn end(mut self) -> Ran {
        drop(self.child.stdin.take());
        let mut said =
            std::mem::replace(&mut self.said, Ran { status: -1, out: String::new(), err: String::new() });
        for (is_error, line) in &self.lines {
            let all = if is_error { &mut said.err } else { &mut said.out };
            all.push_str(&line);
            all.push('\n');
        }
        said.status = self.child.wait().unwrap().code().unwrap_or(-1);
        said
    }
    /// `-INT` is Ctrl+C.
    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub const ADMINISTRATOR: &str = "admin@contoso.example";
pub const PASSWORD: &str = "correct horse battery staple";

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub url: String,
    log: PathBuf,
}
impl Server {
    pub fn id(&self) -> u32 {
        self.child.id()
    }
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
    /// As a crash of the machine's power would for the process: no warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
    /// SIGTERM; how long it took to end, and its status.
    pub fn stop(mut self) -> (std::time::Duration, i32) {
        let began = std::time::Instant::now();
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
        let status = self.child.wait().unwrap();
        (began.elapsed(), status.code().unwrap_or(-1))
    }
}
impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what the server said:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The page of documents says what each key of this one is.
pub fn is_in_the_manual(document: &serde_json::Value) {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/json.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    for key in document.as_object().unwrap().keys() {
        assert!(manual.contains(&format!("`{key}`")), "docs/manual/json.md does not say what {key} is");
    }
}
