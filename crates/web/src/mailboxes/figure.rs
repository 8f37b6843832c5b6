//! What the fetched folder holds on its server, set against what is held here, in one short line.
use crate::moment::Moment;
use crate::page::Page;
use desk::mailboxes::balance::{Asked, Balance};

#[derive(Clone, Debug)]
pub struct Figure {
    /// *1,204 on the server · 1,204 held · 0 unaccounted*
    pub words: String,
    pub compared: Option<Moment>,
    /// Why messages may be unaccounted, while any is.
    pub why: Option<String>,
    /// The next round does what was asked for.
    pub is_asked: bool,
}
impl Figure {
    pub fn of(balance: &Balance, page: &Page) -> Figure {
        let counts = &balance.counts;
        let mut words = format!("{} on the server · {} held", said(counts.on_server()), said(counts.held));
        for (count, what) in [(counts.older, "older than the start"), (counts.waiting, "on their way")] {
            if count > 0 {
                words += &format!(" · {} {what}", said(count));
            }
        }
        words += &format!(" · {} unaccounted", said(counts.unaccounted));
        Figure {
            words,
            compared: balance.compared_at.map(|at| page.moment(&at)),
            why: (counts.unaccounted > 0).then(|| balance.lacks()),
            is_asked: balance.asked != Asked::Nothing,
        }
    }
}

/// With a comma between thousands.
fn said(count: i64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_told_apart() {
        for (count, words) in [(0, "0"), (999, "999"), (1_204, "1,204"), (1_000_000, "1,000,000")] {
            assert_eq!(super::said(count), words);
        }
    }
}
