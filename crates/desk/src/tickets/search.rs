//! Finding tickets by number, address, and words (FTS5 | tsvector). The one file that asks which
//! database it is.
//!
//! Words are cut and folded here, not by the databases, so that both find the same: letters and digits in
//! lower case without accents; of scripts that are written without blanks each character is a word and a
//! run of them a phrase. What a person types is only ever such words, quoted.
use super::queue::{self, After, Page, Wanted};
use crate::db::{Dialect, Query};
use crate::{Result, db::Tx, params, people::viewer::Viewer};

/// Of one entry; PostgreSQL keeps no tsvector beyond 1 MB.
const WORDS_MAX: usize = 20_000;
const WORDS_BYTES_MAX: usize = 400_000;
const WORD_CHARS_MAX: usize = 48;
/// Words of a query beyond these are not looked for.
const QUERY_WORDS_MAX: usize = 12;
/// Only the newest entries that match are looked at, so that a word which is everywhere costs a bounded time.
const MATCHES_MAX: i64 = 2000;

/// Called by `entry::add`: subject, names, addresses and words.
pub fn index(tx: &mut Tx<'_>, entry_id: i64, words: &str) -> Result<()> {
    let runs = cut(words, WORDS_MAX);
    match tx.dialect() {
        Dialect::Sqlite => {
            let body = runs.concat().join(" ");
            tx.execute("INSERT INTO entry_words (rowid, body) VALUES ($1, $2)", params![entry_id, body])?;
        }
        Dialect::Postgres => {
            // Of letters and digits alone, so quoting is a pair of apostrophes. Past 16,383 a position is
            // taken for that, which PostgreSQL does by itself.
            let mut vector = String::new();
            for (i, word) in runs.concat().iter().enumerate() {
                vector.push_str(&format!("'{word}':{} ", i + 1));
            }
            tx.execute(
                "INSERT INTO entry_words (rowid, words) VALUES ($1, CAST(CAST($2 AS TEXT) AS TSVECTOR))",
                params![entry_id, vector],
            )?;
        }
    }
    Ok(())
}

