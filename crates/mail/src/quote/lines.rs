//! Which lines are quoted, and which are signature, by their words and by `>`.

use super::words::{self, HeaderLine};
use crate::html::piece::Kind;

/// Lines an attribution may be broken into.
const ATTRIBUTION_LINES: usize = 4;
/// Lines within which a header block is whole.
const HEADER_BLOCK_LINES: usize = 10;
/// Lines of a signature below `--` that lost its blank; more is a letter that used it as a ruler.
const SIGNATURE_LINES: usize = 15;

/// Lines of the footer of a mailing list.
const FOOTER_LINES: usize = 12;

/// The kind of every line; what the caller knows to be quoted stays so.
pub(crate) fn classify(lines: &[(&str, Kind)]) -> Vec<Kind> {
    let texts: Vec<&str> = lines.iter().map(|(line, _)| line.trim()).collect();
    let mut kinds: Vec<Kind> = lines
        .iter()
        .map(|(line, known)| if line.trim_start().starts_with('>') { Kind::Quoted } else { *known })
        .collect();
    if let Some(start) = history_start(&texts, &kinds) {
        kinds.iter_mut().skip(start).for_each(|k| *k = Kind::Quoted);
    }
    attributions(&texts, &mut kinds);
    blanks_between(&texts, &mut kinds);
    signatures(lines, &texts, &mut kinds);
    kinds
}

fn text<'a>(texts: &[&'a str], at: usize) -> &'a str {
    texts.get(at).copied().unwrap_or("")
}

