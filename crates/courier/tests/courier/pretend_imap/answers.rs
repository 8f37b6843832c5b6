//! What a search finds and a fetch brings.
use super::{Letter, State};

pub(super) fn search(state: &State, criteria: &[&str]) -> String {
    let since = criteria.iter().position(|word| *word == "SINCE").and_then(|at| criteria.get(at + 1));
    let from = since.map_or(i64::MIN, |day| {
        let day = day.trim_matches('"');
        let date = jiff::civil::Date::strptime("%d-%b-%Y", day).unwrap();
        jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap().as_millisecond()
    });
    let set = criteria.iter().position(|word| *word == "UID").and_then(|at| criteria.get(at + 1));
    let last = state.letters.iter().map(|letter| letter.uid).max().unwrap_or(0);
    let within = uids(set.unwrap_or(&"1:*"), last);
    let subject = criteria.iter().position(|word| *word == "SUBJECT").and_then(|at| criteria.get(at + 1));
    let about = |letter: &Letter| {
        let head = String::from_utf8_lossy(&letter.bytes).to_ascii_uppercase().replace("\r\n ", " ");
        let line = head.lines().find(|line| line.starts_with("SUBJECT:")).unwrap_or_default().to_owned();
        state.finds_everything || subject.is_none_or(|words| line.contains(words.trim_matches('"')))
    };
    if subject.is_some() && state.hidden_from_subject_search {
        return String::new();
    }
    let found =
        state.letters.iter().filter(|letter| letter.at >= from && within(letter.uid) && about(letter));
    let found = found.filter(|letter| !state.unlisted.contains(&letter.uid));
    let found =
        found.filter(|letter| since.is_none() || !state.hidden_from_date_search.contains(&letter.uid));
    found.map(|letter| letter.uid.to_string()).collect::<Vec<_>>().join(" ")
}

pub(super) fn fetch(state: &mut State, tag: &str, set: &str, is_whole: bool) -> Option<Vec<u8>> {
    let wanted = uids(set, state.letters.last().map_or(0, |letter| letter.uid));
    let withheld = state.withheld.iter().filter(|_| is_whole);
    if state.refused.iter().chain(withheld).any(|uid| wanted(*uid)) {
        return Some(format!("{tag} NO this one is poisoned\r\n").into_bytes());
    }
    let mut answer = Vec::new();
    for (position, letter) in state.letters.iter().enumerate() {
        if !wanted(letter.uid) || state.skipped.contains(&letter.uid) {
            continue;
        }
        if !is_whole && state.undated.contains(&letter.uid) {
            continue;
        }
        if !is_whole {
            let date = internal_date(letter);
            let line = format!("* {} FETCH (UID {} INTERNALDATE \"{date}\")\r\n", position + 1, letter.uid);
            answer.extend_from_slice(line.as_bytes());
            continue;
        }
        if state.breaks_at.contains(&letter.uid) {
            state.is_last_word = true;
            return Some(answer);
        }
        if let Some(left) = &mut state.cut_after {
            if *left == 0 {
                state.cut_after = None;
                return None;
            }
            *left -= 1;
        }
        let date = internal_date(letter);
        let head = format!(
            "* {} FETCH (UID {} INTERNALDATE \"{date}\" BODY[] {{{}}}\r\n",
            position + 1,
            letter.uid,
            letter.bytes.len()
        );
        answer.extend_from_slice(head.as_bytes());
        answer.extend_from_slice(&letter.bytes);
        answer.extend_from_slice(b")\r\n");
    }
    answer.extend_from_slice(format!("{tag} OK done\r\n").as_bytes());
    Some(answer)
}

fn internal_date(letter: &Letter) -> String {
    jiff::Timestamp::from_millisecond(letter.at).unwrap().strftime("%d-%b-%Y %H:%M:%S +0000").to_string()
}

/// Whether a UID is in a set such as `1:3,7` or `5:*`.
pub(super) fn uids(set: &str, last: u32) -> impl Fn(u32) -> bool + use<> {
    let number = |text: &str| if text == "*" { last } else { text.parse().unwrap() };
    let ranges: Vec<(u32, u32)> = set
        .split(',')
        .map(|part| match part.split_once(':') {
            Some((from, to)) => (number(from).min(number(to)), number(from).max(number(to))),
            None => (number(part), number(part)),
        })
        .collect();
    move |uid| ranges.iter().any(|(from, to)| (*from..=*to).contains(&uid))
}
