//! The words of entries, kept and matched by the database's full-text search (FTS5 | tsvector). The one file
//! that asks which database it is.
//!
//! Words are cut and folded here, not by the databases, so that both find the same: letters and digits in
//! lower case without accents; of scripts that are written without blanks each character is a word and a
//! run of them a phrase. What a person types is only ever such words, quoted.
use crate::db::{Dialect, Query, ROWS_MAX, powers_of_two};
use crate::{Result, db::Tx, params};
use std::fmt::Write as _;

/// Of one entry; PostgreSQL keeps no tsvector beyond 1 MB.
const WORDS_MAX: usize = 20_000;
const WORDS_BYTES_MAX: usize = 400_000;
const WORD_CHARS_MAX: usize = 48;
/// Words of a query beyond these are not looked for.
const QUERY_WORDS_MAX: usize = 12;

/// Called by `index`: entries with all that each is found by, in the order of their ids.
///
/// SQLite keeps what is added in memory until its transaction ends or a savepoint begins, and then writes one more
/// piece of the index, which is merged with others later. So many entries in one go cost far less than one by one.
pub(super) fn index(tx: &mut Tx<'_>, entries: &[(i64, String)]) -> Result<()> {
    match tx.dialect() {
        Dialect::Sqlite => {
            for (entry_id, words) in entries {
                let body = cut(words, WORDS_MAX).concat().join(" ");
                // A row each: a statement with several rows is a savepoint of its own.
                tx.execute(
                    "INSERT INTO entry_words (rowid, body) VALUES ($1, $2)",
                    params![*entry_id, body],
                )?;
            }
        }
        Dialect::Postgres => {
            for some in powers_of_two(entries, ROWS_MAX) {
                let mut query = Query::new("INSERT INTO entry_words (rowid, words) VALUES ");
                for (i, (entry_id, words)) in some.iter().enumerate() {
                    query.push(if i == 0 { "(" } else { ", (" }).bind(*entry_id);
                    query.push(", CAST(CAST(").bind(vector(words)).push(" AS TEXT) AS TSVECTOR))");
                }
                tx.execute(query.sql(), query.params())?;
            }
        }
    }
    Ok(())
}
/// Of letters and digits alone, so quoting is a pair of apostrophes. Past 16,383 a position is taken for that, which
/// PostgreSQL does by itself.
fn vector(words: &str) -> String {
    let mut vector = String::new();
    for (i, word) in cut(words, WORDS_MAX).concat().iter().enumerate() {
        let _ = write!(vector, "'{word}':{} ", i + 1);
    }
    vector
}

/// What the database finds wrong with the index. PostgreSQL looks at an index only where it is read.
pub(super) fn damage(tx: &mut Tx<'_>) -> Result<Option<String>> {
    if tx.dialect() == Dialect::Postgres {
        return Ok(None);
    }
    let said: Vec<(String,)> = tx.all("PRAGMA integrity_check('entry_words')", params![])?;
    Ok(said.into_iter().map(|(said,)| said).find(|said| said != "ok"))
}

/// What a person looks for: an entry matches that has all of these words, the last one by its beginning.
pub(super) struct Sought(Vec<Vec<String>>);
impl Sought {
    /// `None`: there is no word in it.
    pub(super) fn of(typed: &str) -> Option<Sought> {
        Some(cut(typed, QUERY_WORDS_MAX)).filter(|runs| !runs.is_empty()).map(Sought)
    }
    /// Pushes the condition on `entry_words w`.
    pub(super) fn matches(&self, dialect: Dialect, query: &mut Query<'_>) {
        match dialect {
            Dialect::Sqlite => query.push("w.entry_words MATCH ").bind(fts5(&self.0)),
            Dialect::Postgres => {
                query.push("w.words @@ CAST(CAST(").bind(tsquery(&self.0)).push(" AS TEXT) AS TSQUERY)")
            }
        };
    }
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
        } else if c.is_alphanumeric()
            && (word.len() < WORD_CHARS_MAX || word.chars().count() < WORD_CHARS_MAX)
        {
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
    // Nearly every letter is below all of them.
    c >= '\u{e00}'
        && c.is_alphanumeric()
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
}
