//! The lists: which elements and attributes of mail are shown.

use std::collections::{HashMap, HashSet};

use super::{ID_PREFIX, style};
pub(crate) use crate::html::is_void;

/// Elements that are shown; of others the content is, unless it is dropped.
pub(crate) const ALLOWED: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];

/// Attributes of every element.
pub(crate) const GENERIC: &[&str] =
    &["align", "bgcolor", "dir", "height", "id", "lang", "style", "title", "valign", "width"];

const OF_ELEMENT: &[(&str, &[&str])] = &[
    ("a", &["href", "name"]),
    ("img", &["src", "alt", "border", "hspace", "vspace"]),
    ("table", &["border", "cellpadding", "cellspacing", "rules", "frame", "summary"]),
    ("td", &["colspan", "rowspan", "nowrap", "headers", "scope", "abbr"]),
    ("th", &["colspan", "rowspan", "nowrap", "headers", "scope", "abbr"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("font", &["color", "face", "size"]),
    ("ol", &["start", "type", "reversed"]),
    ("ul", &["type"]),
    ("li", &["type", "value"]),
    ("hr", &["size", "color", "noshade"]),
    ("details", &["open"]),
    ("time", &["datetime"]),
];

/// Longest value of an attribute other than `href`, `style`, `alt` and `title`.
const PLAIN_BYTES_MAX: usize = 200;

pub(crate) fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name)
}

/// Elements that go with their content.
pub(crate) fn is_dropped(name: &str) -> bool {
    matches!(
        name,
        "script"
            | "style"
            | "title"
            | "template"
            | "noembed"
            | "noframes"
            | "iframe"
            | "frame"
            | "frameset"
            | "object"
            | "embed"
            | "applet"
            | "svg"
            | "math"
            | "audio"
            | "video"
            | "canvas"
            | "select"
            | "datalist"
            | "base"
            | "meta"
            | "link"
            | "param"
            | "source"
            | "track"
            | "input"
            | "keygen"
            | "isindex"
            | "xml"
            | "dialog"
            | "portal"
            | "plaintext"
            | "xmp"
            | "head"
    )
}

pub(crate) fn tag_attributes() -> HashMap<&'static str, HashSet<&'static str>> {
    OF_ELEMENT.iter().map(|(element, list)| (*element, list.iter().copied().collect())).collect()
}

/// The value that is shown, if the attribute is.  Asking with the answer gives the answer again.
pub(crate) fn attribute(element: &str, name: &str, value: &str) -> Option<String> {
    let known =
        GENERIC.contains(&name) || OF_ELEMENT.iter().any(|(e, list)| *e == element && list.contains(&name));
    if !known {
        return None;
    }
    match name {
        "style" => Some(style::filter(value)).filter(|s| !s.is_empty()),
        "href" => href(value),
        "id" | "name" | "headers" => prefixed(value),
        // A tag inside words is no word: parsers that disagree about where the attribute ends would meet it.
        "alt" | "title" | "summary" | "abbr" if value.contains('<') => None,
        "alt" | "title" | "summary" | "abbr" => {
            Some(value.chars().filter(|c| !c.is_control()).take(1_000).collect())
        }
        _ if value.len() > PLAIN_BYTES_MAX => None,
        _ if value.chars().all(is_plain) => Some(value.to_owned()),
        _ => None,
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, ' ' | '#' | '%' | '-' | '_' | '.' | ',' | '+' | ':' | '\'' | '*')
}

fn prefixed(value: &str) -> Option<String> {
    let tidy: String = value
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'))
        .take(100)
        .collect();
    if tidy.is_empty() {
        return None;
    }
    Some(if tidy.starts_with(ID_PREFIX) {
        tidy
    } else {
        format!("{ID_PREFIX}{tidy}").chars().take(100).collect()
    })
}

/// Links lead out by http, https, mailto and tel, or to another place of the same letter.
fn href(value: &str) -> Option<String> {
    let tidy: String = value.trim().chars().filter(|c| !c.is_control()).collect();
    if let Some(place) = tidy.strip_prefix('#') {
        return prefixed(place).map(|p| format!("#{p}"));
    }
    let scheme = tidy.split_once(':')?.0.to_ascii_lowercase();
    let parsed = url::Url::parse(&tidy).ok()?;
    (matches!(scheme.as_str(), "http" | "https" | "mailto" | "tel") && parsed.scheme() == scheme)
        .then_some(tidy)
}
