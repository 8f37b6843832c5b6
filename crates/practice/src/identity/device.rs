//! The device authorization grant (RFC 8628) in Entra's words: the codes, the page where a person enters one,
//! and what polling is answered. The sign-in that follows is the common one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use super::client::Proof;
use super::flow::{Flow, Prompt, Purpose, ResponseMode};
use super::problem::{Problem, Trace};
use super::{Tenant, find_app, sign_in};
use crate::directory::App;
use crate::faults::Fault;
use crate::http::Base;
use crate::page;
use crate::permissions::Scope;
use crate::world::{Shared, World};

const LIFE_SECONDS: i64 = 900;
const INTERVAL_SECONDS: i64 = 5;
/// What `slow_down` adds (RFC 8628 §3.5), and how much too early a poll may come.
const SLOWER_MS: i64 = 5_000;
const EARLY_MS: i64 = 1_000;
const DEVICES_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Pending,
    Approved { address: String },
    Declined,
    Redeemed,
}

#[derive(Debug, Clone)]
struct Device {
    user_code: String,
    client_id: String,
    tenant: Tenant,
    segment: String,
    scopes: Vec<Scope>,
    issued_at: i64,
    polled_at: Option<i64>,
    interval_ms: i64,
    state: Progress,
}

/// Device codes under way, by the code that polls. In memory only.
#[derive(Debug, Default)]
pub(crate) struct Devices(Mutex<HashMap<String, Device>>);

impl Devices {
    pub fn approve(&self, user_code: &str, address: &str) {
        self.settle(user_code, Progress::Approved { address: address.to_owned() });
    }

    pub fn decline(&self, user_code: &str) {
        self.settle(user_code, Progress::Declined);
    }

    fn settle(&self, user_code: &str, state: Progress) {
        let mut devices = self.lock();
        if let Some(device) = devices.values_mut().find(|device| device.user_code == user_code) {
            device.state = state;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Device>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn begin(
    State(world): State<Shared>,
    Base(base): Base,
    Path(segment): Path<String>,
    headers: HeaderMap,
    Form(parameters): Form<HashMap<String, String>>,
) -> Response {
    let proof = Proof::of(&base, &segment, &headers, &parameters);
    match codes(&world, &base, &segment, &proof.client_id, &parameters) {
        Ok(body) => (StatusCode::OK, [("cache-control", "no-store")], Json(body)).into_response(),
        Err(problem) => problem.to_json(&world),
    }
}

fn codes(
    world: &World,
    base: &str,
    segment: &str,
    client_id: &str,
    parameters: &HashMap<String, String>,
) -> Result<serde_json::Value, Problem> {
    let tenant = Tenant::named(world, segment)?;
    let app = find_app(world, client_id)?;
    tenant.admits(&app)?;
    let scope = parameters.get("scope").map(|scope| scope.trim()).unwrap_or_default();
    if scope.is_empty() {
        return Err(Problem::missing("scope"));
    }
    let scopes = Scope::parse_all(scope).map_err(|bad| Problem::bad_scope(&app.name, bad))?;
    let now_at = world.clock.now_at();
    let (device_code, user_code) = (world.chance.token(), user_code(world));
    let device = Device {
        user_code: user_code.clone(),
        client_id: app.client_id,
        tenant,
        segment: segment.to_owned(),
        scopes,
        issued_at: now_at,
        polled_at: None,
        interval_ms: INTERVAL_SECONDS * 1000,
        state: Progress::Pending,
    };
    let mut devices = world.devices.lock();
    devices.retain(|_, device| now_at - device.issued_at < 2 * LIFE_SECONDS * 1000);
    if devices.len() < DEVICES_MAX {
        devices.insert(device_code.clone(), device);
    }
    let page = format!("{base}/devicelogin");
    // verification_uri_complete is never sent, as at Microsoft.
    Ok(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": page,
        "expires_in": LIFE_SECONDS,
        "interval": INTERVAL_SECONDS,
        "message": format!("To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."),
    }))
}

/// Nine letters and digits that are not mistaken for one another.
fn user_code(world: &World) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let chosen = world.chance.bytes::<9>().map(|byte| LETTERS.get(usize::from(byte) % LETTERS.len()));
    chosen.into_iter().flatten().map(|letter| char::from(*letter)).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entered {
    otc: String,
}

pub(super) async fn ask(Query(entered): Query<Entered>) -> Response {
    page::html(&page::EnterCode { typed: &entered.otc, why: "" })
}

/// The code is typed; from here it is a sign-in like any other.
pub(super) async fn enter(State(world): State<Shared>, Form(entered): Form<Entered>) -> Response {
    let typed = entered.otc.trim().to_uppercase().replace('-', "");
    let now_at = world.clock.now_at();
    let found = world.devices.lock().values().find(|device| device.user_code == typed).cloned();
    let refuse =
        |why| page::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page::EnterCode { typed: &typed, why });
    let Some(device) = found else {
        return refuse("That code didn't work. Check the code and try again. (AADSTS70018)");
    };
    if now_at - device.issued_at >= LIFE_SECONDS * 1000 {
        return refuse("This code has expired. Start again where you got it. (AADSTS70019)");
    }
    if device.state != Progress::Pending {
        let text = "The request is already authorized or declined.";
        return page::problem(&Problem::new("invalid_request", 90120, text), &Trace::new(&world));
    }
    let Some(app) = world.directory.app(&device.client_id) else {
        return refuse("The application of this code is gone.");
    };
    let flow = Flow {
        tenant: device.tenant,
        tenant_segment: device.segment,
        client_id: app.client_id,
        app_name: app.name,
        purpose: Purpose::Device { user_code: device.user_code },
        redirect_uri: String::new(),
        response_mode: ResponseMode::Query,
        scopes: device.scopes,
        state: None,
        nonce: None,
        challenge: None,
        login_hint: String::new(),
        prompt: Prompt::SelectAccount,
        begun_at: now_at,
        address: None,
    };
    let id = world.chance.token();
    world.flows.begin(id.clone(), flow.clone());
    sign_in::first_page(&id, &flow)
}

