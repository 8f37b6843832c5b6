//! A name that is safe to save under and to show, whatever a mail declares.

/// Bytes a name has at most: the bound of every common file system.
const BYTES_MAX: usize = 255;

/// No path, no control or direction character, no leading dot, no device name, at most 255 bytes, never empty.
#[must_use]
pub fn safe(declared: Option<&str>, media_type: &str) -> String {
    let cleaned = declared.map(clean).unwrap_or_default();
    let name = if cleaned.is_empty() { format!("attachment.{}", extension(media_type)) } else { cleaned };
    let name = if is_device(&name) { format!("_{name}") } else { name };
    cut(&name)
}

fn clean(declared: &str) -> String {
    // A path names a folder of the sender; what counts is behind the last slash.
    let base = declared.rsplit(['/', '\\']).find(|piece| !piece.trim().is_empty()).unwrap_or_default();
    let kept: String = base
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .map(|c| if matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|') { '_' } else { c })
        .collect();
    let kept = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    kept.trim_start_matches(['.', ' ']).trim_end_matches(['.', ' ']).to_owned()
}

/// Direction overrides turn `gpj.exe` into `exe.jpg`; zero-width characters hide differences.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$")
        || stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT")).is_some_and(|n| {
            matches!(n, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        })
}

/// Cut to the bound with its extension kept.
fn cut(name: &str) -> String {
    if name.len() <= BYTES_MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 20 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let room = BYTES_MAX - extension.len();
    let end = (0..=room.min(stem.len())).rev().find(|at| stem.is_char_boundary(*at)).unwrap_or(0);
    let stem = stem.get(..end).unwrap_or_default().trim_end_matches(['.', ' ']);
    format!("{stem}{extension}")
}

/// The usual ending of a type, for parts that have no name.
fn extension(media_type: &str) -> &'static str {
    match media_type {
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/vcard" | "text/x-vcard" => "vcf",
        "text/rfc822-headers" => "txt",
        "message/rfc822" | "message/global" => "eml",
        "message/delivery-status" | "message/disposition-notification" | "message/feedback-report" => "txt",
        "message/global-delivery-status" | "message/global-headers" | "message/rfc822-headers" => "txt",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/ms-tnef" | "application/vnd.ms-tnef" => "dat",
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => "p7s",
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => "p7m",
        "application/pgp-signature" => "asc",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn hostile_names_become_harmless() {
        let check = |declared: &str, expected: &str| assert_eq!(safe(Some(declared), "image/png"), expected);
        check("../../etc/passwd", "passwd");
        check("C:\\Users\\x\\a.png", "a.png");
        check("\u{202e}gpj.exe", "gpj.exe");
        check("..hidden", "hidden");
        check("CON", "_CON");
        check("nul.txt", "_nul.txt");
        check("com1 .txt", "_com1 .txt");
        check("a:b*c?.txt", "a_b_c_.txt");
        check("a\0b\r\n.txt", "ab.txt");
        check("...", "attachment.png");
        check("/", "attachment.png");
        assert_eq!(safe(None, "application/pdf"), "attachment.pdf");
        let long = safe(Some(&format!("{}.pdf", "é".repeat(300))), "x/y");
        assert!(long.len() <= 255 && long.ends_with(".pdf"));
    }
}
