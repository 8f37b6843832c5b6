//! Which parts are the body (RFC 8621 4.1.4), and what they read as; the others are attachments.

mod leaves;

pub(crate) use leaves::Leaves;

use std::collections::HashSet;

use crate::header::{self, Fields};
use crate::html::piece::{Kind, Piece};
use crate::message::{Attachment, Defect, TextFrom};
use crate::mime::{Part, Parts};
use crate::quote;
use crate::transfer::{Base64, Decoder, Quoted};
use crate::word::Trouble;
use crate::{charset, file_name, html, word};

/// Bytes of text and HTML that are read of a message; a book has one million.
pub(crate) const TEXT_BYTES_MAX: usize = 4 << 20;
/// Bytes of an encoded text part that are decoded: enough for the most wasteful encoding of that text.
pub(crate) const ENCODED_TEXT_BYTES_MAX: usize = 3 * TEXT_BYTES_MAX;
/// Bytes of a Content-ID in the HTML.
const CONTENT_ID_BYTES_MAX: usize = 1_000;

/// What a reader of the mail sees.
#[derive(Debug)]
pub(crate) struct Body {
    pub text: String,
    pub text_from: TextFrom,
    pub reply_text: String,
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// The parts by what they are for.
#[derive(Debug, Default)]
struct Layout {
    text: Vec<usize>,
    html: Vec<usize>,
    attached: Vec<usize>,
}

/// Reads the body of a message.
pub(crate) fn read(parts: &Parts<'_>, trouble: &mut Trouble, defects: &mut Vec<Defect>) -> Body {
    let mut layout = Layout::default();
    if !parts.list.is_empty() {
        lay_out(parts, &[0], "mixed", false, (true, true), &mut layout);
    }
    let mut room = TEXT_BYTES_MAX;
    let mut decoded: Vec<(usize, bool, String)> = Vec::new();
    for index in layout.text.iter().chain(&layout.html) {
        if decoded.iter().any(|(i, _, _)| i == index) {
            continue;
        }
        if let Some(part) = parts.list.get(*index) {
            let is_html = kind(part, *index == 0) == Text::Html;
            let mut text = text_of(part, is_html, trouble, defects);
            cut(&mut text, room, defects);
            room -= text.len();
            decoded.push((*index, is_html, text));
        }
    }
    let find = |index: &usize| decoded.iter().find(|(i, _, _)| i == index).map(|(_, h, t)| (*h, t.as_str()));
    let html = join_html(layout.html.iter().filter_map(find).collect());
    let (text, text_from, reply_text) =
        read_text(layout.text.iter().filter_map(find).collect(), html.as_deref());
    let referred = html.as_deref().map(content_ids).unwrap_or_default();
    let attachments = layout
        .attached
        .iter()
        .filter_map(|index| parts.list.get(*index))
        .map(|part| attachment(parts, part, &referred, trouble))
        .collect();
    Body { text, text_from, reply_text, html, attachments }
}

fn cut(text: &mut String, room: usize, defects: &mut Vec<Defect>) {
    if text.len() > room {
        text.truncate(text.floor_char_boundary(room));
        defects.push(Defect::Cut);
    }
}

/// A body that came as text or HTML and not as parts.
pub(crate) fn of_texts(
    mut text: Option<String>,
    mut html: Option<String>,
    defects: &mut Vec<Defect>,
) -> Body {
    for form in text.iter_mut().chain(&mut html) {
        cut(form, TEXT_BYTES_MAX, defects);
    }
    let forms = match (&text, &html) {
        (Some(text), _) => vec![(false, text.as_str())],
        (None, Some(html)) => vec![(true, html.as_str())],
        (None, None) => Vec::new(),
    };
    let (text, text_from, reply_text) = read_text(forms, html.as_deref());
    Body { text, text_from, reply_text, html, attachments: Vec::new() }
}

/// What text a part is, if it is one that can be body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    Plain,
    Html,
    No,
}

fn kind(part: &Part<'_>, is_root: bool) -> Text {
    match part.content_type.value.as_str() {
        "text/html" => Text::Html,
        "" | "text/plain" | "text" | "plain" | "text/enriched" | "text/markdown" => Text::Plain,
        other if is_root && !other.contains('/') => Text::Plain,
        // A multipart that turned out to have no parts, or a lone text of another kind.
        other if other.starts_with("multipart/") && !part.is_multipart && !part.is_too_deep => Text::Plain,
        other if is_root && other.starts_with("text/") && other != "text/calendar" => Text::Plain,
        _ => Text::No,
    }
}

