//! What an agent has written into a composer, with its files: taken in before a rule is asked, so that no refusal
//! loses any of it.
use crate::form::Form;
use crate::session::{Visit, Who};
use crate::tickets::composer::Again;
use crate::tickets::ticket as ticket_page;
use crate::tickets::typed::{Typed, Writing};
use crate::{Error, State, drafts, uploads};
use axum::response::Response;
use desk::files::attachment::NewAttachment;
use desk::tickets::draft::DraftFile;

/// Where it was written.
pub struct Place<'a> {
    pub state: &'a State,
    pub who: &'a Who,
    pub visit: &'a Visit,
    pub number: &'a str,
    pub writing: Writing,
}

pub struct Written {
    pub typed: Typed,
    /// Files that came along, in the store.
    pub files: Vec<NewAttachment>,
    /// Files that the draft had already.
    pub there: Vec<DraftFile>,
}

impl Place<'_> {
    /// Text and files; the page again when the files are too much.
    pub async fn take(&self, form: &Form) -> Result<Result<Written, Response>, Error> {
        let typed = Typed::read(form);
        let there = drafts::files_of(self.state, self.who, self.number, self.writing).await?;
        let taken = uploads::take(self.state, form.files("files"), &there).await?;
        let written = Written { typed, files: taken.files, there };
        match taken.too_much {
            None => Ok(Ok(written)),
            Some(sentence) => self.refused(written, sentence).await.map(Err),
        }
    }
    /// The page again: the sentence, the text, and the files, which the draft holds from now on.
    pub async fn refused(&self, written: Written, sentence: String) -> Result<Response, Error> {
        let Place { state, who, visit, number, writing } = *self;
        drafts::keep(state, who, number, writing, &written.typed, &written.files).await?;
        let again = Again { writing, typed: written.typed, refusal: Some(sentence) };
        ticket_page::refused(state, who, visit, number, again).await
    }
}
