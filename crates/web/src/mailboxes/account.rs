//! The tab *Account*: address, name, department, notes.
use super::{Asked, Frame, Tab, frame};
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Page, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use desk::mailboxes::mailbox::{self, Account, Mailbox};
use desk::people::department::{self, Department};

/// The fields as shown: stored, or as typed.
#[derive(Clone, Debug, Default)]
pub struct AccountForm {
    pub address: String,
    pub name: String,
    pub department_id: i64,
    pub notes: String,
}
impl AccountForm {
    pub fn typed(form: &Form) -> AccountForm {
        AccountForm {
            address: form.text("address"),
            name: form.text("name"),
            department_id: form.number("department").unwrap_or(1),
            notes: form.long_text("notes"),
        }
    }
    fn stored(mailbox: &Mailbox) -> AccountForm {
        AccountForm {
            address: mailbox.address.clone(),
            name: mailbox.name.clone(),
            department_id: mailbox.department_id,
            notes: mailbox.notes.clone(),
        }
    }
    pub fn account(&self) -> Account {
        Account {
            address: self.address.clone(),
            name: self.name.clone(),
            department_id: self.department_id,
            notes: self.notes.clone(),
        }
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

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    show_tab(&state, &visit, id, &asked, kept.as_ref().map(AccountForm::typed), None).await
}

async fn show_tab(
    state: &State,
    visit: &Visit,
    id: i64,
    asked: &Asked,
    typed: Option<AccountForm>,
    why: Option<String>,
) -> Result<Response, Error> {
    let (mut page, frame) = frame(state, visit, id, Tab::Account, asked).await?;
    let departments = state.courier.read(department::list).await?;
    page.given_back = typed.is_some() && why.is_none();
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = typed.unwrap_or_else(|| AccountForm::stored(&frame.mailbox));
    show_as(status, &AccountPage { page, frame, form, departments, why })
}

pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let typed = AccountForm::typed(&form);
    let (account, by) = (typed.account(), who.by());
    let changed = state.courier.write(move |tx| mailbox::change_account(tx, &by, id, &account)).await;
    match error::refusal(changed)? {
        Ok(()) => Ok(see_other(&format!("/mailboxes/{id}?done=saved"))),
        Err(refusal) => {
            show_tab(&state, &visit, id, &Asked::default(), Some(typed), Some(refusal.to_string())).await
        }
    }
}
