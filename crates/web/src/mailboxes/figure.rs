//! What the fetched folders hold on their server, set against what is held here, in one short line.
use crate::moment::Moment;
use crate::page::Page;
use desk::mailboxes::balance::{Asked, Balance, Counts};

#[derive(Clone, Debug)]
pub struct Figure {
    /// The folder's name; of several, none.
    pub folder: String,
    /// *1,204 on the server · 1,204 held · 0 unaccounted*
    pub words: String,
    pub compared: Option<Moment>,
    /// Why messages may be unaccounted, while any is.
    pub why: Option<String>,
    /// Why the folder alone is not fetched, where others are.
    pub trouble: String,
    /// Why it is not counted.
    pub notes: Vec<String>,
    /// The next round does what was asked for.
    pub is_asked: bool,
    /// And that is to fetch what is unaccounted.
    pub fetches: bool,
}
impl Figure {
    /// Of all folders together; `None`: nothing is known of them.
    pub fn of(balances: &[Balance], page: &Page) -> Option<Figure> {
        let is_known = balances.iter().any(|balance| balance.compared_at.is_some());
        let sum = |count: fn(&Counts) -> i64| balances.iter().map(|balance| count(&balance.counts)).sum();
        let counts = Counts {
            held: sum(|counts| counts.held),
            left: sum(|counts| counts.left),
            older: sum(|counts| counts.older),
            waiting: sum(|counts| counts.waiting),
            unaccounted: sum(|counts| counts.unaccounted),
        };
        let lacking = balances.iter().filter(|balance| balance.counts.unaccounted > 0);
        let why = lacking.map(Balance::lacks).collect::<Vec<_>>().join(" ");
        let of_several = balances.len() > 1;
        Some(Figure {
            folder: if of_several { String::new() } else { balances.first()?.folder.clone() },
            words: if is_known { words(&counts) } else { "not counted yet".to_owned() },
            compared: balances
                .iter()
                .filter_map(|balance| balance.compared_at)
                .min()
                .map(|at| page.moment(&at)),
            why: Some(why).filter(|why| !why.is_empty()),
            trouble: balances
                .first()
                .filter(|_| !of_several)
                .map(|of| of.trouble.clone())
                .unwrap_or_default(),
            notes: balances.iter().filter_map(|balance| note(balance, of_several)).collect(),
            is_asked: balances.iter().any(|balance| balance.asked != Asked::Nothing),
            fetches: balances.iter().any(|balance| balance.asked == Asked::Fetch),
        })
    }
}
fn words(counts: &Counts) -> String {
    let mut words = format!("{} on the server · {} held", said(counts.on_server()), said(counts.held));
    for (count, what) in [
        (counts.left, "left there"),
        (counts.older, "older than the start"),
        (counts.waiting, "on their way"),
    ] {
        if count > 0 {
            words += &format!(" · {} {what}", said(count));
        }
    }
    words + &format!(" · {} unaccounted", said(counts.unaccounted))
}

fn note(balance: &Balance, of_several: bool) -> Option<String> {
    let name = if of_several { format!("The folder {}", balance.folder) } else { "It".to_owned() };
    let why = Some(&balance.uncounted).filter(|why| !why.is_empty())?;
    Some(format!("{name} cannot be counted: {why}"))
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
