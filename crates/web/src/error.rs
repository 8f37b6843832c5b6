//! Why a page was not shown. One type; the gate turns it into a page in the person's own frame.
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use desk::{Refusal, db};
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
    /// What is sent did not come in the time allowed.
    TooSlow,
    /// A rule said no, and the handler has no form to say it on.
    Refused(Refusal),
    /// Another row was first: mostly the same form, sent twice at once. With what the database said.
    SentTwice(String),
    /// Too many are waiting for the database: it passes by itself.
    Busy,
    /// The database does not answer, or its disk is full: it passes when somebody has seen to it.
    Down(anyhow::Error),
    /// The connection to the database broke when it was to be kept: nobody knows whether it was.
    Unsure,
    /// As many live pages as one person, or everybody, may have.
    TooManyOpen,
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
            Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Error::Busy | Error::Down(_) | Error::Unsure => StatusCode::SERVICE_UNAVAILABLE,
            Error::TooManyOpen => StatusCode::TOO_MANY_REQUESTS,
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
            Error::TooSlow => (
                "Too slow",
                "What was sent did not arrive in time, and nothing was done. Go back and send it again.".into(),
            ),
            Error::Busy => (
                "Not just now",
                "The database has too much to do. Nothing was changed: try again in a moment.".into(),
            ),
            Error::Down(_) => (
                "Not just now",
                "The database does not answer, or its disk is full. Nothing was changed. Try again in a minute; if it lasts, give the number below to whoever runs Postern: the log says what is the matter.".into(),
            ),
            Error::Unsure => (
                "Not just now",
                "The connection to the database broke at the very end: whether this was done is not known. Look at the page first, and do it again only if it is not there.".into(),
            ),
            Error::TooManyOpen => (
                "Too many pages",
                "More pages are open than Postern keeps up to date by itself. Close some of them.".into(),
            ),
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
            desk::Error::Db(db) => match db {
                db::Error::Busy => Error::Busy,
                db::Error::Unknown => Error::Unsure,
                db::Error::Unique(what) => Error::SentTwice(what),
                // Also a database that lets nobody in: when Postern started, it did.
                db::Error::Store(_) | db::Error::Words(_) | db::Error::Unfit(_) => Error::Down(db.into()),
                other => Error::Failed(other.into()),
            },
            desk::Error::Failed(error) if needs_room(&error) => Error::Down(error),
            desk::Error::Failed(error) => Error::Failed(error),
        }
    }
}
/// The disk takes nothing more.
fn needs_room(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(|e| e.kind());
    kinds.into_iter().any(|kind| matches!(kind, QuotaExceeded | ReadOnlyFilesystem | StorageFull))
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