/// The first line from which on everything is an earlier letter, if new words stand above it.
fn history_start(texts: &[&str], kinds: &[Kind]) -> Option<usize> {
    let mut has_words = false;
    for (at, line) in texts.iter().enumerate() {
        if kinds.get(at) != Some(&Kind::New) {
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if begins_history(texts, kinds, at) {
            // A letter that begins with an earlier one is a forwarded one: nothing would be left above.
            return has_words.then_some(at);
        }
        has_words |= line.chars().any(char::is_alphanumeric);
    }
    None
}

fn begins_history(texts: &[&str], kinds: &[Kind], at: usize) -> bool {
    let line = text(texts, at);
    if words::is_ruler(line) {
        return true;
    }
    let is_underscore_rule = line.len() >= 20 && line.chars().all(|c| c == '_');
    if is_underscore_rule {
        return (at + 1..at + 4).any(|next| is_header_block(texts, next));
    }
    if is_header_block(texts, at) {
        return true;
    }
    // An attribution over lines without `>`: programs that do not mark what they quote.
    let is_one = |line: &str| words::is_dated(line) && words::is_strong_attribution(line);
    attribution_length(texts, at, &is_one).is_some_and(|length| {
        let next = (at + length..texts.len()).find(|i| !text(texts, *i).is_empty());
        next.is_some_and(|next| kinds.get(next) == Some(&Kind::New))
    })
}

/// Three lines of a header near each other, one of which says From.
fn is_header_block(texts: &[&str], at: usize) -> bool {
    let Some(first) = words::header_line(text(texts, at)) else { return false };
    let mut found: Vec<HeaderLine> = vec![first];
    for next in at + 1..at + HEADER_BLOCK_LINES {
        let line = text(texts, next);
        if line.is_empty() && found.len() > 1 {
            break;
        }
        if let Some(kind) = words::header_line(line).filter(|k| !found.contains(k)) {
            found.push(kind);
        }
    }
    found.len() >= 3 && found.contains(&HeaderLine::From)
}

/// Lines of the attribution that begins at `at`.
fn attribution_length(texts: &[&str], at: usize, is_one: &dyn Fn(&str) -> bool) -> Option<usize> {
    let mut joined = String::new();
    for length in 1..=ATTRIBUTION_LINES {
        let line = text(texts, at + length - 1);
        if line.is_empty() || joined.len() + line.len() > words::LINE_CHARS_MAX {
            return None;
        }
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(line);
        if line.ends_with([':', '：']) {
            return is_one(&joined).then_some(length);
        }
    }
    None
}

/// The attribution directly above quoted lines belongs to them.
fn attributions(texts: &[&str], kinds: &mut [Kind]) {
    let starts: Vec<usize> = (1..kinds.len())
        .filter(|i| kinds.get(*i) == Some(&Kind::Quoted) && kinds.get(i - 1) == Some(&Kind::New))
        .collect();
    for start in starts {
        let Some(last) = (start.saturating_sub(3)..start).rev().find(|i| !text(texts, *i).is_empty()) else {
            continue;
        };
        let is_new = |i: &usize| kinds.get(*i) == Some(&Kind::New);
        let line = text(texts, last);
        if !(line.ends_with([':', '：']) || words::is_bare_attribution(line)) || !is_new(&last) {
            continue;
        }
        // The whole of it begins with a word such as On; else the one line is taken.
        let earliest = last.saturating_sub(ATTRIBUTION_LINES - 1);
        let strong = (earliest..=last).find(|first| {
            (*first..=last).all(|i| is_new(&i))
                && attribution_length(texts, *first, &words::is_strong_attribution) == Some(last - first + 1)
        });
        let weak = words::is_weak_attribution(line) || words::is_bare_attribution(line);
        let begin = strong.or_else(|| weak.then_some(last));
        if let Some(begin) = begin {
            kinds.iter_mut().take(start).skip(begin).for_each(|k| *k = Kind::Quoted);
        }
    }
}

/// Empty lines between quoted lines are quoted.
fn blanks_between(texts: &[&str], kinds: &mut [Kind]) {
    let mut last_quoted: Option<usize> = None;
    for at in 0..kinds.len() {
        if kinds.get(at) == Some(&Kind::Quoted) {
            if let Some(previous) = last_quoted
                && previous + 1 < at
            {
                kinds.iter_mut().take(at).skip(previous + 1).for_each(|k| *k = Kind::Quoted);
            }
            last_quoted = Some(at);
        } else if !text(texts, at).is_empty() {
            last_quoted = None;
        }
    }
}

/// What stands under `-- `, or is a line that a program adds, at the end of each run of new lines.
fn signatures(lines: &[(&str, Kind)], texts: &[&str], kinds: &mut [Kind]) {
    let mut start = 0;
    while start < kinds.len() {
        if kinds.get(start) != Some(&Kind::New) {
            start += 1;
            continue;
        }
        let end = (start..kinds.len()).find(|i| kinds.get(*i) != Some(&Kind::New)).unwrap_or(kinds.len());
        if let Some(begin) = signature_start(lines, texts, start, end) {
            kinds.iter_mut().take(end).skip(begin).for_each(|k| *k = Kind::Signature);
        }
        start = end;
    }
}

fn signature_start(lines: &[(&str, Kind)], texts: &[&str], start: usize, end: usize) -> Option<usize> {
    let is_separator = |at: usize| {
        let line = lines.get(at).map_or("", |(line, _)| line.trim_end_matches(['\r', '\n']));
        line == "-- " || (line == "--" && end - at <= SIGNATURE_LINES)
    };
    if let Some(separator) = (start..end).find(|at| is_separator(*at)) {
        return Some(separator);
    }
    if let Some(footer) = list_footer(texts, start, end) {
        return Some(footer);
    }
    let last = (start..end).rev().filter(|at| !text(texts, *at).is_empty()).take(2);
    last.filter(|at| words::is_program_line(text(texts, *at))).last()
}

/// The ruler above what a mailing list appends.
fn list_footer(texts: &[&str], start: usize, end: usize) -> Option<usize> {
    let from = end.saturating_sub(FOOTER_LINES).max(start);
    let ruler = (from..end).find(|at| {
        let line = text(texts, *at);
        line.len() >= 30 && line.chars().all(|c| c == '_')
    })?;
    let says_list = (ruler + 1..end).any(|at| {
        let line = text(texts, at).to_lowercase();
        line.contains("mailing list") || line.contains("listinfo") || line.contains("unsubscribe")
    });
    says_list.then_some(ruler)
}