/// The algorithm of RFC 8621 4.1.4, with pictures among the attachments.
fn lay_out(
    parts: &Parts<'_>,
    siblings: &[usize],
    multipart: &str,
    in_alternative: bool,
    wanted: (bool, bool),
    layout: &mut Layout,
) {
    let (mut want_text, mut want_html) = wanted;
    let (text_before, html_before) = (layout.text.len(), layout.html.len());
    for (position, index) in siblings.iter().enumerate() {
        let Some(part) = parts.list.get(*index) else { continue };
        if part.is_multipart {
            let subtype = part.subtype();
            let alternative = in_alternative || subtype == "alternative";
            lay_out(parts, &part.children, subtype, alternative, (want_text, want_html), layout);
            continue;
        }
        let text = kind(part, *index == 0);
        if !is_body(part, *index == 0, multipart, position) {
            layout.attached.push(*index);
        } else if multipart == "alternative" {
            match text {
                Text::Html if want_html => layout.html.push(*index),
                Text::Plain if want_text => layout.text.push(*index),
                _ => {}
            }
        } else {
            if in_alternative {
                want_html &= text != Text::Plain;
                want_text &= text != Text::Html;
            }
            if want_text {
                layout.text.push(*index);
            }
            if want_html {
                layout.html.push(*index);
            }
        }
    }
    if multipart == "alternative" && wanted == (true, true) {
        let texts: Vec<usize> = layout.text.iter().skip(text_before).copied().collect();
        let htmls: Vec<usize> = layout.html.iter().skip(html_before).copied().collect();
        if texts.is_empty() {
            layout.text.extend(htmls);
        } else if htmls.is_empty() {
            layout.html.extend(texts);
        }
    }
}

/// Is this part of a multipart of that subtype, so many before it, the letter's text or HTML and not an attachment?
pub(crate) fn is_body(part: &Part<'_>, is_root: bool, multipart: &str, position: usize) -> bool {
    let is_letter = multipart == "digest" && part.content_type.value.is_empty();
    let is_first = position == 0;
    part.disposition.value != "attachment"
        && !is_letter
        && kind(part, is_root) != Text::No
        && (is_first || (multipart != "related" && (multipart == "alternative" || !has_name(part))))
}

fn has_name(part: &Part<'_>) -> bool {
    let named = |s: &header::Structured, name: &str| {
        s.parameter(name).is_some() || s.text(name, &mut Trouble::default()).is_some()
    };
    named(&part.disposition, "filename") || named(&part.content_type, "name")
}

/// The bytes of a part without their transfer encoding.
pub(crate) fn content(part: &Part<'_>, trouble: &mut Trouble) -> Vec<u8> {
    decoded(part, part.body, trouble)
}

fn decoded(part: &Part<'_>, body: &[u8], trouble: &mut Trouble) -> Vec<u8> {
    let (bytes, met) = decoder(part).all(body);
    trouble.add(met);
    bytes
}

/// What undoes the transfer encoding of a part.
pub(crate) fn decoder(part: &Part<'_>) -> Decoder {
    let fields = Fields { list: &part.fields, charset: None };
    let encoding = fields.raw("content-transfer-encoding").map(|v| header::Structured::parse(&v).value);
    match encoding.as_deref().unwrap_or("") {
        "base64" => Decoder::Base64(Base64::default()),
        "quoted-printable" => Decoder::Quoted(Quoted::default()),
        "" | "7bit" | "8bit" | "binary" => Decoder::Plain { is_unknown: false },
        _ => Decoder::Plain { is_unknown: true },
    }
}

/// A text part as text with LF line ends.
fn text_of(part: &Part<'_>, is_html: bool, trouble: &mut Trouble, defects: &mut Vec<Defect>) -> String {
    let encoded = part.body.get(..ENCODED_TEXT_BYTES_MAX).unwrap_or(part.body);
    if encoded.len() < part.body.len() {
        defects.push(Defect::Cut);
    }
    let bytes = decoded(part, encoded, trouble);
    let declared = part.content_type.parameter("charset").map(str::to_owned);
    let label = declared.or_else(|| if is_html { html::declared_charset(&bytes) } else { None });
    let (text, bad) = charset::decode(&bytes, label.as_deref());
    if bad {
        defects.push(Defect::BadCharset);
    }
    let text = if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text };
    if is_html {
        return text;
    }
    let parameter = |name| part.content_type.parameter(name).unwrap_or("").to_ascii_lowercase();
    match part.content_type.value.as_str() {
        "text/enriched" => html::text(&text.replace('\n', "<br>")),
        _ if parameter("format") == "flowed" => unflow(&text, parameter("delsp") == "yes"),
        _ => text,
    }
}

