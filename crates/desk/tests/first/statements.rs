//! Every SQL statement that stands as a literal in the source is understood by the database. (What a `Query` composes
//! is covered by running it.)
use desk::db::{Dialect, Error};
use desk::testing::TestDesk;
use std::fs;
use std::path::{Path, PathBuf};

const VERBS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|e| e.to_str()) {
            None if path.is_dir() => found.extend(sources(&path)),
            Some("rs") => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

/// String literals, with the code that stands before each on its line or the one above.
fn literals(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut rest, mut before) = (source, String::new());
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            before.push('\n');
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest = &rest[rest[1..].find('\'').unwrap() + 2..];
        } else if rest.starts_with("r#\"") {
            let (text, after) = rest[3..].split_once("\"#").expect("a raw literal ends");
            found.push((text.to_owned(), tail(&before)));
            rest = after;
        } else if c == '"' {
            let (text, length) = literal(&rest[1..]);
            found.push((text, tail(&before)));
            rest = &rest[1 + length..];
        } else {
            before.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    found
}
fn tail(before: &str) -> String {
    let mut code: Vec<char> = before.chars().rev().filter(|c| !c.is_whitespace()).take(40).collect();
    code.reverse();
    code.into_iter().collect()
}
/// The value of a literal after its first quote, and how long it is with the last.
fn literal(text: &str) -> (String, usize) {
    let (mut value, mut chars) = (String::new(), text.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, at + 1),
            '\\' => match chars.next().expect("an escape has a second half").1 {
                // A line that goes on: its indentation is not part of it.
                '\n' => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    panic!("a literal does not end: {}", &text[..text.len().min(80)])
}

#[test]
fn every_statement_of_the_source_is_understood() {
    let desk = TestDesk::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut prepared, mut faults) = (0, Vec::new());
    for path in sources(&root) {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        if name == "testing.rs" {
            continue; // it makes databases for tests, on PostgreSQL alone
        }
        let text = fs::read_to_string(&path).unwrap();
        // Tests of a module may make tables of their own.
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let text = with_tokens(text);
        for (sql, before) in literals(&text) {
            let a_part = ["Query::new(", "Query::new(concat!(", "&str=", ".push(", ".push(concat!("]
                .iter()
                .any(|start| before.ends_with(start));
            let a_part = a_part || sql.ends_with(' ') || sql.ends_with('(');
            // Whole tables are copied by the names that the database says.
            let a_part = a_part || (name == "db/transfer.rs" && sql.contains('{'));
            if a_part || !VERBS.iter().any(|verb| sql.starts_with(verb)) {
                continue;
            }
            prepared += 1;
            let done: Result<(), Error> = desk.db.write(|tx| tx.prepare(&sql));
            let Err(e) = done else { continue };
            if !of_the_other_database(&desk, &name, &sql) {
                faults.push(format!("{name}: {e}\n    {sql}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(prepared > 100, "only {prepared} statements were found: does the test still read the source?");
}

/// A condition that many statements share stands in them by its name, between two literals or behind one.
fn with_tokens(source: &str) -> String {
    let mut parts = source.split("with_tokens!()");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let before = all.trim_end().trim_end_matches(',').trim_end();
        all.truncate(before.strip_suffix('"').expect("it stands behind a literal").len());
        all += "state IN ('unproved', 'fulfilled', 'lapsed')";
        let goes_on =
            part.trim_start().strip_prefix(',').and_then(|rest| rest.trim_start().strip_prefix('"'));
        match goes_on {
            Some(rest) => all += rest,
            None => all = all + "\"" + part,
        }
    }
    all
}

/// Full text and locks are said differently to each.
fn of_the_other_database(desk: &TestDesk, file: &str, sql: &str) -> bool {
    let lite = desk.db.read(|tx| Ok::<_, Error>(tx.dialect() == Dialect::Sqlite)).unwrap();
    let lower = sql.to_lowercase();
    let of_postgres =
        ["pg_advisory", "pg_locks", "tsvector", "tsquery", "to_regclass", "pg_constraint", "pg_get_serial"]
            .iter()
            .any(|word| lower.contains(word));
    let of_sqlite = sql.contains(" MATCH ")
        || sql.contains("INTO entry_words (rowid, body)")
        || sql.contains("sqlite_master")
        || sql.contains("sqlite_sequence")
        || sql.contains("pragma_table_info");
    ["db/draw.rs", "db/migrate.rs", "db/outlast.rs", "db/transfer.rs", "tickets/words.rs"].contains(&file)
        && if lite { of_postgres } else { of_sqlite }
}

#[test]
fn the_test_reads_literals_as_the_compiler_does() {
    let source =
        "let a = \"SELECT 1 \\\n        FROM \\\"x\\\"\"; // \"no\"\n let c = '\"'; Query::new(\"SELECT 2\")";
    let found = literals(source);
    assert_eq!(found[0].0, "SELECT 1 FROM \"x\"");
    assert_eq!(found[1].0, "SELECT 2");
    assert!(found[1].1.ends_with("Query::new("));
    assert_eq!(found.len(), 2);
}
