//! The HTML of a letter, made safe, in a frame of its own with a policy of its own (invariant 10); and the
//! raw message as a file. The page around the frame measures its height.
use crate::extract::Path;
use crate::session::Who;
use crate::{Error, State, attachments, contents};
use axum::extract::State as Handle;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use desk::files::blob::Blob;
use desk::people::viewer::Viewer;
use desk::tickets::entry::{self, Entry, Part};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Never `allow-scripts`. The frame says the same in its `sandbox` attribute.
pub const POLICY: &str = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; \
     default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";

/// `GET /tickets/{number}/entries/{id}/letter`
pub async fn show(
    Handle(state): Handle<State>,
    who: Who,
    Path((number, id)): Path<(String, i64)>,
) -> Result<Response, Error> {
    let (entry, blob) = find(&state, who.viewer(), &number, id, Part::Html).await?;
    let letters = state.letters.clone();
    let page = state
        .courier
        .blocking(move |desk| {
            let key = Key {
                hash: blob.hash.clone(),
                version: mail::sanitize::VERSION,
                number: number.clone(),
                entry_id: id,
            };
            if let Some(page) = letters.find(&key) {
                return Ok(page);
            }
            let html = desk.store.get(&blob.place, &blob.hash)?;
            let page: Arc<str> = page(&String::from_utf8_lossy(&html), &number, &entry).into();
            letters.keep(key, page.clone());
            Ok(page)
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, page.to_string()).into_response())
}

/// `GET /tickets/{number}/entries/{id}/original.eml`: the bytes as they came.
pub async fn raw(
    Handle(state): Handle<State>,
    who: Who,
    Path((number, id)): Path<(String, i64)>,
) -> Result<Response, Error> {
    let (_, blob) = find(&state, who.viewer(), &number, id, Part::Raw).await?;
    let contents = contents::open(&state, blob.place, blob.hash).await?;
    let mut response = attachments::answer(contents, "");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("message/rfc822"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        attachments::disposition("attachment", &format!("{number}-{id}.eml")),
    );
    Ok(response)
}

async fn find(
    state: &State,
    viewer: Viewer,
    number: &str,
    id: i64,
    part: Part,
) -> Result<(Entry, Blob), Error> {
    let number = number.to_owned();
    let found = state
        .courier
        .read(move |tx| {
            let Some(entry) = entry::find(tx, &viewer, &number, id)? else { return Ok(None) };
            Ok(entry::part(tx, &viewer, &number, id, part)?.map(|blob| (entry, blob)))
        })
        .await?;
    found.ok_or(Error::NotFound)
}

/// The document in the frame. Letters are written for white paper, so they get it, in the dark too.
fn page(html: &str, number: &str, entry: &Entry) -> String {
    let clean = mail::sanitize::sanitize(html, &|content_id| {
        let file = entry.attachments.iter().find(|file| file.content_id.as_deref() == Some(content_id))?;
        Some(format!("/tickets/{number}/attachments/{}", file.id))
    });
    let remote = match clean.remote_images {
        0 => String::new(),
        1 => "<p class=\"postern-remote\">One picture from elsewhere was not loaded.</p>".to_owned(),
        n => format!("<p class=\"postern-remote\">{n} pictures from elsewhere were not loaded.</p>"),
    };
    format!("{HEAD}{remote}<div class=\"postern-letter\">{}</div></body></html>", clean.html)
}

const HEAD: &str = "<!doctype html><html lang=\"\"><head><meta charset=\"utf-8\"><title>Letter</title>\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><base target=\"_blank\"><style>\
:root{color-scheme:light}html{background:#fff}\
body{margin:0;padding:12px 16px;color:#1d1b18;font:15px/1.5 Inter,ui-sans-serif,system-ui,'Segoe UI',Roboto,sans-serif;overflow-wrap:anywhere}\
img{max-width:100%;height:auto}table{max-width:100%}pre{white-space:pre-wrap}blockquote{margin:0 0 0 .75em;padding-left:.75em;border-left:2px solid #e4e1da}\
.postern-letter{position:relative;overflow:auto;contain:paint}\
.postern-remote{margin:0 0 12px;padding:4px 10px;font-size:13px;color:#5d5850;background:#f7f6f3;border-radius:5px}\
</style></head><body>";

/// Letters made safe, by content, sanitizer version and the place their pictures have; the oldest goes
/// when there are too many. A cache of one process: losing it costs milliseconds.
#[derive(Debug, Default)]
pub struct Letters {
    kept: Mutex<Kept>,
}
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    hash: Vec<u8>,
    version: u32,
    number: String,
    entry_id: i64,
}
#[derive(Debug, Default)]
struct Kept {
    pages: HashMap<Key, Arc<str>>,
    order: VecDeque<Key>,
    bytes: usize,
}

const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
const KEPT_MAX: usize = 1_000;

impl Letters {
    fn find(&self, key: &Key) -> Option<Arc<str>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pages.get(key).cloned()
    }
    fn keep(&self, key: Key, page: Arc<str>) {
        if page.len() > KEPT_BYTES_MAX / 4 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        kept.bytes += page.len();
        match kept.pages.insert(key.clone(), page) {
            Some(before) => kept.bytes -= before.len(),
            None => kept.order.push_back(key),
        }
        while kept.bytes > KEPT_BYTES_MAX || kept.order.len() > KEPT_MAX {
            let Some(oldest) = kept.order.pop_front() else { break };
            if let Some(page) = kept.pages.remove(&oldest) {
                kept.bytes -= page.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(entry_id: i64) -> Key {
        Key { hash: vec![1], version: 1, number: "10001".to_owned(), entry_id }
    }

    #[test]
    fn the_cache_forgets_the_oldest_and_never_grows() {
        let letters = Letters::default();
        let page: Arc<str> = "x".repeat(1024 * 1024).into();
        for n in 0..40 {
            letters.keep(key(n), page.clone());
        }
        assert!(letters.find(&key(0)).is_none());
        assert!(letters.find(&key(39)).is_some());
        letters.keep(key(39), page.clone());
        let kept = letters.kept.lock().unwrap();
        assert!(kept.bytes <= KEPT_BYTES_MAX);
        assert_eq!(kept.bytes, kept.pages.len() * page.len());
        assert_eq!(kept.order.len(), kept.pages.len());
    }

    #[test]
    fn a_letter_too_large_for_the_cache_is_not_kept() {
        let letters = Letters::default();
        letters.keep(key(1), "x".repeat(KEPT_BYTES_MAX / 4 + 1).into());
        assert!(letters.find(&key(1)).is_none());
    }
}
