//! The steps after `/authorize`: pick an account, password, consent, and the way back to the client. Any
//! password is taken for the people of Contoso, and the page says so.

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use url::Url;

use super::Tenant;
use super::flow::{Code, Flow, Prompt, Purpose, ResponseMode};
use super::problem::{Problem, Trace};
use crate::directory::{App, Audience};
use crate::faults::Fault;
use crate::page::{self, Consent, Password, PickAccount};
use crate::people::{self, Kind, Person};
use crate::permissions::{self, Scope};
use crate::world::{Shared, World};

/// What is sent back to the client.
pub(super) enum Outcome {
    Code { code: String, state: Option<String> },
    Consented,
    Problem(Problem),
}

#[derive(Debug, Deserialize)]
pub(super) struct SignIn {
    flow: String,
    #[serde(default)]
    account: String,
    /// `None` on the page that picks the account.
    password: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Consented {
    flow: String,
    answer: String,
    /// The box *Consent on behalf of your organization*.
    everyone: Option<String>,
}

/// The password page when the account is already named, else the list of accounts.
pub(super) fn first_page(id: &str, flow: &Flow) -> Response {
    let hinted = people::find(&flow.login_hint).filter(|person| flow.tenant.lists(person));
    match hinted {
        Some(person) if flow.prompt != Prompt::SelectAccount => password_page(id, flow, person.address, ""),
        _ => pick_page(id, flow, ""),
    }
}

fn pick_page(id: &str, flow: &Flow, why: &str) -> Response {
    let mut accounts: Vec<&Person> =
        people::PEOPLE.iter().filter(|person| flow.tenant.lists(person)).collect();
    // The account the client hopes for comes first.
    accounts.sort_by_key(|person| !person.address.eq_ignore_ascii_case(&flow.login_hint));
    page::html(&PickAccount {
        tenant: &flow.tenant_segment,
        flow: id,
        app: &flow.app_name,
        accounts,
        hint: &flow.login_hint,
        why,
    })
}

fn password_page(id: &str, flow: &Flow, account: &str, why: &str) -> Response {
    page::html(&Password { tenant: &flow.tenant_segment, flow: id, account, why })
}

pub(super) async fn sign_in(
    State(world): State<Shared>,
    Path(segment): Path<String>,
    Form(form): Form<SignIn>,
) -> Response {
    let Some(flow) = world.flows.find(&form.flow).filter(|flow| flow.tenant_segment == segment) else {
        return stale(&world);
    };
    let account = form.account.trim().to_lowercase();
    let Some(app) = world.directory.app(&flow.client_id) else { return stale(&world) };
    let person = match may_sign_in(&flow, &app, &account) {
        Ok(person) => person,
        Err(Refusal::OnForm(why)) => return pick_page(&form.flow, &flow, &why),
        Err(Refusal::OnPage(problem)) => return page::problem(&problem, &Trace::new(&world)),
    };
    match form.password.as_deref() {
        None => return password_page(&form.flow, &flow, person.address, ""),
        Some("") => {
            let why = "Your account or password is incorrect. Practice takes any password, but not an empty one. (AADSTS50126)";
            return password_page(&form.flow, &flow, person.address, why);
        }
        Some(_) => {}
    }
    if world.faults.strike(Fault::ConditionalAccess, Some(person.address)) {
        let text = "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.";
        return leave(&world, &flow, Outcome::Problem(Problem::new("access_denied", 53003, text)));
    }
    world.flows.signed_in(&form.flow, person.address);
    if matches!(flow.purpose, Purpose::Device { .. })
        && world.faults.strike(Fault::DeviceBlocked, Some(person.address))
    {
        let text = "Access has been blocked by security defaults. The device code flow is not allowed.";
        return page::problem(&Problem::new("access_denied", 530035, text), &Trace::new(&world));
    }
    let for_all = matches!(flow.purpose, Purpose::AdminConsent { .. });
    if (for_all && !person.consents_for_all())
        || world.faults.strike(Fault::AdminApproval, Some(person.address))
    {
        let text = format!(
            "{} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.",
            app.name
        );
        return page::problem(&Problem::new("access_denied", 90094, text), &Trace::new(&world));
    }
    let missing = missing(&app, person, &flow.scopes);
    if missing.is_empty() && flow.prompt != Prompt::Consent {
        return finish(&world, &form.flow, person.address);
    }
    let asked = if flow.prompt == Prompt::Consent { &flow.scopes } else { &missing };
    let permissions = asked.iter().filter_map(|scope| permissions::find(scope.permission)).collect();
    page::html(&Consent {
        tenant: &flow.tenant_segment,
        flow: &form.flow,
        app: &app.name,
        person,
        permissions,
        for_all,
    })
}

enum Refusal {
    OnForm(String),
    OnPage(Problem),
}

fn may_sign_in(flow: &Flow, app: &App, account: &str) -> Result<&'static Person, Refusal> {
    let person = people::find(account).ok_or_else(|| {
        Refusal::OnForm(match account {
            "" => "Enter a valid email address, phone number, or Skype name.".to_owned(),
            _ => "This username may be incorrect. Make sure you typed it correctly. Otherwise, contact your admin. (AADSTS50034)".to_owned(),
        })
    })?;
    let takes_personal = matches!(app.audience, Audience::MultiTenantAndPersonal | Audience::PersonalOnly);
    if flow.tenant.lists(person) && (person.kind != Kind::Personal || takes_personal) {
        return Ok(person);
    }
    if flow.tenant == Tenant::Consumers {
        let why = "You can't sign in here with a work or school account. Use your personal Microsoft account instead. (AADSTS500208)";
        return Err(Refusal::OnForm(why.to_owned()));
    }
    match person.kind {
        Kind::Shared => {
            // A shared mailbox's account is disabled by design: someone with access signs in instead.
            let text = "The user account is disabled. The account has been disabled by an administrator.";
            Err(Refusal::OnPage(Problem::new("invalid_grant", 50057, text)))
        }
        _ => {
            let text = format!(
                "User account '{}' from identity provider 'live.com' does not exist in tenant 'Contoso' and cannot access the application '{}'({}) in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
                person.address, flow.client_id, flow.app_name
            );
            Err(Refusal::OnPage(Problem::new("access_denied", 50020, text)))
        }
    }
}

