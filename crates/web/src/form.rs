//! What was typed: fields and files of one request, read once by the gate and handed to the handler.
use crate::body::Reading;
use crate::{Error, State, Who};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Multipart};
use axum::http::{HeaderMap, Request, header, request::Parts};
use desk::db::Tx;
use desk::people::{form_use, kept_form};
use secrecy::SecretString;
use std::sync::Arc;

/// Fields one form may have; more is no form of ours.
const FIELDS_MAX: usize = 500;

/// In a kept form: the sentence about files that were too much. No form of ours has a field of this name.
pub const LEFT_OUT: &str = "left_out_of_kept";

/// A file that came with a form.
#[derive(Clone)]
pub struct File {
    pub field: String,
    /// As the browser said: not yet fit for anything but showing, escaped.
    pub name: String,
    pub media_type: String,
    pub bytes: Bytes,
}

/// Fields and files of a request, in order. `Debug` shows names only: a value may be a password.
#[derive(Clone, Default)]
pub struct Form {
    fields: Arc<Vec<(String, String)>>,
    files: Arc<Vec<File>>,
}
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    pub fn new(fields: Vec<(String, String)>) -> Form {
        Form { fields: Arc::new(fields), files: Arc::default() }
    }
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    /// As typed, with line ends as `\n`; empty when it is not there.
    pub fn long_text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().replace("\r\n", "\n")
    }
    /// Without blanks around it; empty when it is not there.
    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().trim().to_owned()
    }
    /// A checkbox.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_empty() && value != "0" && value != "off")
    }
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name).parse().ok()
    }
    /// `None` when left empty: the stored one is kept.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).filter(|value| !value.is_empty()).map(SecretString::from)
    }
    /// Files of a field; an empty file input sends one without a name, which is left out.
    pub fn files(&self, field: &str) -> Vec<File> {
        self.files.iter().filter(|file| file.field == field && !file.name.is_empty()).cloned().collect()
    }
    /// What may be kept when the session has ended: secrets, tokens and ids of the form are left out.
    pub fn to_keep(&self) -> Vec<(String, String)> {
        let kept = |name: &str| !is_secret(name) && !is_of_the_form(name) && name != LEFT_OUT;
        self.fields.iter().filter(|(name, _)| kept(name)).cloned().collect()
    }
    /// It holds what no page gives back: a password, a secret, a file.
    pub fn holds_more(&self) -> bool {
        let secret = |(name, value): &(String, String)| is_secret(name) && !value.is_empty();
        self.fields.iter().any(secret) || self.files.iter().any(|file| !file.name.is_empty())
    }
    /// The one-use id of this form (invariant 17); `None` when the page had none.
    pub fn once(&self, who: &Who) -> Option<Once> {
        let id = self.get("form_id").filter(|id| !id.is_empty() && id.len() <= 64)?;
        Some(Once { id: id.to_owned(), agent_id: who.agent().id })
    }
}

fn is_secret(name: &str) -> bool {
    ["password", "secret"].iter().any(|word| name.contains(word))
}
fn is_of_the_form(name: &str) -> bool {
    ["token", "form_id"].iter().any(|word| name.contains(word))
}

impl<S: Send + Sync> FromRequestParts<S> for Form {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(parts.extensions.get::<Form>().cloned().unwrap_or_default())
    }
}

/// A form's one-use id. [`Once::record`] belongs into the transaction of the change itself; when another
/// click was first, the gate answers with what that one got.
#[derive(Clone, Debug)]
pub struct Once {
    pub id: String,
    pub agent_id: i64,
}
impl Once {
    /// `answer` is the path the first click is sent to.
    pub fn record(&self, tx: &mut Tx<'_>, answer: &str, at: i64) -> desk::Result<()> {
        form_use::record(tx, &self.id, self.agent_id, answer, at)
    }
}
/// Records when the form had an id.
pub fn record(once: Option<&Once>, tx: &mut Tx<'_>, answer: &str, at: i64) -> desk::Result<()> {
    once.map_or(Ok(()), |once| once.record(tx, answer, at))
}

/// Where the token stands that tells whose form it is: every form of ours begins with it.
const BEGINNING_BYTES: usize = 4 * 1024;

