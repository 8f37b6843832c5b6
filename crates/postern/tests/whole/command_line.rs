//! The contract of the command line: exit statuses, sentences, JSON; and starting with wrong configuration.
use crate::program::{ADMINISTRATOR, PASSWORD, Program};
use std::os::unix::fs::PermissionsExt as _;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn manual(page: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual");
    std::fs::read_to_string(folder.join(page)).unwrap()
}

#[test]
fn the_first_start_makes_folder_key_and_database_for_their_owner_alone() {
    let program = Program::new();
    let server = program.serve();
    assert_eq!(mode(&program.data()), 0o700);
    assert_eq!(mode(&program.data().join("postern.key")), 0o600);
    let link = program.data().join("first-administrator.url");
    assert_eq!(mode(&link), 0o600);
    let link = std::fs::read_to_string(link).unwrap();
    assert!(link.starts_with(&format!("{}/setup/", server.url)), "{link}");
    let token = link.trim().rsplit('/').next().unwrap().to_owned();
    assert!(!server.log().contains(&token), "the link's token was logged");
    let (took, status) = server.stop();
    assert!(took.as_secs() < 10 && status == 0, "{took:?} {status}");
    // Replaced at each start, gone when there is an administrator.
    let program = program;
    let server = program.serve();
    let again = std::fs::read_to_string(program.data().join("first-administrator.url")).unwrap();
    assert!(!again.contains(&token));
    server.stop();
    let program = program.administrator();
    program.serve().stop();
    assert!(!program.data().join("first-administrator.url").exists());
}

#[test]
fn a_second_server_on_one_data_folder_refuses() {
    let program = Program::new();
    let _server = program.serve();
    program.run(&["serve", "--http-listen", "127.0.0.1:0"]).fails(1, &["another Postern", "Stop it first"]);
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    Program::new()
        .run(&["serve", "--http-listen", &address])
        .fails(1, &["cannot listen on", &address, "another program"]);
}

