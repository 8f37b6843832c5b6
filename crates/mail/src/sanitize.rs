//! Hostile HTML → HTML that may be shown in the agent's page.
//!
//! Two walls: our own tree is written anew with only what the lists below name, and ammonia (html5ever, the
//! parser of a browser) reads the result with the same lists.  What passes has no active content and loads
//! nothing from elsewhere; the frame around it has a policy of its own (invariant 10).

mod remote;
mod rules;
mod style;

use std::collections::HashSet;

use crate::html::{Node, Tree, escape};

/// Rises with every change of the rules: cached results of an older version are made anew.
pub const VERSION: u32 = 1;

/// Ids and names of the mail live behind this prefix, so that they cannot name anything of the page.
pub const ID_PREFIX: &str = "mail-";

/// HTML that may be shown, and what was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clean {
    pub html: String,
    /// Remote loads taken out (pictures, backgrounds, fonts…).
    pub remote_images: u32,
    /// The letter was too long to be shown whole; its text and its source are.
    pub is_cut: bool,
}

/// Bytes of HTML that are shown; Gmail shows a tenth of this.
const HTML_BYTES_MAX: usize = 1 << 20;
/// Bytes of a text in one node, when it is full of references.
const TEXT_NODE_BYTES: usize = 4_000;
/// Nodes that are shown.
const NODES_MAX: usize = 60_000;

/// Cleans `html`.  `cid` gives the address to load an inline picture from (its Content-ID without `cid:`);
/// `None` leaves the picture without a source.
#[must_use]
pub fn sanitize(html: &str, cid: &dyn Fn(&str) -> Option<String>) -> Clean {
    let end = (0..=HTML_BYTES_MAX.min(html.len())).rev().find(|at| html.is_char_boundary(*at)).unwrap_or(0);
    let shown = html.get(..end).unwrap_or_default();
    let mut sources = HashSet::new();
    let first = pass(shown, cid, &mut sources);
    let clean = Clean { is_cut: first.is_cut || end < html.len(), ..first };
    let mut html = clean.html;
    // What a browser makes of the result must be the result: reading it again may change nothing.
    for _ in 0..PASSES_MAX {
        let again = pass(&html, &|_| None, &mut sources).html;
        if again == html {
            return Clean { html, ..clean };
        }
        html = again;
    }
    let words = crate::html::from_text(&crate::html::text(&html));
    Clean { html: pass(&words, &|_| None, &mut sources).html, ..clean }
}

/// Readings until a letter must have come to rest; twisted tables need three.
const PASSES_MAX: usize = 6;

/// Both walls once.
fn pass(html: &str, cid: &dyn Fn(&str) -> Option<String>, sources: &mut HashSet<String>) -> Clean {
    let tree = Tree::parse(html, NODES_MAX);
    let mut writer = Writer { tree: &tree, cid, out: String::new(), remote: 0, sources };
    writer.children(Tree::ROOT);
    let Writer { out, remote, .. } = writer;
    let is_cut = tree.is_cut();
    drop(tree);
    Clean { html: second_wall(&out, sources), remote_images: remote, is_cut }
}

struct Writer<'a> {
    tree: &'a Tree,
    cid: &'a dyn Fn(&str) -> Option<String>,
    out: String,
    remote: u32,
    /// Addresses that `cid` gave: the only sources that pass.
    sources: &'a mut HashSet<String>,
}

