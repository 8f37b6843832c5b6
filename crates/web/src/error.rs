//! Why a page was not shown. One type; the gate turns it into a page in the person's own frame.
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use desk::Refusal;
use std::sync::Arc;

#[derive(Debug)]
pub enum Error {
    /// Nothing of the object is said, not even that it exists.
    NotFound,
    /// No session: to the sign-in page.
    SignInFirst,
    /// Signed in, but the route is not for this role.
    NotAllowed,
    /// The form token or the origin was wrong: nothing was done.
    Forged,
    WrongHost,
    WrongMethod,
    BadRequest(&'static str),
    TooLarge {
        bytes_max: usize,
    },
    /// A rule said no, and the handler has no form to say it on.
    Refused(Refusal),
    /// Another row was first: mostly the same form, sent twice at once. With what the database said.
    SentTwice(String),
    Busy,
    /// Broken: a reference number for the person, the chain for the log.
    Failed(anyhow::Error),
}

impl Error {
    pub fn status(&self) -> StatusCode {
        match self {
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::SignInFirst => StatusCode::UNAUTHORIZED,
            Error::NotAllowed | Error::Forged => StatusCode::FORBIDDEN,
            Error::WrongHost => StatusCode::MISDIRECTED_REQUEST,
            Error::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Error::BadRequest(_) => StatusCode::BAD_REQUEST,
            Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::SentTwice(_) => StatusCode::CONFLICT,
            Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Error::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    /// Heading and sentence of the page.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Error::NotFound => ("Nothing here", "There is no such page, or it is not yours to see.".into()),
            Error::SignInFirst => ("Sign in first", "This page needs a session.".into()),
            Error::NotAllowed => ("Administrators only", "Only an administrator may open this page.".into()),
            Error::Forged => (
                "Nothing was done",
                "This form is out of date, or was not sent by a page of Postern. Go back, load the page again, and send it once more.".into(),
            ),
            Error::WrongHost => ("Another address", "Postern does not answer at the address you used.".into()),
            Error::WrongMethod => ("Nothing here", "This address is there for a form. Go back and use its button.".into()),
            Error::BadRequest(sentence) => ("This did not arrive well", (*sentence).into()),
            Error::TooLarge { bytes_max } => (
                "Too large",
                format!("This is more than {} MB. Send less at once.", bytes_max.div_ceil(1024 * 1024)),
            ),
            Error::Refused(refusal) => ("Not done", refusal.to_string()),
            Error::SentTwice(_) => ("Already done", "This form was sent twice; the first one counts.".into()),
            Error::Busy => ("Busy", "The database is busy. Try again in a moment; nothing was changed.".into()),
            Error::Failed(_) => (
                "Something is broken",
                "This is not your doing. It has been logged; give the number below to whoever runs Postern.".into(),
            ),
        }
    }
}

impl From<desk::Error> for Error {
    fn from(error: desk::Error) -> Error {
        match error {
            desk::Error::Refused(Refusal::NotFound(_)) => Error::NotFound,
            desk::Error::Refused(refusal) => Error::Refused(refusal),
            desk::Error::Db(desk::db::Error::Busy) => Error::Busy,
            desk::Error::Db(desk::db::Error::Unique(what)) => Error::SentTwice(what),
            other => Error::Failed(anyhow::Error::new(other)),
        }
    }
}
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        Error::Failed(error)
    }
}
impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Error {
        Error::Failed(anyhow::Error::new(error).context("a page could not be written"))
    }
}

/// A rule's refusal apart from everything else, for handlers that show it on their form.
pub fn refusal<T>(result: desk::Result<T>) -> Result<Result<T, Refusal>, Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(desk::Error::Refused(Refusal::NotFound(_))) => Err(Error::NotFound),
        Err(desk::Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(other) => Err(other.into()),
    }
}

/// Carried in the answer's extensions to the gate, which knows whose page it is.
#[derive(Clone)]
pub struct Carried(pub Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Carried(Arc::new(self)));
        response
    }
}

/// A handler that panicked is one failed request, logged with its words.
pub fn from_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    Error::Failed(anyhow::anyhow!("a page panicked: {words}")).into_response()
}
