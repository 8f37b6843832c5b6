//! All that the parts of a letter hold, also what no reader is shown: for telling whether another one says the same.

use std::collections::HashSet;

use super::{ENCODED_TEXT_BYTES_MAX, Layout, Text, attachment, kind, lay_out, text_of};
use crate::message::{Attachment, Defect};
use crate::mime::Parts;
use crate::word::Trouble;

/// The parts that have no parts, decoded, in their order.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    pub texts: Vec<String>,
    pub htmls: Vec<String>,
    pub files: Vec<Attachment>,
    /// They are not all that there was.
    pub is_cut: bool,
}

impl Leaves {
    pub(crate) fn of(parts: &Parts<'_>, trouble: &mut Trouble) -> Leaves {
        let mut layout = Layout::default();
        if !parts.list.is_empty() {
            lay_out(parts, &[0], "mixed", false, (true, true), &mut layout);
        }
        let attached: HashSet<usize> = layout.attached.into_iter().collect();
        let mut leaves = Leaves { is_cut: parts.over.is_some(), ..Leaves::default() };
        let mut defects = Vec::new();
        for (index, part) in parts.list.iter().enumerate() {
            if part.is_multipart {
                leaves.is_cut |= part.children.is_empty() && !part.body.trim_ascii().is_empty();
            } else if attached.contains(&index) {
                leaves.files.push(attachment(parts, part, &HashSet::new(), trouble));
            } else {
                leaves.is_cut |= part.body.len() >= ENCODED_TEXT_BYTES_MAX;
                let is_html = kind(part, index == 0) == Text::Html;
                let text = text_of(part, is_html, trouble, &mut defects);
                if is_html { leaves.htmls.push(text) } else { leaves.texts.push(text) }
            }
        }
        trouble.charset |= defects.contains(&Defect::BadCharset);
        leaves
    }
}
