//! A content of the store as the body of an answer: a small one at once, a large one piece by piece, so that however many
//! are downloaded little of each is in memory. Nothing waits in a thread for a slow reader.
use crate::{Error, State};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use desk::files::store::Content;
use futures_util::stream;
use std::io::{self, Read as _};

/// Bytes that are read at once; what is not longer is answered whole.
const PIECE_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct Contents {
    beginning: Vec<u8>,
    /// What of it was not read yet.
    rest: Option<Content>,
    size_bytes: u64,
}

/// What cannot be read from its beginning is an error of its page; what breaks off later, or is not what was stored, breaks
/// off the answer, which its reader sees by its length.
pub async fn open(state: &State, place: String, hash: Vec<u8>) -> Result<Contents, Error> {
    let opened = state.courier.blocking(move |desk| {
        let mut content = desk.store.open_blob(&place, &hash)?;
        let size_bytes = content.size_bytes();
        let mut beginning = Vec::new();
        content.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut beginning)?;
        let rest = (size_bytes > beginning.len() as u64).then_some(content);
        Ok(Contents { beginning, rest, size_bytes })
    });
    Ok(opened.await?)
}

impl Contents {
    /// A quarter of a megabyte, or all of it.
    pub fn beginning(&self) -> &[u8] {
        &self.beginning
    }
}
impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Contents {
        Contents { size_bytes: bytes.len() as u64, beginning: bytes, rest: None }
    }
}
impl IntoResponse for Contents {
    fn into_response(self) -> Response {
        let Some(rest) = self.rest else { return self.beginning.into_response() };
        let pieces = stream::try_unfold((Some(self.beginning), rest), |(beginning, rest)| async move {
            let (piece, rest) = match beginning {
                Some(beginning) => (beginning, rest),
                None => {
                    next(rest).await.inspect_err(|error| tracing::error!("a download broke off: {error}"))?
                }
            };
            Ok::<_, io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), (None, rest))))
        });
        let mut response = Response::new(Body::from_stream(pieces));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(self.size_bytes));
        response
    }
}

/// The next piece; none is left when it is empty.
async fn next(mut content: Content) -> io::Result<(Vec<u8>, Content)> {
    let read = tokio::task::spawn_blocking(move || {
        let mut piece = Vec::new();
        content.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        Ok((piece, content))
    });
    read.await.map_err(io::Error::other)?
}
