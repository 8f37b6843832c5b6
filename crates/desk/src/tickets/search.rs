//! Finding tickets by number, address, and words. How words are cut and matched is in `words`.
use super::queue::{self, After, Page, Wanted};
use super::words::Sought;
use crate::db::Query;
use crate::{Result, db::Tx, params, people::viewer::Viewer};

/// Only the newest entries that match are looked at, so that a word which is everywhere costs a bounded time.
const MATCHES_MAX: i64 = 2000;

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
    let Some(sought) = Sought::of(typed) else {
        return Ok(Page { lines: Vec::new(), next: None });
    };
    let mut lines = queue::lines(viewer);
    lines.push(" AND t.id IN (SELECT e.ticket_id FROM entry e WHERE e.id IN (SELECT w.rowid FROM entry_words w WHERE ");
    sought.matches(tx.dialect(), &mut lines);
    lines.push(" ORDER BY w.rowid DESC LIMIT ").bind(MATCHES_MAX).push("))");
    wanted.narrow(&mut lines);
    queue::finish(tx, viewer, lines, after, limit)
}
/// The newest entries that hold all of these words, subject and people included.
pub fn entries_for_system(tx: &mut Tx<'_>, words: &str) -> Result<Vec<i64>> {
    let Some(sought) = Sought::of(words) else { return Ok(Vec::new()) };
    let mut query = Query::new("SELECT w.rowid FROM entry_words w WHERE ");
    sought.matches(tx.dialect(), &mut query);
    query.push(" ORDER BY w.rowid DESC LIMIT ").bind(MATCHES_MAX);
    Ok(tx.all::<(i64,)>(query.sql(), query.params())?.into_iter().map(|(id,)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_with_or_without_its_sign() {
        for typed in ["10001", "#10001", "[#10001]"] {
            assert_eq!(number(typed), Some("10001"));
        }
        assert_eq!(number("10001 x"), None);
        assert_eq!(number("#"), None);
    }
}