#[test]
fn a_database_without_its_key_does_not_start_and_says_so() {
    let program = Program::new().administrator();
    let key = program.data().join("postern.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    program.run(&["serve"]).fails(1, &["the key of this database is missing", "postern.key"]);
    assert!(!key.exists(), "a new key was made beside an old database");
    let other = Program::new().administrator();
    std::fs::copy(other.data().join("postern.key"), &key).unwrap();
    program.run(&["check"]).fails(1, &["is not the key of this database"]);
    std::fs::write(&key, kept).unwrap();
    program.run(&["check"]).fine();
}

#[test]
fn a_database_of_a_demo_and_one_for_life_are_kept_apart() {
    let program = Program::new().administrator();
    program.run(&["demo"]).fails(1, &["was not made by `postern demo`"]);
    // Nobody needs to have used it.
    let unused = Program::new();
    unused.serve().stop();
    unused.run(&["demo"]).fails(1, &["was not made by `postern demo`", "another folder"]);
    unused.serve().stop();
    let demo = Program::new();
    demo.start("demo", &[]).stop();
    demo.run(&["serve"]).fails(1, &["belongs to `postern demo`"]);
    demo.run(&["demo", "--http-listen", "0.0.0.0:8080", "--site-url", "http://a.example"])
        .fails(2, &["listens on this machine only"]);
}

#[test]
fn wrong_usage_is_2_and_what_is_not_there_is_3() {
    let program = Program::new().administrator();
    program.run(&["ticket", "list", "--limit", "none"]).fails(2, &["--limit"]);
    program.run(&["ticket", "list", "--after", "nonsense"]).fails(2, &["--after"]);
    program.run(&["ticket", "show", "99"]).fails(3, &["no ticket #99"]);
    // What is quoted drives no terminal.
    program.run(&["ticket", "show", "\u{1b}[2J"]).fails(3, &["no ticket #\u{fffd}[2J"]);
    program.run(&["mailbox", "show", "nobody@contoso.example"]).fails(3, &["no mailbox"]);
    program.run(&["inbox", "retry", "1"]).fails(3, &[]);
    program.run(&["outbox", "cancel", "1"]).fails(3, &[]);
    program
        .run_with(&["reply", "1", "--as", "nobody@contoso.example"], "Hello")
        .fails(3, &["no active agent"]);
    program.run_with(&["reply", "1", "--as", ADMINISTRATOR], "Hello").fails(3, &["ticket"]);
}

#[test]
fn a_command_that_only_looks_makes_no_database() {
    let program = Program::new();
    program.run(&["ticket", "list"]).fails(1, &["there is no database"]);
    assert!(!program.data().exists());
}

#[test]
fn administrators_are_made_and_reset_without_a_browser() {
    let program = Program::new();
    let create = ["admin", "create", "--email", ADMINISTRATOR, "--password-stdin"];
    program.run_with(&create, "short").fails(1, &["at least"]);
    program.run_with(&create, "").fails(2, &["no password"]);
    program.run_with(&create, PASSWORD).fine();
    program.run_with(&create, PASSWORD).fails(1, &[ADMINISTRATOR, "already"]);
    let reset = ["admin", "reset", "--email", ADMINISTRATOR, "--password-stdin"];
    program.run_with(&reset, "another good password").fine();
    let nobody = ["admin", "reset", "--email", "nobody@contoso.example", "--password-stdin"];
    program.run_with(&nobody, PASSWORD).fails(3, &[]);
}

const FLEET: &str = r#"
[[mailbox]]
address = "support@contoso.example"
name = "Support"
start_from = "everything"
frequency_s = 60

[mailbox.incoming]
host = "localhost"
port = 1993
authentication = "password"
password_file = "secret"

[mailbox.outgoing]
host = "localhost"
port = 1587
authentication = "same"

[[mailbox]]
address = "billing@contoso.example"

[mailbox.incoming]
authentication = "microsoft"

[mailbox.outgoing]
same = true

[mailbox.client]
client_id = "5b1c1f0e-3a77-4c7e-9a55-0c2d3c1f7e11"
client_secret_file = "value"
tenant = "contoso.example"
"#;

#[test]
fn applying_a_file_twice_changes_nothing_the_second_time() {
    let program = Program::new();
    program.file("secret", "rehearsal\n");
    program.file("value", "a~secret.Value_of+40-characters\n");
    let file = program.file("fleet.toml", FLEET);
    let apply = ["mailbox", "apply", file.to_str().unwrap(), "--json"];
    let first = program.run(&apply).fine().json();
    assert_eq!(first["items"][0]["done"], "created");
    let callback = first["items"][1]["callback"].as_str().unwrap();
    assert!(callback.contains("/oauth/callback/"), "{callback}");
    assert!(first["items"][1]["authorize_at"].is_string());
    let second = program.run(&apply).fine().json();
    assert_eq!(second["items"][0]["done"], "unchanged");
    assert_eq!(second["items"][1]["done"], "unchanged");
    assert_eq!(second["items"][1]["callback"], callback);
    program.file("secret", "another\n");
    let third = program.run(&apply).fine().json();
    assert_eq!(third["items"][0]["done"], "changed");
    assert_eq!(third["items"][1]["done"], "unchanged");

    let shown = program.run(&["mailbox", "show", "support@contoso.example", "--json"]).fine();
    assert!(!shown.out.contains("another"), "a password was printed");
    let shown = shown.json();
    for key in [
        "address",
        "name",
        "department",
        "active",
        "state",
        "since",
        "reason",
        "remedy",
        "next_try_at",
        "last_mail_at",
        "last_sent_at",
        "incoming",
        "outgoing",
        "grant",
        "client",
        "callback",
        "folders",
    ] {
        assert!(shown.get(key).is_some(), "{key} is missing in {shown}");
    }
    let manual = manual("json.md");
    for side in [&shown, &shown["incoming"], &shown["outgoing"], &third["items"][0]] {
        for key in side.as_object().unwrap().keys() {
            let words = [format!("`{key}`"), format!("{key},"), format!("{key}}}")];
            assert!(
                words.iter().any(|word| manual.contains(word)),
                "docs/manual/json.md does not say what {key} is"
            );
        }
    }
    assert_eq!(shown["incoming"]["folder"], "INBOX");
    assert_eq!(shown["department"], "Support");
    let microsoft = program.run(&["mailbox", "show", "billing@contoso.example", "--json"]).fine().json();
    assert_eq!(microsoft["incoming"]["host"], "outlook.office365.com");
    assert_eq!(microsoft["outgoing"]["host"], "smtp.office365.com");
}

#[test]
fn what_was_applied_before_a_mailbox_was_refused_is_printed() {
    let program = Program::new();
    program.file("secret", "rehearsal\n");
    program.file("value", "a~secret.Value_of+40-characters\n");
    let refused = FLEET.replace("address = \"billing", "department = \"Nowhere\"\naddress = \"billing");
    let file = program.file("fleet.toml", &format!("{refused}\n{}", FLEET.replace("@contoso", "@fabrikam")));
    let words = ["billing@contoso.example was not applied", "2 mailboxes behind it", "no department Nowhere"];
    let ran = program.run(&["mailbox", "apply", file.to_str().unwrap()]).fails(1, &words);
    assert_eq!(ran.out, "support@contoso.example: created\n");
    let ran = program.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).fails(1, &words);
    let document = ran.json();
    assert_eq!(document["items"].as_array().unwrap().len(), 1, "{document}");
    assert_eq!(document["items"][0]["address"], "support@contoso.example");
    assert_eq!(document["items"][0]["done"], "unchanged");
}

