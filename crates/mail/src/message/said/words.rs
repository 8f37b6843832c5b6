//! The words of a text, as far as it takes to tell whether another one has the same, save for lines at its beginning or end.

use sha2::{Digest as _, Sha256};

use super::Hash;

/// Lines that are more or less in one of two letters, and their bytes.
const LINES_MAX: usize = 8;
const LINES_BYTES_MAX: usize = 2_000;

/// Hashes, however long the text is. Blanks, and where its lines end, make no difference.
#[derive(Debug)]
pub(super) struct Words {
    all: Hash,
    pub is_empty: bool,
    /// The first line, the first two, …; and the last.
    begins: Vec<Edge>,
    ends: Vec<Edge>,
}

#[derive(Debug)]
struct Edge {
    lines: String,
    /// Of the words that are not in them.
    rest: Hash,
}

/// Lines at the beginning or end of a text that another one has not; at most eight, and 2,000 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Added {
    lines: String,
    at_end: bool,
    /// The earlier text has them.
    is_taken_away: bool,
}

impl Words {
    pub(super) fn of(text: &str) -> Words {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let edges = |is_end: bool| {
            let most = LINES_MAX.min(lines.len());
            let edge = |count: usize| {
                let at = if is_end { lines.len() - count } else { count };
                let (first, last) = lines.split_at(at);
                let (edge, rest) = if is_end { (last, first) } else { (first, last) };
                let bytes: usize = edge.iter().map(|line| line.len()).sum();
                (bytes <= LINES_BYTES_MAX).then(|| Edge { lines: tidy(edge), rest: hash(rest) })
            };
            (1..=most).map_while(edge).collect()
        };
        Words { all: hash(&lines), is_empty: lines.is_empty(), begins: edges(false), ends: edges(true) }
    }

    /// What the later one has more or less; `None`: they say different things.
    pub(super) fn difference(&self, later: &Words) -> Option<Option<Added>> {
        if self.all == later.all {
            return Some(None);
        }
        let of = |long: &Words, short: &Words, is_taken_away: bool| {
            let edges = [(&long.begins, false), (&long.ends, true)];
            edges.into_iter().find_map(|(edges, at_end)| {
                let edge = edges.iter().find(|edge| edge.rest == short.all)?;
                Some(Added { lines: edge.lines.clone(), at_end, is_taken_away })
            })
        };
        of(later, self, false).or_else(|| of(self, later, true)).map(Some)
    }
}

fn hash(lines: &[&str]) -> Hash {
    let mut hash = Sha256::new();
    for word in lines.iter().flat_map(|line| line.split_whitespace()) {
        hash.update(word);
        hash.update(b" ");
    }
    hash.finalize().into()
}

fn tidy(lines: &[&str]) -> String {
    let line = |line: &&str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(lines: &str, at_end: bool, is_taken_away: bool) -> Option<Option<Added>> {
        Some(Some(Added { lines: lines.to_owned(), at_end, is_taken_away }))
    }
    fn difference(one: &str, later: &str) -> Option<Option<Added>> {
        Words::of(one).difference(&Words::of(later))
    }

    #[test]
    fn lines_at_one_edge_are_named_and_anything_else_is_another_text() {
        assert_eq!(difference("a b\nc", " a\u{a0}b\n\n\nc\n"), Some(None));
        assert_eq!(difference("a b\nc", "a\nb c"), Some(None), "written into other lines");
        assert_eq!(
            difference("a\nb", "a\nb\n--\nScanned  by Box\n"),
            added("--\nScanned by Box", true, false)
        );
        assert_eq!(difference("a\nb", "[External]\na b"), added("[External]", false, false));
        assert_eq!(difference("a\nb\nc", "a b"), added("c", true, true));
        for later in ["a\nx\nb", "x\na\nb\ny", "a\nb x", "a"] {
            assert_eq!(difference("a\nb", later).is_some(), later == "a", "{later}");
        }
    }

    #[test]
    fn no_more_than_a_handful_of_lines_are_looked_for() {
        let more = |lines: usize, line: &str| format!("a\n{}", format!("{line}\n").repeat(lines));
        assert!(difference("a", &more(LINES_MAX, "x")).is_some());
        assert_eq!(difference("a", &more(LINES_MAX + 1, "x")), None);
        assert!(difference("a", &more(1, &"x".repeat(LINES_BYTES_MAX))).is_some());
        assert_eq!(difference("a", &more(1, &"x".repeat(LINES_BYTES_MAX + 1))), None);
    }
}
