//! Invariants that no single walk could break visibly: they are read off the sources.
use crate::arrows::sources;
use std::collections::BTreeSet;
use std::path::Path;

/// What runs, without the tests at a file's end or in a file of their own, and without remarks.
fn product(of: &str) -> Vec<(String, String)> {
    let read = |(path, text): (std::path::PathBuf, String)| (named(of, &path), without_tests(&text));
    let is_product = |(path, _): &(std::path::PathBuf, String)| !path.ends_with("tests.rs");
    let files: Vec<_> = sources(of).into_iter().filter(is_product).map(read).collect();
    assert!(files.len() > 5, "{of} has no sources");
    files
}
/// Up to the module of tests, which begins at the margin: what stands further in is a part of what runs.
fn without_tests(text: &str) -> String {
    let at_the_margin = text.find("\n#[cfg(test)]\n").unwrap_or(text.len());
    let code = text[..at_the_margin].lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_field_for_tests_hides_nothing_of_what_runs() {
    let text = "struct A {\n    #[cfg(test)]\n    b: i64,\n}\n// remark\nfn runs() {}\n\n#[cfg(test)]\nmod tests {\n    fn tests() {}\n}\n";
    let code = without_tests(text);
    assert!(code.contains("fn runs") && !code.contains("fn tests") && !code.contains("remark"), "{code}");
    let names = product("wire").into_iter().find(|(file, _)| file == "wire/net/names.rs");
    assert!(names.is_some_and(|(_, code)| code.contains("fn bare_host")), "it stands behind such a field");
}
/// `desk/site/vault.rs`.
fn named(of: &str, path: &Path) -> String {
    let text = path.to_string_lossy();
    let (_, below) = text.split_once(&format!("/{of}/src/")).unwrap_or_else(|| panic!("{text}"));
    format!("{of}/{below}")
}
const PRODUCT: [&str; 6] = ["mail", "wire", "desk", "courier", "web", "postern"];

/// Those of these words that stand in a file where they may not.
fn only_in(places: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for of in PRODUCT {
        for (file, code) in product(of) {
            let hit = words.iter().filter(|word| code.contains(**word));
            if !places.iter().any(|place| file.starts_with(place)) {
                found.extend(hit.map(|word| format!("{file}: {word}")));
            }
        }
    }
    found
}

#[test]
fn clock_chance_and_the_http_client_are_made_in_one_place_each() {
    let none: [String; 0] = [];
    assert_eq!(
        only_in(&["courier/clock.rs"], &["SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now"]),
        none
    );
    let chance =
        ["rand::rng()", "rand::random", "ThreadRng", "OsRng", "getrandom", "from_os_rng", "from_entropy"];
    assert_eq!(only_in(&["courier/random.rs"], &chance), none);
    assert_eq!(only_in(&["wire/net/"], &["reqwest::Client", "Client::builder", "ClientBuilder"]), none);
    assert_eq!(
        only_in(&["wire/error.rs"], &["\"fetch messages\""]),
        none,
        "who is asked tells by it what went wrong"
    );
    // And each is where it is said to be.
    for (of, file, word) in [
        ("courier", "courier/clock.rs", "SystemTime::now"),
        ("courier", "courier/random.rs", "rand::rng()"),
        ("wire", "wire/net/http.rs", "reqwest::Client"),
        ("wire", "wire/error.rs", "\"fetch messages\""),
    ] {
        assert!(product(of).iter().any(|(name, code)| name == file && code.contains(word)), "{file}: {word}");
    }
}

#[test]
fn every_queue_has_a_length() {
    let words = ["unbounded", "mpsc::channel()", "mpsc::channel::<"];
    assert_eq!(only_in(&[], &words), [] as [String; 0]);
}

/// Who reads what others send, and the words by which each of these files bounds a read in size and in time.
const READERS: [(&str, &[&str], &[&str]); 6] = [
    ("wire/line.rs", &["max", "PIECE_BYTES_MAX"], &["timeout_at"]),
    ("wire/net/http.rs", &["bytes_max"], &["timeout("]),
    ("wire/net/coming.rs", &["bytes_max", "is_too_big"], &["timeout("]),
    ("wire/net/dns.rs", &["BYTES_MAX"], &["timeout("]),
    ("web/body.rs", &["bytes_max"], &["timeout_at"]),
    ("postern/connections.rs", &["max_buf_size"], &["header_read_timeout"]),
];

#[test]
fn every_read_from_the_network_has_a_size_and_a_time_out() {
    let reads = [
        "AsyncReadExt",
        "AsyncBufReadExt",
        "poll_read",
        "read_buf(",
        ".chunk()",
        "bytes_stream",
        "into_data_stream",
        "body::to_bytes(",
        ".json().await",
        ".text().await",
    ];
    for of in ["wire", "courier", "web", "postern"] {
        for (file, code) in product(of) {
            let hit = reads.iter().find(|word| code.contains(**word));
            let reader = READERS.iter().find(|(name, ..)| *name == file);
            match (hit, reader) {
                (None, None) => {}
                // A part of a form: what it reads from is web/body.rs.
                (Some(_), None) if file == "web/form.rs" => assert!(code.contains("Multipart")),
                // A link that is compressed is read by wire/line.rs alone, which bounds both; here nothing grows past its room.
                (Some(_), None) if file == "wire/deflate.rs" => assert!(code.contains("into.remaining()")),
                (Some(hit), None) => {
                    panic!("{file} reads with {hit}: it has no size and no time-out that is known here")
                }
                (None, Some(_)) => panic!("{file} reads nothing any more"),
                (Some(_), Some((_, size, time))) => {
                    for word in size.iter().chain(*time) {
                        assert!(code.contains(word), "{file}: where is {word}?");
                    }
                }
            }
        }
    }
}

/// Lists without a LIMIT of their own, and what bounds each.
const BOUNDED: [(&str, &[&str]); 10] = [
    (
        "as many as are asked about",
        &[
            "alerts/fleet.rs next_sendings",
            "files/attachment.rs list_of",
            "files/blob.rs elsewhere",
            "files/blob.rs known",
            "files/blob.rs name_all",
            "intake/batch.rs ours",
            "intake/batch.rs elsewhere",
            "intake/batch.rs sent",
            "intake/copies.rs of",
            "intake/earlier_key.rs unsure",
            "intake/mending.rs letters",
            "intake/record.rs known_sources",
            "intake/record.rs of_contents",
            "intake/remembered.rs of",
            "intake/same_letter.rs claimed",
            "intake/same_letter.rs under",
            "mailboxes/balance.rs of",
            "mailboxes/mailbox.rs of_ids",
            "mailboxes/deleted_name.rs came_again",
            "mailboxes/named.rs rows",
            "outgoing/delivery.rs of_entries",
            "people/requester.rs of",
            "tickets/participant.rs who_may_write",
            "tickets/reference.rs of",
            "tickets/ticket.rs grow",
            "tickets/ticket.rs led",
            "trace/journal.rs of",
            "tickets/entry.rs find",
        ],
    ),
    (
        "of one letter or entry, whose recipients and parts are bounded when it is made",
        &[
            "intake/screen.rs files",
            "outgoing/delivery.rs list_of",
            "outgoing/letter.rs draft",
            "outgoing/material.rs material",
            "outgoing/material.rs of_entry",
            "outgoing/outbox.rs told",
            "outgoing/report.rs bounced",
        ],
    ),
    (
        "of sides of the mailboxes that are asked about, where room is made for each new try",
        &[
            "mailboxes/grant.rs latest_of",
            "mailboxes/grant/dispute.rs disputes_of",
            "mailboxes/grant/dispute.rs make_room",
            "mailboxes/grant/ending.rs others",
            "mailboxes/grant/ending.rs end_of_side",
        ],
    ),
    (
        "a number each, of all that may end with one change, since each is taken back at its provider",
        &["mailboxes/grant/ending.rs with_refresh_token"],
    ),
    (
        "every one is to change in this transaction, or nothing does",
        &[
            "mailboxes/grant/ending.rs end_of_client",
            "mailboxes/mailbox/round.rs lost_grant",
            "outgoing/restored.rs ask_before_sending",
            "people/agent.rs leave",
        ],
    ),
    (
        "a number each, of what is recorded between the first and the last of ten thousand",
        &["intake/record.rs missing"],
    ),
    (
        "one row a token endpoint",
        &["mailboxes/grant/ending.rs same_person_elsewhere", "mailboxes/grant/ending.rs sign_in_under_way"],
    ),
    (
        "the hours of four weeks, or one row a mailbox",
        &["mailboxes/usual.rs learn_all", "mailboxes/usual.rs of", "intake/round_trip.rs find"],
    ),
    (
        "the statement comes from a table, and each of that has its LIMIT",
        &[
            "check.rs pages",
            "site/sealed.rs mailboxes",
            "site/sealed.rs each_batch",
            "tickets/index.rs add_missing",
            "tickets/index.rs fill",
        ],
    ),
    ("SQLite names a hundred faults at most", &["tickets/words.rs damage"]),
];

#[test]
fn every_list_of_the_desk_has_a_limit_or_a_reason() {
    let known: BTreeSet<&str> = BOUNDED.iter().flat_map(|(_, list)| list.iter().copied()).collect();
    let (mut lists, mut without) = (0, BTreeSet::new());
    for (file, code) in product("desk") {
        let file = file.trim_start_matches("desk/");
        if file.starts_with("db/") {
            continue; // the verbs themselves, and the copy of a database
        }
        for function in functions(&code) {
            if function.contains("tx.all(") || function.contains("tx.all::<") {
                lists += 1;
                if !function.contains("LIMIT") && !function.contains("limit") {
                    without.insert(format!("{file} {}", name_of(function)));
                }
            }
        }
    }
    assert!(lists > 60, "{lists} lists");
    let without: BTreeSet<&str> = without.iter().map(String::as_str).collect();
    let new: Vec<_> = without.difference(&known).collect();
    let gone: Vec<_> = known.difference(&without).collect();
    assert!(new.is_empty(), "lists without a limit, and without a reason here: {new:?}");
    assert!(gone.is_empty(), "these are lists without a limit no more: {gone:?}");
}

/// From one `fn` to the next.
fn functions(code: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let words = line.trim_start();
        let words = ["pub ", "pub(crate) ", "pub(super) ", "pub(in crate::mailboxes) "]
            .iter()
            .fold(words, |words, word| words.strip_prefix(word).unwrap_or(words));
        if words.starts_with("fn ") {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([code.len()]);
    starts.iter().zip(ends).map(|(start, end)| &code[*start..end]).collect()
}
fn name_of(function: &str) -> &str {
    let after = function.split_once("fn ").map_or("", |(_, after)| after);
    after.split(['(', '<']).next().unwrap_or_default()
}

#[test]
fn who_asks_for_a_ticket_says_for_whom() {
    // Those that change something take the actor; those that file a message are no reads for a person.
    let others = ["add"];
    let mut readers = 0;
    for (file, code) in product("desk") {
        let file = file.trim_start_matches("desk/tickets/");
        if !["ticket.rs", "queue.rs", "search.rs", "entry.rs"].contains(&file) {
            continue;
        }
        for function in functions(&code) {
            let head = function.split('{').next().unwrap_or_default();
            let name = name_of(function);
            if !head.starts_with("pub fn") || !head.contains("tx: &mut Tx") || others.contains(&name) {
                continue;
            }
            let fine = head.contains("&Viewer") || head.contains("&By") || name.ends_with("_for_system");
            assert!(fine, "{file}: {name} reads tickets for whom?");
            readers += usize::from(head.contains("&Viewer"));
        }
    }
    assert!(readers >= 6, "{readers} readers");
}

#[test]
fn pages_reach_no_unscoped_read_and_of_the_courier_four_modules() {
    let modules = ["authorize", "doctor", "probe", "rehearse"];
    let mut used = BTreeSet::new();
    for (file, code) in product("web") {
        assert!(!code.contains("_for_system"), "{file} reads what is for no person");
        for after in code.split("courier::").skip(1) {
            let names: Vec<String> = match after.strip_prefix('{') {
                Some(list) => {
                    list.split('}').next().unwrap_or_default().split(',').map(str::to_owned).collect()
                }
                None => vec![after.to_owned()],
            };
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_module = name.starts_with(char::is_lowercase);
                assert!(!is_module || modules.contains(&name.as_str()), "{file} uses courier::{name}");
                used.insert(name);
            }
        }
    }
    assert!(modules.iter().all(|module| used.contains(*module)), "{used:?}");
}
