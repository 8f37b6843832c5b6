//! Tags and text → a tree of bounded depth and size.  End tags that mail forgets are supplied.

use super::token::{Token, Tokens};

/// Elements in each other; a browser's parser walks up all of them at each block.
pub(crate) const DEPTH_MAX: usize = 100;
/// Nodes of a tree that is read for its text; a large newsletter has 20,000.
pub(crate) const NODES_MAX: usize = 200_000;
/// Open elements that an end tag or an implied end looks back over.
const LOOK_BACK: usize = 64;

#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Element { name: String, attributes: Vec<(String, String)>, children: Vec<usize> },
}

impl Node {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, wanted: &str) -> Option<&str> {
        match self {
            Node::Text(_) => None,
            Node::Element { attributes, .. } => {
                attributes.iter().find(|(n, _)| n == wanted).map(|(_, v)| v.as_str())
            }
        }
    }
}

/// The nodes; the first is the root, an element without name.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    is_cut: bool,
    has_dropped: bool,
}

impl Tree {
    pub(crate) const ROOT: usize = 0;

    pub(crate) fn parse(html: &str, nodes_max: usize) -> Tree {
        let root = Node::Element { name: String::new(), attributes: Vec::new(), children: Vec::new() };
        let mut builder = Builder { nodes: vec![root], open: vec![Self::ROOT] };
        let mut is_cut = false;
        let mut tokens = Tokens::new(html);
        for token in tokens.by_ref() {
            if builder.nodes.len() >= nodes_max {
                is_cut = true;
                break;
            }
            match token {
                Token::Text(text) => builder.text(text),
                Token::Start { name, attributes, closed } => builder.start(name, attributes, closed),
                Token::End(name) => builder.end(&name),
            }
        }
        Tree { nodes: builder.nodes, is_cut, has_dropped: tokens.has_dropped }
    }

    /// Was something left out because there was too much of it?
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Is all of the HTML in it, save for comments?
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_cut && !self.has_dropped
    }

    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    pub(crate) fn children(&self, index: usize) -> &[usize] {
        match self.nodes.get(index) {
            Some(Node::Element { children, .. }) => children,
            _ => &[],
        }
    }
}

/// Elements without content.
pub(crate) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "basefont"
            | "bgsound"
            | "br"
            | "col"
            | "embed"
            | "frame"
            | "hr"
            | "img"
            | "input"
            | "keygen"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Elements that begin a line of their own.
pub(crate) fn is_block(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "body"
            | "center"
            | "dd"
            | "details"
            | "dir"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "html"
            | "legend"
            | "li"
            | "main"
            | "menu"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "summary"
            | "table"
            | "tbody"
            | "tfoot"
            | "thead"
            | "tr"
            | "ul"
            | "xmp"
            | "caption"
            | "option"
            | "title"
            | "textarea"
    )
}

struct Builder {
    nodes: Vec<Node>,
    open: Vec<usize>,
}

impl Builder {
    fn append(&mut self, node: Node) -> usize {
        let index = self.nodes.len();
        let parent = self.open.last().copied().unwrap_or(Tree::ROOT);
        if let Some(Node::Element { children, .. }) = self.nodes.get_mut(parent) {
            children.push(index);
        }
        self.nodes.push(node);
        index
    }

    fn text(&mut self, text: String) {
        if !text.is_empty() {
            self.append(Node::Text(text));
        }
    }

    fn name_of(&self, level: usize) -> &str {
        match self.open.get(level).and_then(|i| self.nodes.get(*i)) {
            Some(Node::Element { name, .. }) => name,
            _ => "",
        }
    }

    /// The innermost open element of one of these names, if none of `stops` is further in.
    fn find_open(&self, names: &[&str], stops: &[&str]) -> Option<usize> {
        for level in (1..self.open.len()).rev().take(LOOK_BACK) {
            let name = self.name_of(level);
            if names.contains(&name) {
                return Some(level);
            }
            if stops.contains(&name) {
                return None;
            }
        }
        None
    }

    fn start(&mut self, name: String, attributes: Vec<(String, String)>, closed: bool) {
        if matches!(name.as_str(), "html" | "head") {
            return;
        }
        if name == "body" {
            // Its attributes are asked for what they would load; its content is that of the letter.
            self.append(Node::Element { name, attributes, children: Vec::new() });
            return;
        }
        const CELL: &[&str] = &["td", "th", "table", "caption", "button", "object"];
        let ends: Option<(&[&str], &[&str])> = match name.as_str() {
            "li" => Some((&["li"], &["ul", "ol", "menu", "dir", "td", "th", "table", "blockquote"])),
            "dt" | "dd" => Some((&["dt", "dd"], &["dl", "td", "th", "table"])),
            "td" | "th" => Some((&["td", "th"], &["tr", "table"])),
            "tr" => Some((&["tr"], &["table"])),
            "tbody" | "thead" | "tfoot" => Some((&["tbody", "thead", "tfoot"], &["table"])),
            "option" | "optgroup" => Some((&["option"], &["select"])),
            "a" => Some((&["a"], CELL)),
            block if is_block(block) => Some((&["p"], CELL)),
            _ => None,
        };
        if let Some(level) = ends.and_then(|(names, stops)| self.find_open(names, stops)) {
            self.open.truncate(level);
        }
        let is_empty = is_void(&name) || (closed && is_foreign(&name));
        let opens = !is_empty && self.open.len() < DEPTH_MAX;
        let index = self.append(Node::Element { name, attributes, children: Vec::new() });
        if opens {
            self.open.push(index);
        }
    }

    fn end(&mut self, name: &str) {
        let stops: &[&str] = match name {
            "table" | "html" | "body" => &[],
            "tr" | "tbody" | "thead" | "tfoot" | "td" | "th" => &["table"],
            _ => &["td", "th", "table"],
        };
        if name == "br" {
            self.append(Node::Element {
                name: name.to_owned(),
                attributes: Vec::new(),
                children: Vec::new(),
            });
        } else if let Some(level) = self.find_open(&[name], stops) {
            self.open.truncate(level);
        }
    }
}

/// Elements of XML that may close themselves (`<o:p/>`, `<path/>`); HTML's own may not.
fn is_foreign(name: &str) -> bool {
    name.contains(':') || matches!(name, "path" | "circle" | "rect" | "line" | "use" | "image" | "svg" | "g")
}