/// The scopes nobody has consented to yet. Signing in itself is part of any consent.
fn missing(app: &App, person: &Person, scopes: &[Scope]) -> Vec<Scope> {
    let any = !app.consent_for_all.is_empty() || app.consents.contains_key(person.address);
    let implied = |scope: &Scope| any && matches!(scope.permission, "openid" | "profile" | "email");
    scopes
        .iter()
        .filter(|scope| !implied(scope) && !app.consented(person.address, scope.permission))
        .cloned()
        .collect()
}

pub(super) async fn consent(
    State(world): State<Shared>,
    Path(segment): Path<String>,
    Form(form): Form<Consented>,
) -> Response {
    let flow = world.flows.find(&form.flow).filter(|flow| flow.tenant_segment == segment);
    let Some((flow, person)) =
        flow.and_then(|flow| people::find(flow.address.as_deref()?).map(|person| (flow, person)))
    else {
        return stale(&world);
    };
    if form.answer != "accept" {
        world.flows.end(&form.flow);
        let text = "User declined to consent to access the app.";
        return leave(&world, &flow, Outcome::Problem(Problem::new("access_denied", 65004, text)));
    }
    let granted = flow.scopes.iter().map(|scope| scope.permission.to_owned());
    world.directory.change(|records| {
        let Some(app) = records.app_mut(&flow.client_id) else { return };
        let application = flow.purpose == Purpose::AdminConsent { with_application: true };
        if application {
            app.app_consent = app.app_permissions.clone();
        }
        let for_all = form.everyone.is_some() || matches!(flow.purpose, Purpose::AdminConsent { .. });
        if for_all && person.consents_for_all() {
            app.consent_for_all.extend(granted);
        } else {
            app.consents.entry(person.address.to_owned()).or_default().extend(granted);
        }
    });
    finish(&world, &form.flow, person.address)
}

/// Issues the code and sends the browser back.
fn finish(world: &World, id: &str, address: &str) -> Response {
    let Some(mut flow) = world.flows.end(id) else { return stale(world) };
    match &flow.purpose {
        Purpose::Code => {}
        Purpose::AdminConsent { .. } => return leave(world, &flow, Outcome::Consented),
        Purpose::Device { user_code } => {
            world.devices.approve(user_code, address);
            let text = format!(
                "You have signed in to the {} application on your device. You may now close this window.",
                flow.app_name
            );
            return page::notice(StatusCode::OK, &flow.app_name, &text);
        }
    }
    let mut state = flow.state.clone();
    if world.faults.strike(Fault::WrongState, Some(address)) {
        state = Some(world.chance.token());
    }
    if world.faults.strike(Fault::WrongNonce, Some(address)) {
        flow.nonce = Some(world.chance.token());
    }
    let code = format!("1.{}", world.chance.token());
    let memory = Code {
        flow: flow.clone(),
        address: address.to_owned(),
        issued_at: world.clock.now_at(),
        redeemed: false,
    };
    world.flows.issue(code.clone(), memory);
    leave(world, &flow, Outcome::Code { code, state })
}

/// The redirect to the client, with a code or with an error.
pub(super) fn leave(world: &World, flow: &Flow, outcome: Outcome) -> Response {
    if let (Purpose::Device { user_code }, Outcome::Problem(problem)) = (&flow.purpose, &outcome) {
        world.devices.decline(user_code);
        return page::problem(problem, &Trace::new(world));
    }
    let Ok(mut target) = Url::parse(&flow.redirect_uri) else { return stale(world) };
    let mut answer = url::form_urlencoded::Serializer::new(String::new());
    let state = match outcome {
        Outcome::Code { code, state } => {
            answer.append_pair("code", &code);
            state
        }
        Outcome::Consented => {
            answer.append_pair("admin_consent", "True").append_pair("tenant", &world.tenant_id);
            answer.append_pair("scope", &permissions::join(&flow.scopes));
            flow.state.clone()
        }
        Outcome::Problem(problem) => {
            answer.append_pair("error", problem.error);
            if problem.number == 65004 {
                answer.append_pair("error_subcode", "cancel");
            }
            answer.append_pair("error_description", &problem.description(&Trace::new(world)));
            answer.append_pair("error_uri", &format!("{}/error?code={}", world.http_url, problem.number));
            flow.state.clone()
        }
    };
    if let Some(state) = state {
        answer.append_pair("state", &state);
    }
    if flow.purpose == Purpose::Code {
        answer.append_pair("session_state", &world.seed.guid(&format!("session {}", flow.client_id)));
    }
    let answer = answer.finish();
    match flow.response_mode {
        ResponseMode::Fragment => target.set_fragment(Some(&answer)),
        ResponseMode::Query => {
            let query = target.query().map(|query| format!("{query}&{answer}")).unwrap_or(answer);
            target.set_query(Some(&query));
        }
    }
    page::found(target.as_str())
}

fn stale(world: &World) -> Response {
    let text = "The sign-in is over: it was used already, took longer than half an hour, or the practice provider was started anew. Go back to where it began and start again.";
    page::problem(&Problem::new("invalid_request", 90014, text), &Trace::new(world))
}
