//! Sign-ins under way and authorization codes not yet redeemed. In memory only: a restart ends them, as it
//! ends a browser's patience. Not refresh tokens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::Tenant;
use crate::permissions::Scope;

/// A code lives ten minutes, a sign-in page half an hour.
pub(crate) const CODE_MS: i64 = 10 * 60_000;
const FLOW_MS: i64 = 30 * 60_000;
const FLOWS_MAX: usize = 1_000;

/// Where the answer goes in the redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    Fragment,
}

/// How the verifier proves itself (RFC 7636).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    S256(String),
    Plain(String),
}

impl Challenge {
    /// Whether this is the verifier that the challenge was made of.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Challenge::Plain(challenge) => verifier == challenge,
            Challenge::S256(challenge) => {
                URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) == *challenge
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// None was asked for.
    Unsaid,
    Login,
    SelectAccount,
    Consent,
}

/// What a sign-in is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    Code,
    /// Answers whoever polls with the device code.
    Device {
        user_code: String,
    },
    /// Consent for everyone, and application permissions with it.
    AdminConsent {
        with_application: bool,
    },
}

/// One authorization request that was found in order.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub tenant: Tenant,
    /// As it stood in the path, for the forms.
    pub tenant_segment: String,
    pub client_id: String,
    pub app_name: String,
    pub purpose: Purpose,
    pub redirect_uri: String,
    pub response_mode: ResponseMode,
    pub scopes: Vec<Scope>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub challenge: Option<Challenge>,
    pub login_hint: String,
    pub prompt: Prompt,
    pub begun_at: i64,
    /// Set once the password was taken.
    pub address: Option<String>,
}

/// An authorization code's memory.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub flow: Flow,
    pub address: String,
    pub issued_at: i64,
    pub redeemed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Flows {
    flows: Mutex<HashMap<String, Flow>>,
    codes: Mutex<HashMap<String, Code>>,
}

impl Flows {
    pub fn begin(&self, id: String, flow: Flow) {
        let now_at = flow.begun_at;
        let mut flows = lock(&self.flows);
        flows.retain(|_, flow| now_at - flow.begun_at < FLOW_MS);
        if flows.len() < FLOWS_MAX {
            flows.insert(id, flow);
        }
    }

    pub fn find(&self, id: &str) -> Option<Flow> {
        lock(&self.flows).get(id).cloned()
    }

    pub fn signed_in(&self, id: &str, address: &str) {
        if let Some(flow) = lock(&self.flows).get_mut(id) {
            flow.address = Some(address.to_owned());
        }
    }

    /// Ends a sign-in: each gives one answer.
    pub fn end(&self, id: &str) -> Option<Flow> {
        lock(&self.flows).remove(id)
    }

    pub fn issue(&self, code: String, memory: Code) {
        let now_at = memory.issued_at;
        let mut codes = lock(&self.codes);
        // Redeemed and expired ones are remembered for a while, to say which of the two they are.
        codes.retain(|_, code| now_at - code.issued_at < 6 * CODE_MS);
        codes.insert(code, memory);
    }

    /// Looks at a code and marks it as redeemed in one step; the answer shows what it was before.
    pub fn redeem(&self, code: &str) -> Option<Code> {
        let mut codes = lock(&self.codes);
        let memory = codes.get_mut(code)?;
        let before = memory.clone();
        memory.redeemed = true;
        Some(before)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