/// A form that is arriving.
pub struct Arriving {
    headers: HeaderMap,
    reading: Reading,
}
impl Arriving {
    pub fn of(request: Request<axum::body::Body>) -> Arriving {
        let (parts, body) = request.into_parts();
        Arriving { headers: parts.headers, reading: Reading::of(body) }
    }
    fn content_type(&self) -> String {
        let said = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        said.unwrap_or_default().to_ascii_lowercase()
    }
    /// The token, before anything else of the form is read.
    pub async fn token(&mut self) -> Result<Option<String>, Error> {
        if let Some(sent) = self.headers.get("x-form-token").and_then(|value| value.to_str().ok()) {
            return Ok(Some(sent.to_owned()));
        }
        let multipart = self.content_type().starts_with("multipart/form-data");
        let beginning = self.reading.beginning(BEGINNING_BYTES).await?;
        let beginning = beginning.get(..BEGINNING_BYTES).unwrap_or(beginning);
        if !multipart {
            let mut fields = url::form_urlencoded::parse(beginning);
            return Ok(fields.find(|(name, _)| name == "form_token").map(|(_, value)| value.into_owned()));
        }
        let beginning = String::from_utf8_lossy(beginning);
        let value = beginning.split_once("name=\"form_token\"\r\n\r\n").map(|(_, rest)| rest);
        Ok(value.and_then(|value| value.split_once("\r\n")).map(|(token, _)| token.to_owned()))
    }
    /// Everything, whatever its encoding; `bytes_max` is the route's limit.
    pub async fn read(self, bytes_max: usize) -> Result<Form, Error> {
        let content_type = self.content_type();
        let body = self.reading.whole(bytes_max).await?;
        if content_type.starts_with("multipart/form-data") {
            return read_multipart(self.headers, body).await;
        }
        if body.is_empty() {
            return Ok(Form::default());
        }
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return Err(Error::BadRequest("Postern reads forms only as a browser sends them."));
        }
        let fields: Vec<(String, String)> =
            url::form_urlencoded::parse(&body).into_owned().take(FIELDS_MAX + 1).collect();
        if fields.len() > FIELDS_MAX {
            return Err(Error::BadRequest("This form has more fields than any form of Postern."));
        }
        Ok(Form::new(fields))
    }
}

async fn read_multipart(headers: HeaderMap, body: Bytes) -> Result<Form, Error> {
    use axum::extract::FromRequest as _;
    let broken = |_| Error::BadRequest("The form arrived broken. Go back and send it again.");
    let mut request = Request::new(axum::body::Body::from(body));
    *request.headers_mut() = headers;
    // The route's limit was kept while the body was read; axum's own of 2 MB would refuse larger attachments.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|_| Error::BadRequest("The form arrived broken. Go back and send it again."))?;
    let (mut fields, mut files) = (Vec::new(), Vec::new());
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        if fields.len() + files.len() >= FIELDS_MAX {
            return Err(Error::BadRequest("This form has more fields than any form of Postern."));
        }
        let field = part.name().unwrap_or_default().to_owned();
        match part.file_name().map(str::to_owned) {
            Some(name) => {
                let media_type = part.content_type().unwrap_or("application/octet-stream").to_owned();
                files.push(File { field, name, media_type, bytes: part.bytes().await.map_err(broken)? });
            }
            None => fields.push((field, part.text().await.map_err(broken)?)),
        }
    }
    Ok(Form { fields: Arc::new(fields), files: Arc::new(files) })
}

/// The id of a kept form, from the query.
pub fn kept_id(kept: Option<&str>) -> Option<String> {
    kept.filter(|id| !id.is_empty() && id.len() <= 64).map(str::to_owned)
}

/// What was typed before the session ended: given back once, to the agent it belongs to. Files are given back by
/// `drafts::given_back`, on the one page whose form takes any.
pub async fn given_back(state: &State, who: &Who, kept: Option<&str>) -> Result<Option<Form>, Error> {
    let Some(id) = kept_id(kept) else { return Ok(None) };
    let agent_id = who.agent().id;
    let kept = state.courier.write(move |tx| kept_form::take(tx, &id, agent_id)).await?;
    Ok(kept.map(|kept| Form::new(kept.fields)))
}
