//! Files of a ticket: always downloads, save pictures that are pictures by their content. Whatever a
//! letter declares about a file is never believed.
use crate::contents::{self, Contents};
use crate::extract::Path;
use crate::session::Who;
use crate::{Error, State};
use axum::extract::State as Handle;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use desk::files::attachment;

/// `GET /tickets/{number}/attachments/{id}`
pub async fn show(
    Handle(state): Handle<State>,
    who: Who,
    Path((number, id)): Path<(String, i64)>,
) -> Result<Response, Error> {
    let viewer = who.viewer();
    let asked = number.clone();
    let found = state.courier.read(move |tx| attachment::find(tx, &viewer, &asked, id)).await?;
    let (file, blob) = found.ok_or(Error::NotFound)?;
    Ok(answer(contents::open(&state, blob.place, blob.hash).await?, &file.name))
}

/// A file from outside, made harmless: nothing sniffs it, nothing runs in it, nothing keeps it.
pub fn answer(contents: Contents, name: &str) -> Response {
    let picture = picture_type(contents.beginning());
    let (media_type, disposition) = match picture {
        Some(media_type) => (media_type, disposition("inline", name)),
        None => ("application/octet-stream", disposition("attachment", name)),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    (headers, contents).into_response()
}

/// What the first bytes say; only these four kinds are ever shown in place.
fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("image/gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// RFC 6266: a plain name for old readers, the real one in UTF-8 (RFC 8187). No quote, control character
/// or path can come out of it.
pub fn disposition(kind: &str, name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\/%;".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::from_str(&format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"))
        .expect("invariant: only visible ASCII is left")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).unwrap().to_str().unwrap()
    }

    #[test]
    fn only_four_kinds_of_pictures_are_shown_in_place() {
        for (bytes, media_type) in [
            (b"\x89PNG\r\n\x1a\nrest".as_slice(), "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a..", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ] {
            let response = answer(bytes.to_vec().into(), "p");
            assert_eq!(header_of(&response, header::CONTENT_TYPE), media_type);
            assert!(header_of(&response, header::CONTENT_DISPOSITION).starts_with("inline;"));
        }
        for bytes in
            [b"<svg onload=alert(1)>".as_slice(), b"<html>", b"%PDF-1.7", b"", b"RIFF1234WAVE", b"BM"]
        {
            let response = answer(bytes.to_vec().into(), "picture.png");
            assert_eq!(header_of(&response, header::CONTENT_TYPE), "application/octet-stream");
            assert!(header_of(&response, header::CONTENT_DISPOSITION).starts_with("attachment;"));
            assert_eq!(header_of(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert!(header_of(&response, header::CONTENT_SECURITY_POLICY).starts_with("sandbox;"));
            assert!(header_of(&response, header::CACHE_CONTROL).contains("no-store"));
        }
    }

    #[test]
    fn no_name_breaks_out_of_its_header() {
        let said = |name: &str| disposition("attachment", name).to_str().unwrap().to_owned();
        assert_eq!(
            said("Bericht 1.pdf"),
            "attachment; filename=\"Bericht 1.pdf\"; filename*=UTF-8''Bericht%201.pdf"
        );
        assert_eq!(said("ü.pdf"), "attachment; filename=\"_.pdf\"; filename*=UTF-8''%C3%BC.pdf");
        for hostile in ["a\"; x=\"b", "a\r\nSet-Cookie: x=1", "..\\..\\a", "a\0b", "\u{202e}fdp.exe"] {
            let said = said(hostile);
            assert!(!said.contains(['\r', '\n', '\0', '\\']), "{said}");
            assert_eq!(said.matches('"').count(), 2, "{said}");
        }
    }
}
