//! What an agent typed into the composer, as it came.
use crate::form::Form;
use desk::tickets::draft::{Draft, DraftFile};
use desk::tickets::entry::Kind;

/// The two things an agent writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    Reply,
    Note,
}
impl Writing {
    pub fn of(text: Option<&str>) -> Writing {
        if text == Some("note") { Writing::Note } else { Writing::Reply }
    }
    pub fn name(self) -> &'static str {
        match self {
            Writing::Reply => "reply",
            Writing::Note => "note",
        }
    }
    pub fn kind(self) -> Kind {
        match self {
            Writing::Reply => Kind::Reply,
            Writing::Note => Kind::Note,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    pub text: String,
    pub to: String,
    pub cc: String,
    /// The newest entry that was on the page.
    pub seen_entry_id: Option<i64>,
}
impl Typed {
    pub fn read(form: &Form) -> Typed {
        Typed {
            text: form.long_text("text"),
            to: form.text("to"),
            cc: with_ticked(&form.text("cc"), &form.all("offer")),
            seen_entry_id: form.number("seen"),
        }
    }
    pub fn draft(&self, files: Vec<DraftFile>, saved_at: i64) -> Draft {
        Draft { text: self.text.clone(), to: self.to.clone(), cc: self.cc.clone(), files, saved_at }
    }
}

/// People who were offered and ticked stand in Cc from then on, once.
fn with_ticked(cc: &str, ticked: &[&str]) -> String {
    let mut cc = cc.trim().trim_end_matches([',', ';']).trim_end().to_owned();
    for person in ticked.iter().map(|person| person.trim()).filter(|person| !person.is_empty()) {
        let address = person.rsplit_once('<').map_or(person, |(_, address)| address.trim_end_matches('>'));
        if cc.to_lowercase().contains(&address.to_lowercase()) {
            continue;
        }
        if !cc.is_empty() {
            cc.push_str(", ");
        }
        cc.push_str(person);
    }
    cc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_ticked_stands_in_cc_once() {
        assert_eq!(with_ticked("", &["Dana <dana@x.example>"]), "Dana <dana@x.example>");
        assert_eq!(with_ticked("a@x.example; ", &["b@x.example", ""]), "a@x.example, b@x.example");
        assert_eq!(with_ticked("Dana <DANA@x.example>", &["Dana <dana@x.example>"]), "Dana <DANA@x.example>");
    }

    #[test]
    fn what_was_typed_is_kept_as_it_was_typed() {
        let form = Form::new(vec![
            ("text".into(), "  Hello\r\n\r\nMaya ".into()),
            ("to".into(), " ann@x.example ".into()),
            ("seen".into(), "12".into()),
        ]);
        let typed = Typed::read(&form);
        assert_eq!(typed.text, "  Hello\n\nMaya ");
        assert_eq!((typed.to.as_str(), typed.seen_entry_id), ("ann@x.example", Some(12)));
    }
}
