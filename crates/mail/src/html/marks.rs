//! What the markup of mail programs says about quoting, so that no words have to be guessed.

use super::{Node, Tree};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    /// This element is quoted.
    Subtree,
    /// All that follows is quoted.
    FromHere,
}

/// Levels below Gmail's container in which its blockquote is looked for.
const GMAIL_DEPTH: usize = 3;
/// Nodes looked at for one such question.
const LOOK_MAX: usize = 200;

/// What an element says.
pub(crate) fn of(tree: &Tree, index: usize) -> Mark {
    let Some(node @ Node::Element { name, .. }) = tree.node(index) else { return Mark::None };
    let id = node.attribute("id").unwrap_or("");
    let class = node.attribute("class").unwrap_or("");
    let has_class = |wanted: &str| class.split_ascii_whitespace().any(|c| c == wanted);
    if matches!(
        id,
        "appendonsend"
            | "zwchr"
            | "divRplyFwdMsg"
            | "mail-editor-reference-message-container"
            | "OLK_SRC_BODY_SECTION"
    ) || id.ends_with("_divRplyFwdMsg")
        || id.ends_with("_appendonsend")
    {
        return Mark::FromHere;
    }
    match name.as_str() {
        "blockquote" => {
            let cited = node.attribute("type").is_some_and(|t| t.eq_ignore_ascii_case("cite"))
                || node.attribute("cite").is_some()
                || has_class("gmail_quote")
                || has_class("protonmail_quote")
                || has_class("tutanota_quote");
            if cited { Mark::Subtree } else { Mark::None }
        }
        // Zimbra's ruler is an `hr`; its id was asked above.
        "div" | "span" | "section" => container(tree, index, node, id, &has_class),
        _ => Mark::None,
    }
}

fn container(tree: &Tree, index: usize, node: &Node, id: &str, has_class: &dyn Fn(&str) -> bool) -> Mark {
    if has_class("gmail_quote") || has_class("gmail_quote_container") {
        // Answers written between the lines stand inside the container, beside its blockquotes.
        let mut looked = 0;
        return if has_blockquote(tree, index, GMAIL_DEPTH, &mut looked) {
            Mark::None
        } else {
            Mark::Subtree
        };
    }
    let quoted_class = [
        "gmail_attr",
        "gmail_extra_quote",
        "moz-cite-prefix",
        "moz-forward-container",
        "protonmail_quote",
        "yahoo_quoted",
        "WordSection1_quote",
        "zmail_extra",
        "ms-outlook-mobile-reference-message",
        "front-blockquote",
        "freshdesk_quote",
        "helpscout-quote",
        "mail_android_quote",
        "tutanota_quote",
    ];
    if quoted_class.iter().any(|c| has_class(c)) || id.contains("yahoo_quoted_") {
        return Mark::Subtree;
    }
    if node.attribute("name") == Some("quote") {
        return Mark::Subtree;
    }
    if is_outlook_border(node) { Mark::FromHere } else { Mark::None }
}

fn has_blockquote(tree: &Tree, index: usize, depth: usize, looked: &mut usize) -> bool {
    tree.children(index).iter().any(|child| {
        *looked += 1;
        if *looked > LOOK_MAX {
            return false;
        }
        match tree.node(*child) {
            Some(Node::Element { name, .. }) => {
                name == "blockquote" || (depth > 1 && has_blockquote(tree, *child, depth - 1, looked))
            }
            _ => false,
        }
    })
}

/// Outlook for the desktop draws a line above the header block of the letter answered.
fn is_outlook_border(node: &Node) -> bool {
    let style = node.attribute("style").unwrap_or("");
    if !style.contains("border-top") || style.len() > 1_000 {
        return false;
    }
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    // The color varies with the version, the padding does not.
    style.contains("border-top:solid") && style.contains("padding:3.0pt0")
}

/// A paragraph whose style says that no empty line is around it.
pub(crate) fn is_marginless(tree: &Tree, index: usize) -> bool {
    let Some(node) = tree.node(index) else { return false };
    let class = node.attribute("class").unwrap_or("");
    if class.starts_with("Mso") {
        return true;
    }
    let style = node.attribute("style").unwrap_or("");
    if style.is_empty() || style.len() > 2_000 {
        return false;
    }
    let style: String = style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    style.split(';').any(|d| {
        matches!(d, "margin:0" | "margin:0px" | "margin-bottom:0" | "margin-bottom:0px" | "margin-bottom:0cm")
            || d.starts_with("margin:0px0")
            || d.starts_with("margin:0cm")
            || d.starts_with("margin:0in")
            || d.starts_with("margin:00")
    })
}
