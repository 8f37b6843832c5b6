//! An examination as text.
use super::{Examination, Result};
use desk::mailboxes::mailbox::Side;
use std::fmt::Write as _;

pub(super) fn of(examination: &Examination) -> String {
    let at = jiff::Timestamp::from_millisecond(examination.at).map(|at| format!("{at:.0}"));
    let mut text = format!("{}, looked at {}\n", examination.address, at.unwrap_or_default());
    let mut side = None;
    for step in &examination.steps {
        if side != Some(step.side) {
            side = Some(step.side);
            text.push_str(match step.side {
                Side::Incoming => "\nIncoming\n",
                Side::Outgoing => "\nOutgoing\n",
            });
        }
        let (result, name) = (step.result.word(), step.link.name());
        let _ = writeln!(text, "  {result:<8}{name} ({} ms): {}", step.took.as_millis(), step.found);
        for more in [&step.detail, &step.remedy] {
            if !more.is_empty() {
                let _ = writeln!(text, "          {more}");
            }
        }
    }
    let broken: Vec<&str> = examination
        .steps
        .iter()
        .filter(|step| step.result == Result::Bad)
        .map(|step| step.link.name())
        .collect();
    let verdict = match broken.as_slice() {
        [] => "Nothing is broken.".to_owned(),
        links => format!("Broken: {}. What comes after a broken link was not looked at.", links.join(", ")),
    };
    let _ = writeln!(text, "\n{verdict}");
    text
}
