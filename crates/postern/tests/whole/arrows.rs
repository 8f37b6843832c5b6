//! The arrows between crates are those of the architecture, and no others.
use std::collections::BTreeSet;

/// Crate, and what of Postern it may use.
const ARROWS: [(&str, &[&str]); 7] = [
    ("mail", &[]),
    ("wire", &["mail"]),
    ("desk", &["mail"]),
    ("courier", &["mail", "wire", "desk"]),
    ("web", &["mail", "desk", "courier"]),
    ("practice", &["mail", "wire"]),
    ("postern", &["mail", "wire", "desk", "courier", "web", "practice"]),
];

/// Libraries that some crates never use: who waits for the network holds no transaction, and who holds one
/// cannot name a socket.
const NEVER: [(&str, &[&str]); 4] = [
    ("mail", &["tokio", "rusqlite", "postgres", "reqwest", "axum"]),
    ("wire", &["rusqlite", "postgres", "axum"]),
    ("desk", &["tokio", "axum", "reqwest", "tokio-rustls"]),
    ("web", &["rusqlite", "postgres", "reqwest", "tokio-rustls"]),
];

#[test]
fn crates_use_only_what_the_architecture_lets_them() {
    let metadata =
        cargo_metadata::MetadataCommand::new().no_deps().other_options(["--offline".into()]).exec().unwrap();
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(found, ours, "a crate was added or removed: change the architecture and this table together");
    for package in &metadata.packages {
        let normal = package.dependencies.iter().filter(|d| d.kind == cargo_metadata::DependencyKind::Normal);
        let used: BTreeSet<&str> = normal.map(|d| d.name.as_str()).collect();
        let name = package.name.as_str();
        let (_, may) = ARROWS.iter().find(|(n, _)| *n == name).unwrap();
        for other in used.intersection(&ours) {
            assert!(may.contains(other), "{name} uses {other}, which the architecture does not allow");
        }
        for (_, banned) in NEVER.iter().filter(|(n, _)| *n == name) {
            for library in *banned {
                assert!(!used.contains(library), "{name} uses {library}, which belongs elsewhere");
            }
        }
    }
}

/// Families of modules within a crate, each using only those above it; what the crate has besides may use all.
const FAMILIES: [(&str, &[&str]); 2] = [
    ("desk", &["db", "site", "people", "mailboxes", "files", "tickets", "outgoing", "alerts", "intake"]),
    ("mail", &["html", "quote", "body"]),
];

#[test]
fn families_use_only_those_above_them() {
    for (of, families) in FAMILIES {
        for (at, family) in families.iter().enumerate() {
            let own = sources(of).into_iter().filter(|(path, _)| is_of(path, family));
            let mut files = 0;
            for (path, text) in own {
                files += 1;
                let used = named(&text);
                let below = families.iter().skip(at + 1).find(|below| used.contains(**below));
                assert!(below.is_none(), "{} uses {below:?}, which is below {family}", path.display());
            }
            assert!(files > 0, "{of} has no {family}: change the architecture and this table together");
        }
    }
}

/// `src/family.rs`, or a file below `src/family`.
fn is_of(path: &std::path::Path, family: &str) -> bool {
    let mut parts = path.iter().skip_while(|part| *part != "src").skip(1);
    let first = parts.next().and_then(|part| part.to_str()).unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first) == family
}

/// The modules that a source names from the root of its crate: `crate::files::…`, `crate::{Result, files::…}`.
fn named(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.flat_map(|line| [line, " "]).collect();
    let mut found = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => found.extend([word(after)]),
            Some(list) => {
                let mut depth = 0;
                let mut begins = true;
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => begins = true,
                        c if begins && !c.is_whitespace() => {
                            found.insert(word(&list[at..]));
                            begins = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}
fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn the_modules_that_a_source_names_are_found_in_every_form() {
    let text = "use crate::db::{self, Row};\nuse crate::{\n    Result, db::{Tx, files}, people::viewer::Viewer,\n};\n\
                // crate::intake\nfn f() { crate::site::event::x(); }";
    let found: Vec<String> = named(text).into_iter().collect();
    assert_eq!(found, ["Result", "db", "people", "site"]);
}

/// Sources under a crate's `src`, with their paths.
pub fn sources(of: &str) -> Vec<(std::path::PathBuf, String)> {
    fn walk(folder: &std::path::Path, found: &mut Vec<(std::path::PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(of).join("src"), &mut found);
    found
}

#[test]
fn sql_is_written_in_the_desk_and_nowhere_else() {
    for of in ["mail", "wire", "courier", "web", "practice", "postern"] {
        for (path, text) in sources(of) {
            let sql = |line: &str| {
                (line.contains("SELECT ") && line.contains(" FROM "))
                    || ["\"INSERT INTO ", "\"DELETE FROM "].iter().any(|verb| line.contains(verb))
                    || (line.contains("\"UPDATE ") && line.contains(" SET "))
            };
            assert!(!text.lines().any(sql), "{} holds SQL text", path.display());
        }
    }
}

#[test]
fn sockets_of_the_product_are_opened_in_one_file() {
    for of in ["mail", "wire", "desk", "courier", "web"] {
        for (path, text) in sources(of) {
            let net = path.to_string_lossy().contains("wire/src/net");
            for opener in ["TcpStream::connect", "UnixStream::connect", "reqwest::Client::", "UdpSocket"] {
                let product = text.split("#[cfg(test)]").next().unwrap_or_default();
                assert!(net || !product.contains(opener), "{} opens a socket with {opener}", path.display());
            }
        }
    }
}

/// The numbers of the RFCs that a text names: `RFC 5322`, `(RFC 3501, 9051)`.
fn rfcs(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in text.split("RFC ").skip(1) {
        let mut rest = after;
        loop {
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if number.len() != 4 && number.len() != 3 {
                break;
            }
            rest = &rest[number.len()..];
            found.insert(number);
            match rest.strip_prefix(", ") {
                Some(more) => rest = more,
                None => break,
            }
        }
    }
    found
}

#[test]
fn the_page_of_standards_is_what_the_code_says() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/standards.md")).unwrap();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [_, standard, files] = cells[..] else { panic!("three cells: {row}") };
        let texts: Vec<String> = files
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|file| {
                let path = root.join("crates").join(file);
                std::fs::read_to_string(path).unwrap_or_else(|_| panic!("{file} is not there: {row}"))
            })
            .collect();
        for number in rfcs(standard) {
            assert!(
                texts.iter().any(|text| rfcs(text).contains(&number)),
                "no file names RFC {number}: {row}"
            );
        }
        rows += 1;
    }
    assert!(rows > 30, "{rows} rows");
    let told = rfcs(&page);
    for of in ["mail", "wire", "desk", "courier", "web", "postern"] {
        for (path, text) in sources(of) {
            for number in rfcs(&text) {
                assert!(told.contains(&number), "docs/standards.md lacks RFC {number} of {}", path.display());
            }
        }
    }
}
