//! What a letter would load from elsewhere when it is opened: counted, never loaded.

use super::style;
use crate::html::{Node, Tree};

/// Does this address lead over the network?
fn is_remote(address: &str) -> bool {
    let tidy: String = address.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(20).collect();
    let tidy = tidy.to_ascii_lowercase().replace('\\', "/");
    tidy.starts_with("//")
        || tidy.starts_with("http:")
        || tidy.starts_with("https:")
        || tidy.starts_with("ftp:")
}

/// Remote loads that an element asks for by its own attributes.
pub(crate) fn loads(name: &str, attributes: &[(String, String)]) -> u32 {
    let remote = |wanted: &[&str]| {
        u32::from(attributes.iter().any(|(a, v)| wanted.contains(&a.as_str()) && is_remote(v)))
    };
    let own = match name {
        "img" | "image" | "input" | "use" | "feimage" => {
            remote(&["src", "srcset", "href", "xlink:href", "lowsrc", "dynsrc"])
        }
        "iframe" | "frame" | "embed" | "audio" | "source" | "track" | "script" | "bgsound" => {
            remote(&["src", "srcset"])
        }
        "video" => remote(&["src"]) + remote(&["poster"]),
        "object" | "applet" => remote(&["data", "codebase", "archive"]),
        "link" => remote(&["href"]),
        _ => 0,
    };
    let styles = attributes.iter().filter(|(a, _)| a == "style").map(|(_, v)| in_style(v)).sum::<u32>();
    own + remote(&["background"]) + styles
}

/// `url(…)` in the declarations of an attribute.
fn in_style(value: &str) -> u32 {
    let count = style::declarations(value).filter(|(_, v)| urls(v) > 0).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Remote addresses in a piece of CSS.
fn urls(css: &str) -> usize {
    let lower = css.to_ascii_lowercase();
    let in_url =
        lower.split("url(").skip(1).filter(|r| is_remote(r.trim_start_matches(['"', '\'', ' ']))).count();
    let imports = lower
        .split("@import")
        .skip(1)
        .filter(|r| is_remote(r.trim_start().trim_start_matches(['"', '\''])))
        .count();
    in_url + imports
}

/// Remote loads in what is dropped with its content: style sheets, drawings, frames.
pub(crate) fn loads_within(tree: &Tree, index: usize) -> u32 {
    let is_style = matches!(tree.node(index), Some(Node::Element { name, .. }) if name == "style");
    let count = tree.children(index).iter().map(|child| match tree.node(*child) {
        Some(Node::Text(text)) if is_style => u32::try_from(urls(text)).unwrap_or(u32::MAX),
        Some(Node::Element { name, attributes, .. }) => {
            loads(name, attributes).saturating_add(loads_within(tree, *child))
        }
        _ => 0,
    });
    count.fold(0, u32::saturating_add)
}

/// The Content-ID of a `cid:` address.
pub(crate) fn cid(address: &str) -> Option<String> {
    let address = address.trim();
    let (scheme, id) = address.split_once(':')?;
    let id = String::from_utf8_lossy(&crate::word::percent(id)).into_owned();
    (scheme.eq_ignore_ascii_case("cid") && !id.is_empty() && !id.contains(char::is_control)).then_some(id)
}