/// What a poll of the token endpoint is worth: who signed in and for what.
pub(super) fn poll(
    world: &World,
    app: &App,
    parameters: &HashMap<String, String>,
) -> Result<(String, Vec<Scope>), Problem> {
    let code = parameters.get("device_code").map(String::as_str).unwrap_or_default();
    if code.is_empty() {
        return Err(Problem::missing("device_code"));
    }
    let now_at = world.clock.now_at();
    let mut devices = world.devices.lock();
    let Some(device) = devices.get_mut(code).filter(|device| device.client_id == app.client_id) else {
        let text = "The device_code sent to the /token endpoint wasn't recognized.";
        return Err(Problem::new("bad_verification_code", 70018, text));
    };
    if world.faults.strike(Fault::DeviceExpired, None) {
        device.issued_at = now_at - LIFE_SECONDS * 1000;
    }
    if now_at - device.issued_at >= LIFE_SECONDS * 1000 {
        let text = "The device code has expired. Start a new device authorization request.";
        return Err(Problem::new("expired_token", 70019, text));
    }
    if world.faults.strike(Fault::DeviceDeclined, None) {
        device.state = Progress::Declined;
    }
    match device.state.clone() {
        Progress::Approved { address } => {
            device.state = Progress::Redeemed;
            Ok((address, device.scopes.clone()))
        }
        Progress::Declined => {
            Err(Problem::new("authorization_declined", 65004, "User declined to consent to access the app."))
        }
        Progress::Redeemed => {
            let text = "The device code was already redeemed.";
            Err(Problem::new("invalid_grant", 54005, text))
        }
        Progress::Pending => Err(pending(world, device, now_at)),
    }
}

fn pending(world: &World, device: &mut Device, now_at: i64) -> Problem {
    let early = device.polled_at.is_some_and(|at| now_at - at < device.interval_ms - EARLY_MS);
    device.polled_at = Some(now_at);
    if early || world.faults.strike(Fault::DeviceSlowDown, None) {
        device.interval_ms += SLOWER_MS;
        let text = "The client polls too often. Lengthen the interval by five seconds.";
        return Problem::new("slow_down", 70016, text);
    }
    let text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
    Problem::new("authorization_pending", 70016, text)
}