/// A number finds its ticket, an address the tickets its owner has asked or gets copies of, words the tickets
/// an entry of which holds all of them (the last one by its beginning). Newest first, of the wanted ones.
pub fn find(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    wanted: &Wanted,
    query: &str,
    after: Option<&After>,
    limit: i64,
) -> Result<Page> {
    let typed = query.trim();
    if let Some(number) = number(typed) {
        let mut lines = queue::lines(viewer);
        lines.push(" AND t.number = ").bind(number);
        wanted.narrow(&mut lines);
        let page = queue::finish(tx, viewer, lines, after, limit)?;
        // A number without `#` may as well be that of an order: then it is a word.
        if !page.lines.is_empty() || typed.starts_with(['#', '[']) {
            return Ok(page);
        }
    }
    if typed.contains('@') && !typed.contains(char::is_whitespace) {
        let key = mail::address::key(typed.trim_matches(['<', '>']));
        let queries = by_address(tx, viewer, wanted, &key)?;
        if !queries.is_empty() {
            return queue::merge(tx, viewer, queries, after, limit);
        }
    }
    by_words(tx, viewer, wanted, typed, after, limit)
}
/// What the owner of an address has asked, and what they are on the Cc of; nothing for an unknown address.
fn by_address<'q>(tx: &mut Tx<'_>, viewer: &Viewer, wanted: &Wanted, key: &str) -> Result<Vec<Query<'q>>> {
    let mut queries = Vec::new();
    let requester = tx
        .maybe::<(i64,)>("SELECT requester_id FROM requester_address WHERE address_key = $1", params![key])?;
    if let Some((requester_id,)) = requester {
        let mut lines = queue::lines(viewer);
        lines.push(" AND t.joined_to_id IS NULL AND t.requester_id = ").bind(requester_id);
        queries.push(lines);
    }
    let (copied,) =
        tx.one::<(bool,)>("SELECT EXISTS (SELECT 1 FROM participant WHERE address_key = $1)", params![key])?;
    if copied {
        let mut lines = queue::lines(viewer);
        lines
            .push(" AND t.joined_to_id IS NULL AND t.id IN (SELECT p.ticket_id FROM participant p WHERE p.address_key = ")
            .bind(key.to_owned())
            .push(" ORDER BY p.ticket_id DESC LIMIT ")
            .bind(MATCHES_MAX)
            .push(")");
        queries.push(lines);
    }
    queries.iter_mut().for_each(|lines| wanted.narrow(lines));
    Ok(queries)
}
/// `10001`, `#10001` and `[#10001]`.
fn number(typed: &str) -> Option<&str> {
    let inner = typed.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(typed);
    let digits = inner.strip_prefix('#').unwrap_or(inner);
    (!digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}
fn by_words(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    wanted: &Wanted,
    typed: &str,
    after: Option<&After>,
    limit: i64,
) -> Result<Page> {
    let runs = cut(typed, QUERY_WORDS_MAX);
    if runs.is_empty() {
        return Ok(Page { lines: Vec::new(), next: None });
    }
    let dialect = tx.dialect();
    let mut lines = queue::lines(viewer);
    lines.push(" AND t.id IN (SELECT e.ticket_id FROM entry e WHERE e.id IN (SELECT w.rowid FROM entry_words w WHERE ");
    match dialect {
        Dialect::Sqlite => lines.push("w.entry_words MATCH ").bind(fts5(&runs)),
        Dialect::Postgres => {
            lines.push("w.words @@ CAST(CAST(").bind(tsquery(&runs)).push(" AS TEXT) AS TSQUERY)")
        }
    };
    lines.push(" ORDER BY w.rowid DESC LIMIT ").bind(MATCHES_MAX).push("))");
    wanted.narrow(&mut lines);
    queue::finish(tx, viewer, lines, after, limit)
}
/// `"one" "見 積" "tw"*`: blanks are AND.
fn fts5(runs: &[Vec<String>]) -> String {
    let phrases: Vec<String> = runs.iter().map(|run| format!("\"{}\"", run.join(" "))).collect();
    phrases.join(" ") + "*"
}
/// `'one' & ('見' <-> '積') & 'tw':*`
fn tsquery(runs: &[Vec<String>]) -> String {
    let phrases: Vec<String> = runs
        .iter()
        .map(|run| {
            let words: Vec<String> = run.iter().map(|word| format!("'{word}'")).collect();
            words.join(" <-> ")
        })
        .map(|phrase| format!("({phrase})"))
        .collect();
    let mut text = phrases.join(" & ");
    text.truncate(text.len() - 1); // the last parenthesis
    text + ":*)"
}

/// Runs of words: one word each, or the characters of a run without blanks.
fn cut(text: &str, words_max: usize) -> Vec<Vec<String>> {
    let mut runs: Vec<Vec<String>> = Vec::new();
    let (mut count, mut bytes, mut word, mut alone) = (0, 0, String::new(), false);
    for c in text
        .chars()
        .filter(|c| !is_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_mark(*c))
        .chain([' '])
    {
        if !word.is_empty() && (!c.is_alphanumeric() || is_unspaced(c)) {
            bytes += word.len();
            runs.push(vec![std::mem::take(&mut word)]);
            count += 1;
        }
        if count >= words_max || bytes >= WORDS_BYTES_MAX {
            break;
        }
        if is_unspaced(c) {
            match runs.last_mut().filter(|_| alone) {
                Some(run) => run.push(c.to_string()),
                None => runs.push(vec![c.to_string()]),
            }
            count += 1;
        } else if c.is_alphanumeric() && word.chars().count() < WORD_CHARS_MAX {
            word.push_str(plain(&c).unwrap_or(c.encode_utf8(&mut [0; 4])));
        }
        alone = is_unspaced(c);
    }
    runs
}
/// Combining accents, as some systems send them apart from their letters.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}
/// Han, kana and the scripts of South-East Asia.
fn is_unspaced(c: char) -> bool {
    c.is_alphanumeric()
        && matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
            | '\u{3005}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}
/// Letters with an accent, as people type them who do not have the key.
fn plain(c: &char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_folded_and_quoted_the_same_for_both_databases() {
        let runs = cut("Kündigung, \"OR\" l'e\u{301}té* 見積り printer", 99);
        assert_eq!(fts5(&runs), r#""kundigung" "or" "l" "ete" "見 積 り" "printer"*"#);
        assert_eq!(
            tsquery(&runs),
            "('kundigung') & ('or') & ('l') & ('ete') & ('見' <-> '積' <-> 'り') & ('printer':*)"
        );
        assert_eq!(tsquery(&cut("見積", 9)), "('見' <-> '積':*)");
    }

    #[test]
    fn a_text_of_nothing_but_signs_has_no_words() {
        assert_eq!(cut("\"* -- ( ) ' \\ %", 99), Vec::<Vec<String>>::new());
    }

    #[test]
    fn the_number_of_words_and_their_length_are_bounded() {
        let runs = cut(&"word ".repeat(100), 10);
        assert_eq!(runs.len(), 10);
        assert_eq!(cut(&"a".repeat(1000), 10), vec![vec!["a".repeat(WORD_CHARS_MAX)]]);
    }

    #[test]
    fn a_number_is_digits_with_or_without_its_sign() {
        for typed in ["10001", "#10001", "[#10001]"] {
            assert_eq!(number(typed), Some("10001"));
        }
        assert_eq!(number("10001 x"), None);
        assert_eq!(number("#"), None);
    }
}
