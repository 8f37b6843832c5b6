//! An examination as text.
use super::{Examination, Part};
use std::fmt::Write as _;

pub(super) fn of(examination: &Examination) -> String {
    let at = jiff::Timestamp::from_millisecond(examination.at).map(|at| format!("{at:.0}"));
    let mut text = format!("{}, looked at {}\n", examination.address, at.unwrap_or_default());
    let mut part: Option<Part> = None;
    for step in &examination.steps {
        if part != Some(step.part) {
            part = Some(step.part);
            let _ = writeln!(text, "\n{}", step.part.name());
        }
        let (result, name) = (step.result.word(), step.link.name());
        let _ = writeln!(text, "  {result:<8}{name} ({} ms): {}", step.took.as_millis(), step.found);
        for more in [&step.detail, &step.remedy] {
            for line in more.lines() {
                let _ = writeln!(text, "          {line}");
            }
        }
        if let Some(publish) = &step.publish {
            let _ = writeln!(text, "          {} TXT \"{}\"", publish.name, publish.value);
        }
        for line in &step.lines {
            let _ = writeln!(text, "          | {line}");
        }
    }
    let _ = writeln!(text, "\n{}", examination.verdict());
    text
}