impl Writer<'_> {
    fn children(&mut self, index: usize) {
        for child in self.tree.children(index) {
            self.node(*child);
        }
    }

    fn node(&mut self, index: usize) {
        let Some(node) = self.tree.node(index) else { return };
        let (name, attributes) = match node {
            Node::Text(text) => {
                self.text(text);
                return;
            }
            Node::Element { name, attributes, .. } => (name.as_str(), attributes),
        };
        self.remote += remote::loads(name, attributes);
        if rules::is_dropped(name) {
            self.remote += remote::loads_within(self.tree, index);
            return;
        }
        if !rules::is_allowed(name) {
            self.children(index);
            return;
        }
        self.out.push('<');
        self.out.push_str(name);
        let is_outlook_paragraph = name == "p"
            && node.attribute("class").is_some_and(|c| c.starts_with("Mso"))
            && node.attribute("style").is_none();
        if is_outlook_paragraph {
            // Outlook's paragraphs have no margins by its style sheet, which is not shown.
            self.out.push_str(" style=\"margin:0\"");
        }
        for (attribute, value) in attributes {
            if let Some(value) = self.attribute(name, attribute, value) {
                self.out.push_str(&format!(" {attribute}=\"{}\"", escape(&value)));
            }
        }
        self.out.push('>');
        if !rules::is_void(name) {
            let before = self.out.len();
            self.children(index);
            if name == "pre" && self.out.get(before..).is_some_and(|text| text.starts_with('\n')) {
                // Parsers drop a line end behind `<pre>`, one each time.
                let text = self.out.split_off(before);
                self.out.push_str(text.trim_start_matches('\n'));
            }
            self.out.push_str(&format!("</{name}>"));
        }
    }

    /// Text; html5ever writes a long one with many references in the square of its length, so that such a
    /// text is put in boxes.
    fn text(&mut self, text: &str) {
        let is_costly = text.len() > TEXT_NODE_BYTES
            && text.chars().filter(|c| matches!(c, '&' | '\u{80}'..='\u{bf}')).count() > TEXT_NODE_BYTES / 16;
        if !is_costly {
            self.out.push_str(&escape(text));
            return;
        }
        let mut rest = text;
        while !rest.is_empty() {
            let end = (0..=TEXT_NODE_BYTES.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at));
            let (box_text, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
            self.out.push_str("<span>");
            self.out.push_str(&escape(box_text));
            self.out.push_str("</span>");
            rest = after;
        }
    }

    fn attribute(&mut self, element: &str, attribute: &str, value: &str) -> Option<String> {
        if attribute == "src" && element == "img" {
            if self.sources.contains(value) {
                return Some(value.to_owned());
            }
            let id = remote::cid(value)?;
            let source = (self.cid)(&id)?;
            self.sources.insert(source.clone());
            return Some(source);
        }
        rules::attribute(element, attribute, value)
    }
}

/// Ammonia, told the same lists; every attribute is asked again.
fn second_wall(html: &str, sources: &HashSet<String>) -> String {
    let sources: HashSet<String> = sources.clone();
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(rules::ALLOWED.iter().copied().collect())
        .generic_attributes(rules::GENERIC.iter().copied().collect())
        .tag_attributes(rules::tag_attributes())
        .url_schemes(["http", "https", "mailto", "tel", "cid"].into())
        .url_relative(ammonia::UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer nofollow"))
        .set_tag_attribute_value("a", "target", "_blank")
        .strip_comments(true)
        .attribute_filter(move |element, attribute, value| {
            if attribute == "src" {
                return sources.contains(value).then(|| value.into());
            }
            if attribute == "target" || attribute == "rel" {
                // Ammonia's own: the first wall lets neither through.
                return Some(value.into());
            }
            rules::attribute(element, attribute, value).map(Into::into)
        });
    builder.clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(html: &str) -> Clean {
        sanitize(html, &|id| Some(format!("cid:{id}")))
    }

    fn check(html: &str, expected: &str) {
        let first = clean(html);
        assert_eq!(first.html, expected, "{html}");
        assert_eq!(clean(&first.html).html, expected, "not a fixed point: {html}");
    }

    #[test]
    fn active_content_does_not_pass() {
        check("<p>a<script>alert(1)</script>b</p>", "<p>ab</p>");
        check("<img src=x onerror=alert(1)>", "<img>");
        check("<svg><a xlink:href='javascript:alert(1)'>x</a></svg>y", "y");
        check(
            "<a href='java&#10;script:alert(1)'>x</a>",
            "<a target=\"_blank\" rel=\"noopener noreferrer nofollow\">x</a>",
        );
        check("<iframe src=//evil.example></iframe><object data=x></object>z", "z");
        check("<form action=//evil.example><input name=password><button>go</button></form>", "go");
        check(
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "",
        );
        check("<style>@import url(//evil.example/x.css)</style><b>x</b>", "<b>x</b>");
        check("<meta http-equiv=refresh content='0;url=//evil.example'>x<base href=//evil.example>", "x");
        check("<div style=\"position:fixed;top:0;color:red\">x</div>", "<div style=\"color:red\">x</div>");
    }

    #[test]
    fn remote_pictures_are_taken_out_and_counted() {
        let out = clean(
            "<table background='http://evil.example/1'><tr><td style='background-image:url(//evil.example/2)'>\
             <img src='https://evil.example/3.gif' width=1><img src='cid:logo@x' alt=L><img src='/local'>\
             <img srcset='https://evil.example/4 2x'></td></tr></table>",
        );
        assert_eq!(out.remote_images, 4);
        assert!(!out.html.contains("evil.example"), "{}", out.html);
        assert!(out.html.contains("<img src=\"cid:logo@x\" alt=\"L\">"), "{}", out.html);
    }

    #[test]
    fn links_ids_and_names_are_made_harmless() {
        check(
            "<a href='https://x.org/?a=1&b=2' id=top name=n>x</a>",
            "<a href=\"https://x.org/?a=1&amp;b=2\" id=\"mail-top\" name=\"mail-n\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">x</a>",
        );
        check(
            "<a href='#top'>x</a>",
            "<a href=\"#mail-top\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">x</a>",
        );
    }
}