/// Flowed lines joined (RFC 3676 4.2): a line that ends in a blank goes on in the next of the same depth.
fn unflow(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |l| (l, "\n"));
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        let content = content.strip_prefix(' ').unwrap_or(content);
        let joined = open == Some(depth) && content != "-- ";
        if !joined {
            if open.is_some() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 && !content.is_empty() {
                out.push(' ');
            }
        }
        let flows = content.ends_with(' ') && content != "-- " && end == "\n";
        let content =
            if flows && delete_space { content.strip_suffix(' ').unwrap_or(content) } else { content };
        out.push_str(content);
        open = flows.then_some(depth);
        if !flows {
            out.push_str(end);
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

/// The text, where it is from, and the new words in it.
fn read_text(parts: Vec<(bool, &str)>, html: Option<&str>) -> (String, TextFrom, String) {
    let plain: Vec<&(bool, &str)> =
        parts.iter().filter(|(is_html, t)| !is_html && !t.trim().is_empty()).collect();
    if plain.is_empty()
        && let Some(html) = html
    {
        let pieces = quote::split_html(html);
        let text = joined(&pieces);
        if !text.trim().is_empty() || parts.iter().all(|(is_html, _)| *is_html) {
            return (text, TextFrom::Html, quote::reply_text(&pieces));
        }
    }
    if parts.is_empty() {
        return (String::new(), TextFrom::None, String::new());
    }
    let mut text = String::new();
    for (is_html, part) in &parts {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if *is_html { text.push_str(&html::text(part)) } else { text.push_str(part) }
    }
    let reply = quote::reply_text(&quote::split(&text));
    (text, TextFrom::Plain, reply)
}

fn joined(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|p| match p.kind {
            Kind::New | Kind::Quoted | Kind::Signature => p.text.as_str(),
        })
        .collect()
}

/// One HTML of all parts in order; `None` when none is HTML.
fn join_html(parts: Vec<(bool, &str)>) -> Option<String> {
    if !parts.iter().any(|(is_html, _)| *is_html) {
        return None;
    }
    if let [(_, only)] = parts.as_slice() {
        return Some((*only).to_owned());
    }
    Some(
        parts
            .iter()
            .map(|(is_html, text)| match is_html {
                true => format!("<div>{text}</div>\n"),
                false => format!("<div style=\"white-space:pre-wrap\">{}</div>\n", html::escape(text)),
            })
            .collect(),
    )
}

/// The Content-IDs that the HTML refers to.
pub(crate) fn content_ids(html: &str) -> HashSet<String> {
    let bytes = html.as_bytes();
    memchr::memchr_iter(b':', bytes)
        .filter(|at| bytes.get(at.saturating_sub(3)..*at).is_some_and(|w| w.eq_ignore_ascii_case(b"cid")))
        .filter_map(|at| {
            let rest = bytes.get(at + 1..(at + 1 + CONTENT_ID_BYTES_MAX).min(bytes.len()))?;
            let end = rest
                .iter()
                .position(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'>' | b')' | b'&'))?;
            let id = std::str::from_utf8(rest.get(..end)?).ok()?;
            Some(String::from_utf8_lossy(&word::percent(id)).into_owned())
        })
        .collect()
}

fn attachment(
    parts: &Parts<'_>,
    part: &Part<'_>,
    referred: &HashSet<String>,
    trouble: &mut Trouble,
) -> Attachment {
    let (content, handed_over) = match parts.cut_of(part) {
        Some((index, cut)) => {
            trouble.add(cut.trouble);
            (Vec::new(), Some(index))
        }
        None => (content(part, trouble), None),
    };
    let fields = Fields { list: &part.fields, charset: None };
    let content_id = fields.raw("content-id").and_then(|value| header::id(&value));
    let declared_name =
        part.disposition.text("filename", trouble).or_else(|| part.content_type.text("name", trouble));
    let media_type = match part.content_type.value.as_str() {
        value if value.contains('/') => value.chars().take(200).collect(),
        _ => "application/octet-stream".to_owned(),
    };
    let inline =
        part.disposition.value == "inline" || content_id.as_ref().is_some_and(|id| referred.contains(id));
    Attachment {
        name: file_name::safe(declared_name.as_deref(), &media_type),
        declared_name,
        media_type,
        content,
        handed_over,
        inline,
        content_id,
    }
}

#[cfg(test)]
mod tests {
    use super::unflow;

    #[test]
    fn flowed_lines_are_joined_within_their_depth() {
        assert_eq!(unflow("a \nb\nc\n", false), "a b\nc\n");
        assert_eq!(unflow("> a \n> b\nc \n", false), "> a b\nc \n");
        assert_eq!(unflow("> a \nb\n", false), "> a \nb\n");
        assert_eq!(unflow("-- \nAnn\n", false), "-- \nAnn\n");
        assert_eq!(unflow(" From here\n", false), "From here\n");
        assert_eq!(unflow("a \nb\n", true), "ab\n");
    }
}
