//! Parts: text in the plainest encoding that carries it, files in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{File, field};

/// What a message is made of.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Text { subtype: &'static str, text: &'a str },
    File(&'a File),
    Multi { subtype: &'static str, parts: Vec<Part<'a>> },
}

/// Longest line of text that goes as it is.
const PLAIN_LINE_BYTES: usize = 900;

/// Writes the part's header and body.  Boundaries cannot occur inside: encoded text has no such line.
pub(super) fn write(out: &mut Vec<u8>, part: &Part<'_>, seed: &str) {
    match part {
        Part::Text { subtype, text } => write_text(out, subtype, text),
        Part::File(file) => write_file(out, file),
        Part::Multi { subtype, parts } => {
            let boundary = format!("={subtype}={seed}");
            out.extend_from_slice(
                format!("Content-Type: multipart/{subtype};\r\n boundary=\"{boundary}\"\r\n\r\n").as_bytes(),
            );
            for part in parts {
                out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
                write(out, part, seed);
                // The line end before a boundary belongs to the boundary; the part's own stays its own.
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        }
    }
}

fn write_text(out: &mut Vec<u8>, subtype: &str, text: &str) {
    // One kind of line end, no NUL: what smugglers need does not get in.
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let plain = text.is_ascii()
        && text.split('\n').all(|l| {
            l.len() <= PLAIN_LINE_BYTES
                && l != "."
                && !l.starts_with("From ")
                && !l.starts_with("--")
                && !l.ends_with([' ', '\t'])
                && !l.contains(|c: char| c.is_control() && c != '\t')
        });
    let encoding = if plain { "7bit" } else { "quoted-printable" };
    out.extend_from_slice(
        format!(
            "Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        )
        .as_bytes(),
    );
    if plain {
        out.extend_from_slice(text.replace('\n', "\r\n").as_bytes());
    } else {
        quoted_printable(out, &text);
    }
}

/// RFC 2045 6.7, and besides: no line that begins with a dot, a dash or `From `.
fn quoted_printable(out: &mut Vec<u8>, text: &str) {
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line).as_bytes();
        let mut column = 0;
        for (at, byte) in line.iter().enumerate() {
            let is_last = at + 1 == line.len();
            let plain =
                matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (matches!(byte, b' ' | b'\t') && !is_last);
            let risky = column == 0 && matches!(byte, b'.' | b'-' | b'F');
            let piece = if plain && !risky { char::from(*byte).to_string() } else { format!("={byte:02X}") };
            if column + piece.len() > 75 {
                out.extend_from_slice(b"=\r\n");
                column = 0;
                if matches!(byte, b'.' | b'-' | b'F') {
                    out.extend_from_slice(format!("={byte:02X}").as_bytes());
                    column = 3;
                    continue;
                }
            }
            column += piece.len();
            out.extend_from_slice(piece.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn is_media_type(text: &str) -> bool {
    let token = |t: &str| {
        !t.is_empty()
            && t.len() <= 100
            && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| {
        token(kind) && token(subtype) && !matches!(kind, "multipart" | "message")
    })
}

fn write_file(out: &mut Vec<u8>, file: &File) {
    // A letter inside a letter may not be base64 (RFC 2046 5.2.1); as a plain file it may.
    let media_type =
        if is_media_type(&file.media_type) { file.media_type.as_str() } else { "application/octet-stream" };
    let mut head = format!("Content-Type: {media_type}{}\r\n", field::parameter("name", &file.name));
    head.push_str("Content-Transfer-Encoding: base64\r\n");
    let disposition = if file.content_id.is_some() { "inline" } else { "attachment" };
    head.push_str(&format!(
        "Content-Disposition: {disposition}{}\r\n",
        field::parameter("filename", &file.name)
    ));
    if let Some(id) = &file.content_id {
        field::ids(&mut head, "Content-ID", std::slice::from_ref(id));
    }
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(b"\r\n");
    for line in file.content.chunks(57) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}
