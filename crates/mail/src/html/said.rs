//! All that HTML says, for telling whether another one says the same: its text, and what no text shows.

use super::write::{is_hidden, is_unread, pieces};
use super::{NODES_MAX, Node, Tree};

/// What HTML says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// As a reader has it.
    pub text: String,
    /// In its order: where links lead, which pictures it has and what they are called, what is in fields, what is hidden.
    /// Where that is not all known, the whole HTML without blanks.
    pub marks: Vec<String>,
}

/// Attributes that say something, and not only how it looks.
const SAYING: [&str; 16] = [
    "href",
    "src",
    "srcset",
    "background",
    "action",
    "formaction",
    "alt",
    "title",
    "value",
    "placeholder",
    "label",
    "data",
    "srcdoc",
    "poster",
    "aria-label",
    "xlink:href",
];

/// Elements whose text says nothing.
fn is_mute(name: &str) -> bool {
    matches!(name, "script" | "style" | "title" | "head")
}

impl Said {
    pub(crate) fn of(html: &str) -> Said {
        let tree = Tree::parse(html, NODES_MAX);
        let text = pieces(&tree).into_iter().map(|piece| piece.text).collect();
        let mut marks = Vec::new();
        if tree.is_whole() {
            walk(&tree, Tree::ROOT, false, &mut marks);
        } else {
            marks.push(html.split_whitespace().collect());
        }
        Said { text, marks }
    }
}

fn walk(tree: &Tree, index: usize, is_unseen: bool, marks: &mut Vec<String>) {
    match tree.node(index) {
        Some(Node::Text(text)) if is_unseen && !text.trim().is_empty() => marks.push(text.clone()),
        Some(Node::Text(_)) | None => {}
        Some(node @ Node::Element { name, attributes, .. }) => {
            if is_mute(name) {
                return;
            }
            let saying = attributes.iter().filter(|(name, _)| SAYING.contains(&name.as_str()));
            marks.extend(saying.map(|(name, value)| format!("{name}={value}")));
            let is_unseen = is_unseen || is_unread(name) || is_hidden(node);
            for child in tree.children(index) {
                walk(tree, *child, is_unseen, marks);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn what_no_text_shows_is_said_too() {
        let said = Said::of(
            "<meta charset=utf-8><style>p { color: red }</style><p class=x>Pay <a href='https://a.example/1'>here</a> \
             <img src=cid:a alt=Logo><i hidden>Secret</i><input value=7>",
        );
        assert_eq!(said.text.trim(), "Pay here");
        assert_eq!(said.marks, ["href=https://a.example/1", "src=cid:a", "alt=Logo", "Secret", "value=7"]);
    }

    #[test]
    fn html_that_is_not_known_as_a_whole_counts_as_it_stands() {
        let long =
            |data: &str| format!("<p>There: <img src='data:image/png;base64,{}{data}'>", "A".repeat(20_000));
        assert_ne!(Said::of(&long("B")).marks, Said::of(&long("C")).marks);
        assert_eq!(Said::of(&long("B")).marks, Said::of(&long("B\r\n")).marks);
        let many =
            |n: u8| format!("<p {} href='{n}'>x", (0..70).map(|i| format!("a{i}=1 ")).collect::<String>());
        assert_ne!(Said::of(&many(1)).marks, Said::of(&many(2)).marks);
    }
}