#[test]
fn lists_come_in_pages_of_the_length_that_is_asked_for() {
    let program = Program::new();
    program.file("secret", "rehearsal\n");
    program.file("value", "a~secret.Value_of+40-characters\n");
    let fleet = format!("{FLEET}\n{}", FLEET.replace("@contoso", "@fabrikam"));
    let file = program.file("fleet.toml", &fleet);
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    let all = [
        "billing@contoso.example",
        "billing@fabrikam.example",
        "support@contoso.example",
        "support@fabrikam.example",
    ];
    for limit in ["1", "2", "3", "4", "50"] {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let mut arguments = vec!["mailbox", "list", "--json", "--limit", limit];
            arguments.extend(after.iter().flat_map(|cursor| ["--after", cursor.as_str()]));
            let page = program.run(&arguments).fine().json();
            let items = page["items"].as_array().unwrap();
            assert!(!items.is_empty() && items.len() <= limit.parse().unwrap(), "{page}");
            found.extend(items.iter().map(|item| item["address"].as_str().unwrap().to_owned()));
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, all, "--limit {limit}");
    }
    let text = program.run(&["mailbox", "list", "--limit", "3"]).fine().out;
    assert!(text.ends_with("More: --after support@contoso.example\n"), "{text}");
    for list in ["ticket", "inbox", "outbox"] {
        let page = program.run(&[list, "list", "--json", "--limit", "1"]).fine().json();
        assert_eq!(page, serde_json::json!({ "items": [], "next": null }), "{list}");
    }
}

#[test]
fn commands_know_the_address_that_the_server_was_told_by_a_flag() {
    let program = Program::new();
    program.file("value", "a~secret.Value_of+40-characters\n");
    program.file("secret", "rehearsal\n");
    let file = program.file("fleet.toml", FLEET);
    let server = program.serve();
    let site = server.url.clone();
    let callback = |more: &[&str]| {
        let show = [&["mailbox", "show", "billing@contoso.example", "--json"], more].concat();
        program.run(&show).fine().json()["callback"].as_str().unwrap().to_owned()
    };
    let apply = ["mailbox", "apply", file.to_str().unwrap(), "--json"];
    let applied = program.run(&apply).fine().json();
    for key in ["callback", "authorize_at"] {
        let link = applied["items"][1][key].as_str().unwrap();
        assert!(link.starts_with(&format!("{site}/")), "{link} is not at {site}");
    }
    assert!(callback(&[]).starts_with(&format!("{site}/oauth/callback/")), "{}", callback(&[]));
    server.stop();
    assert!(callback(&[]).starts_with(&site), "it is kept when the server has ended");
    // What the command itself is told goes before what the server was told.
    assert!(callback(&["--http-listen", "127.0.0.1:9"]).starts_with("http://localhost:9/"));
    assert!(callback(&["--site-url", "https://help.example.org"]).starts_with("https://help.example.org/"));
}

#[test]
fn a_mistake_in_the_file_names_its_key_its_line_and_what_is_known() {
    let program = Program::new();
    let file = program.file("fleet.toml", "[[mailbox]]\naddress = \"a@b.example\"\npasword = \"x\"\n");
    program
        .run(&["mailbox", "apply", file.to_str().unwrap()])
        .fails(2, &["pasword", "line 3", "frequency_s"]);
    assert!(!program.data().exists(), "a file that is wrong made a database");
}

#[test]
fn inspect_needs_nothing_and_prints_one_line_a_message() {
    let program = Program::new();
    let one = program.file(
        "one.eml",
        "From: ann@nordwind.example\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n",
    );
    let done = program
        .run_with(&["message", "inspect", "--json", one.to_str().unwrap(), "-"], "Subject: x\n\ny\n")
        .fine();
    let lines: Vec<serde_json::Value> = done.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["schema"], "postern.inspect/1");
    let manual = manual("inspect.md");
    for key in lines[0].as_object().unwrap().keys() {
        assert!(manual.contains(&format!("`{key}`")), "docs/manual/inspect.md does not say what {key} is");
    }
    assert_eq!(lines[0]["subject"], "Grüße");
    assert_eq!(lines[1]["file"], "-");
    program.run(&["message", "inspect", "--json", "missing.eml"]).fails(1, &["missing.eml"]);
    program.run(&["message", "inspect"]).fails(2, &[]);
    assert!(!program.data().exists());
}

#[test]
fn a_result_that_cannot_be_written_is_a_sentence_and_one_that_nobody_reads_is_none() {
    let program = Program::new().administrator();
    let one = program.file("one.eml", "Subject: x\n\ny\n");
    let one = one.to_str().unwrap();
    let printing: [&[&str]; 7] = [
        &["message", "inspect", one],
        &["message", "thread", one],
        &["config", "show"],
        &["check"],
        &["ticket", "list", "--json"],
        &["mailbox", "list", "--json"],
        &["serve", "--http-listen", "127.0.0.1:0"],
    ];
    for command in printing {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        program.run_into(command, full.into()).fails(1, &["cannot write the result to standard output"]);
        if command[0] != "serve" {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let ran = program.run_into(command, writer.into());
            assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{command:?}");
        }
    }
    // Nor does it panic where even the sentence cannot be written.
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(program.run_onto(&["ticket", "show", "99"], full().into(), full().into()), 3);
}

#[test]
fn a_wrong_flag_is_named_as_it_was_given() {
    Program::new().run(&["check", "--database", "mysql://x"]).fails(2, &["--database is"]);
}
