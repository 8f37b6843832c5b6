//! What handlers take from an address. axum's own extractors, with a page in the place of a bare line of text
//! when an address is not one of ours.
use crate::Error;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// The varying parts of the path. What cannot be one names nothing that is here.
pub struct Path<T>(pub T);
impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(path)| Path(path)).map_err(|_| Error::NotFound)
    }
}

/// What stands after the question mark.
pub struct Query<T>(pub T);
impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(query)| Query(query)).map_err(|_| {
            Error::BadRequest(
                "The end of this address, after the question mark, is not one that Postern makes. \
                 Open the page by its link.",
            )
        })
    }
}
