//! What a provider offers its registrations, as far as that is known: ways to tokens, and what is shown for them.
use super::{Flow, OTHER};
use crate::{Refusal, Result};
use mail::provider::{self, Book, ClientSecret, OAuth2, Preset};

/// The preset's key, or [`OTHER`]; anything else is refused.
pub(in crate::mailboxes) fn known<'a>(providers: &'a Book, provider: &str) -> Result<Option<&'a Preset>> {
    let preset = providers.find(provider).filter(|preset| preset.oauth2.is_some());
    if preset.is_none() && provider != OTHER {
        let sentence = format!("Nothing is known of a provider “{provider}” that takes OAuth2.");
        return Err(Refusal::Other(sentence).into());
    }
    Ok(preset)
}

fn oauth2(preset: Option<&Preset>) -> Option<&OAuth2> {
    preset.and_then(|preset| preset.oauth2.as_ref())
}

/// How tokens can be had there. Of a provider that was typed in nothing is known, and a person is not the only way.
pub fn flows(preset: Option<&Preset>) -> Vec<Flow> {
    let has = |flow: &Flow| match (flow, oauth2(preset)) {
        (Flow::Code, _) => true,
        (Flow::AppOnly, Some(oauth2)) => oauth2.app_only_scope.is_some(),
        (Flow::AppOnly, None) => preset.is_none(),
        (Flow::ServiceAccount, Some(oauth2)) => oauth2.service_account_scope.is_some(),
        (Flow::ServiceAccount, None) => false,
    };
    Flow::ALL.into_iter().filter(has).collect()
}

/// Whether a certificate may stand in place of a secret.
pub fn takes_certificate(preset: Option<&Preset>) -> bool {
    oauth2(preset).is_none_or(|oauth2| oauth2.certificate)
}

/// A registration without a secret is believed where the provider is known to give none.
pub fn needs_secret(preset: Option<&Preset>) -> bool {
    oauth2(preset).is_none_or(|oauth2| oauth2.client_secret == ClientSecret::Needed)
}

/// The portal shows a *Secret ID*, a GUID, beside the *Value*; where values are no GUIDs, it was pasted by mistake.
pub(super) fn is_secret_id(preset: Option<&Preset>, secret: &str) -> bool {
    oauth2(preset).is_some_and(|oauth2| oauth2.secret_is_no_guid) && provider::is_guid(secret)
}
