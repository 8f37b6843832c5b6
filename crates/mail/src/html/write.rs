//! A tree → the text it reads as, in pieces: what the markup itself says is quoted, and the rest.

use super::marks;
use super::piece::{Kind, Piece};
use super::tree::is_block;
use super::{Node, Tree};

/// The text in document order; the pieces joined are the whole text.
pub(crate) fn pieces(tree: &Tree) -> Vec<Piece> {
    let mut writer = Writer::default();
    writer.children(tree, Tree::ROOT);
    writer.done()
}

#[derive(Default)]
struct Writer {
    pieces: Vec<Piece>,
    /// Line being written, without its prefix.
    line: String,
    /// Its kind: that of its first word.
    line_kind: Option<Kind>,
    /// Empty lines owed before the next word.
    owed: usize,
    wrote: bool,
    blank_owed: bool,
    quote_depth: usize,
    line_depth: usize,
    quoted: usize,
    /// From a marker on everything is quoted.
    from_here: bool,
    preformatted: usize,
    lists: Vec<Option<usize>>,
}

/// Elements whose content nobody reads.
pub(super) fn is_unread(name: &str) -> bool {
    matches!(
        name,
        "script"
            | "style"
            | "title"
            | "head"
            | "template"
            | "noembed"
            | "noframes"
            | "iframe"
            | "object"
            | "svg"
            | "math"
            | "select"
            | "datalist"
            | "audio"
            | "video"
            | "applet"
    )
}

pub(super) fn is_hidden(node: &Node) -> bool {
    let style = node.attribute("style").unwrap_or("");
    node.attribute("hidden").is_some()
        || (style.len() < 4_000 && {
            let style: String =
                style.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
            style.contains("display:none") || style.contains("mso-hide:all")
        })
}

impl Writer {
    fn kind(&self) -> Kind {
        if self.quoted > 0 || self.from_here { Kind::Quoted } else { Kind::New }
    }

    fn children(&mut self, tree: &Tree, index: usize) {
        for child in tree.children(index) {
            self.node(tree, *child);
        }
    }

    fn node(&mut self, tree: &Tree, index: usize) {
        let Some(node) = tree.node(index) else { return };
        let Node::Element { name, .. } = node else {
            if let Node::Text(text) = node {
                self.text(text);
            }
            return;
        };
        if is_unread(name) || is_hidden(node) {
            return;
        }
        let mark = marks::of(tree, index);
        if mark == marks::Mark::FromHere {
            self.break_line(0);
            self.from_here = true;
        }
        let subtree = mark == marks::Mark::Subtree;
        if subtree {
            self.break_line(0);
            self.quoted += 1;
        }
        self.element(tree, index, name);
        if subtree {
            self.break_line(0);
            self.quoted -= 1;
        }
    }

    fn element(&mut self, tree: &Tree, index: usize, name: &str) {
        match name {
            "br" => self.new_line(),
            "hr" => {
                self.break_line(0);
                self.push("________________________________");
                self.break_line(0);
            }
            "img" => {
                // Pictures of faces carry the face as text; other texts of pictures are not the letter.
                let alt = tree.node(index).and_then(|n| n.attribute("alt")).unwrap_or("").trim();
                if !alt.is_empty() && alt.chars().count() <= 8 && !alt.chars().any(|c| c.is_ascii()) {
                    self.push(alt);
                }
            }
            "blockquote" => {
                self.break_line(0);
                self.quote_depth += 1;
                self.children(tree, index);
                self.break_line(0);
                self.quote_depth -= 1;
            }
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" => {
                // Outlook and others write each line as a paragraph without margins.
                let margin = usize::from(!marks::is_marginless(tree, index));
                self.break_line(margin);
                let list = match name {
                    "ul" => Some(None),
                    "ol" => Some(Some(0)),
                    _ => None,
                };
                let is_list = list.is_some();
                self.lists.extend(list);
                self.children(tree, index);
                if is_list {
                    self.lists.pop();
                }
                self.break_line(margin);
            }
            "li" => self.item(tree, index),
            "pre" | "xmp" | "textarea" | "plaintext" => {
                self.break_line(0);
                self.preformatted += 1;
                self.children(tree, index);
                self.preformatted -= 1;
                self.break_line(0);
            }
            "td" | "th" => {
                if !self.line.is_empty() {
                    self.blank_owed = true;
                }
                self.children(tree, index);
                self.blank_owed = true;
            }
            other if is_block(other) => {
                self.break_line(0);
                self.children(tree, index);
                self.break_line(0);
            }
            _ => self.children(tree, index),
        }
    }

    fn item(&mut self, tree: &Tree, index: usize) {
        self.break_line(0);
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{number}.")
            }
            _ => "•".to_owned(),
        };
        self.push(&marker);
        self.blank_owed = true;
        self.children(tree, index);
        self.break_line(0);
    }

    fn text(&mut self, text: &str) {
        if self.preformatted > 0 {
            let mut lines = text.split('\n').peekable();
            while let Some(line) = lines.next() {
                self.push(line.strip_suffix('\r').unwrap_or(line));
                if lines.peek().is_some() {
                    self.new_line();
                }
            }
            return;
        }
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        self.blank_owed |= text.starts_with(is_blank) && !self.line.is_empty();
        let mut first = true;
        for word in text.split(is_blank).filter(|w| !w.is_empty()) {
            if !first {
                self.blank_owed = true;
            }
            first = false;
            self.push(word);
        }
        self.blank_owed |= text.ends_with(is_blank) && !self.line.is_empty();
    }

    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.line_kind.is_none() {
            self.line_kind = Some(self.kind());
            self.line_depth = self.quote_depth;
        }
        if self.blank_owed && !self.line.is_empty() {
            self.line.push(' ');
        }
        self.blank_owed = false;
        self.line.extend(text.chars().filter(|c| !matches!(c, '\u{200b}' | '\u{ad}' | '\u{feff}')).map(
            |c| {
                if c == '\u{a0}' { ' ' } else { c }
            },
        ));
    }

    /// A line end that was written: an empty line stays one.
    fn new_line(&mut self) {
        if self.line_kind.is_none() {
            self.line_kind = Some(self.kind());
            self.line_depth = self.quote_depth;
        }
        self.end_line();
    }

    /// The border of a block: ends a line that has begun, and asks for `empty` empty lines.
    fn break_line(&mut self, empty: usize) {
        if self.line_kind.is_some() {
            self.end_line();
        }
        self.blank_owed = false;
        if self.wrote {
            self.owed = self.owed.max(empty);
        }
    }

    fn end_line(&mut self) {
        let kind = self.line_kind.take().unwrap_or(Kind::New);
        let line = std::mem::take(&mut self.line);
        let owed = std::mem::take(&mut self.owed);
        let prefix = "> ".repeat(self.line_depth.min(10));
        let prefix = prefix.as_str();
        let mut out = String::new();
        for _ in 0..owed {
            // An empty line between two levels belongs to the outer one.
            out.push_str(if self.line_depth <= self.quote_depth && self.line_depth > 0 {
                prefix.trim_end()
            } else {
                ""
            });
            out.push('\n');
        }
        let whole = format!("{prefix}{}", line.trim_end());
        out.push_str(whole.trim_end());
        out.push('\n');
        self.wrote = true;
        self.blank_owed = false;
        match self.pieces.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(&out),
            _ => self.pieces.push(Piece { kind, text: out }),
        }
    }

    fn done(mut self) -> Vec<Piece> {
        self.break_line(0);
        self.pieces
    }
}
