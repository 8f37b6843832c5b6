//! The tab *Account*: address, name, department, notes.
use super::preset::Presets;
use super::tab::{self, Around, TabForm};
use super::{Frame, Tab};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Page, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::response::Response;
use courier::authorize::About;
use desk::mailboxes::mailbox::{self, Account, Mailbox, Shape};
use desk::people::department::{self, Department};

/// The fields as shown: stored, or as typed.
#[derive(Clone, Debug, Default)]
pub struct AccountForm {
    pub address: String,
    pub name: String,
    pub department_id: i64,
    pub notes: String,
    /// `own`, `shared` or `alias`; a new one begins with its own.
    pub shape: String,
    /// The mailbox behind an alias.
    pub opens: String,
}
impl AccountForm {
    pub fn entered(form: &Form) -> AccountForm {
        AccountForm {
            address: form.text("address"),
            name: form.text("name"),
            department_id: form.number("department").unwrap_or(1),
            notes: form.long_text("notes"),
            shape: form.text("shape"),
            opens: form.text("opens"),
        }
    }
    pub fn account(&self) -> Account {
        Account {
            address: self.address.clone(),
            name: self.name.clone(),
            department_id: self.department_id,
            notes: self.notes.clone(),
            shape: Shape::from_words(&self.shape, &self.opens).unwrap_or_default(),
        }
    }
    /// Whether this choice is the one that is made.
    pub fn is(&self, shape: &str) -> bool {
        self.shape == shape || (self.shape.is_empty() && shape == "own")
    }
}

impl TabForm for AccountForm {
    const TAB: Tab = Tab::Account;
    fn stored(mailbox: &Mailbox) -> AccountForm {
        AccountForm {
            address: mailbox.address.clone(),
            name: mailbox.name.clone(),
            department_id: mailbox.department_id,
            notes: mailbox.notes.clone(),
            shape: mailbox.shape.word().to_owned(),
            opens: mailbox.shape.opened().to_owned(),
        }
    }
    fn typed(form: &Form, _: &Mailbox, _: &Presets) -> AccountForm {
        AccountForm::entered(form)
    }
    async fn show(self, state: &State, around: Around) -> Result<Response, Error> {
        let departments = state.courier.read(department::list).await?;
        let Around { status, page, frame, why } = around;
        show_as(status, &AccountPage { page, frame, form: self, departments, why })
    }
}

#[derive(Template)]
#[template(path = "mailboxes/account.html")]
struct AccountPage {
    page: Page,
    frame: Frame,
    form: AccountForm,
    departments: Vec<Department>,
    why: Option<String>,
}

pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let (account, by) = (AccountForm::entered(&form).account(), who.by());
    let changed = state.courier.write(move |tx| mailbox::change_account(tx, &by, id, &account)).await;
    match error::refusal(changed)? {
        Ok(()) => Ok(see_other(&format!("/mailboxes/{id}?done=saved"))),
        Err(refusal) => tab::refused::<AccountForm>(&state, &visit, id, &form, refusal.to_string()).await,
    }
}
