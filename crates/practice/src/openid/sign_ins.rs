//! Sign-ins under way and codes not yet redeemed. In memory only.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::identity::flow::Challenge;

const FLOW_MS: i64 = 30 * 60_000;
const CODE_MS: i64 = 10 * 60_000;
const FLOWS_MAX: usize = 1_000;

/// One authorization request that was found in order.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub house: &'static str,
    pub client_id: String,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub challenge: Option<Challenge>,
    /// A refresh token was asked for.
    pub offline: bool,
    pub asks_consent: bool,
    pub login_hint: String,
    pub begun_at: i64,
    pub address: Option<String>,
}

/// What a code is worth.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub flow: Flow,
    pub address: String,
    /// Whether the person was asked just now.
    pub consented_now: bool,
    pub issued_at: i64,
}

#[derive(Debug, Default)]
pub(crate) struct SignIns {
    flows: Mutex<HashMap<String, Flow>>,
    codes: Mutex<HashMap<String, Code>>,
}

impl SignIns {
    pub fn begin(&self, id: String, flow: Flow) {
        let mut flows = lock(&self.flows);
        let now_at = flow.begun_at;
        flows.retain(|_, flow| now_at - flow.begun_at < FLOW_MS);
        if flows.len() < FLOWS_MAX {
            flows.insert(id, flow);
        }
    }

    pub fn find(&self, id: &str, house: &str) -> Option<Flow> {
        lock(&self.flows).get(id).filter(|flow| flow.house == house).cloned()
    }

    pub fn signed_in(&self, id: &str, address: &str) {
        if let Some(flow) = lock(&self.flows).get_mut(id) {
            flow.address = Some(address.to_owned());
        }
    }

    pub fn end(&self, id: &str) {
        lock(&self.flows).remove(id);
    }

    pub fn issue(&self, code: String, memory: Code) {
        let mut codes = lock(&self.codes);
        let now_at = memory.issued_at;
        codes.retain(|_, code| now_at - code.issued_at < CODE_MS);
        codes.insert(code, memory);
    }

    /// A code works once.
    pub fn redeem(&self, code: &str, now_at: i64) -> Option<Code> {
        lock(&self.codes).remove(code).filter(|code| now_at - code.issued_at < CODE_MS)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
