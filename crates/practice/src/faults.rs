//! What goes wrong, when told to: one table, a row a fault. Not where a fault is carried out: the place it
//! names (token endpoint, IMAP, SMTP, …) asks [`Faults::strike`] and behaves badly itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The part of the provider that misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Authorize,
    Token,
    Device,
    Discovery,
    Keys,
    Userinfo,
    Revoke,
    Graph,
    Imap,
    Pop,
    Smtp,
}

/// One row of the table: the fault's name on the wire and in JSON, where it strikes, what the provider does.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Row {
    #[serde(skip)]
    pub fault: Fault,
    pub name: &'static str,
    pub place: Place,
    pub does: &'static str,
}

macro_rules! faults {
    ($( $variant:ident $name:literal $place:ident $does:literal )*) => {
        /// Everything that can be told to go wrong. See [`TABLE`] for what each does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fault { $( #[doc = $does] $variant, )* }

        /// Every fault. Adding a fault is adding a row here and an arm where it strikes.
        pub const TABLE: &[Row] = &[ $( Row { fault: Fault::$variant, name: $name, place: Place::$place, does: $does }, )* ];
    };
}

faults! {
    AuthorizeServerError    "authorize_server_error"    Authorize "comes back with error=server_error, AADSTS50000"
    AuthorizeUnavailable    "authorize_unavailable"     Authorize "comes back with error=temporarily_unavailable, AADSTS90033"
    AdminApproval           "admin_approval"            Authorize "stops at the page Need admin approval, AADSTS90094"
    ConditionalAccess       "conditional_access"        Authorize "comes back with error=access_denied, AADSTS53003"
    WrongState              "wrong_state"               Authorize "comes back with a code and a state that nobody sent"
    WrongIssuer             "wrong_issuer"              Authorize "comes back with an iss that is another provider's (RFC 9207), where one is sent"
    WrongNonce              "wrong_nonce"               Authorize "puts another nonce into the id_token"
    NoRefreshToken          "no_refresh_token"          Token "leaves the refresh token out, whatever was asked"
    SecretExpired           "secret_expired"            Token "invalid_client, AADSTS7000222: the client secret keys are expired"
    SecretWrong             "secret_wrong"              Token "invalid_client, AADSTS7000215: invalid client secret provided"
    TokenServerError        "token_500"                 Token "HTTP 500 with a page that is not JSON"
    TokenUnavailable        "token_503"                 Token "HTTP 503, temporarily_unavailable, AADSTS90033"
    TokenThrottled          "token_429"                 Token "HTTP 429 with Retry-After: 7"
    TokenThrottledLong      "token_429_long"            Token "HTTP 429 with Retry-After: 300"
    TokenThrottledUntil     "token_429_date"            Token "HTTP 429 with a date five minutes ahead in Retry-After"
    TokenDrops              "token_drops"               Token "closes the connection without an answer"
    TokenStalls             "token_stalls"              Token "never answers"
    LoopDetected            "loop_detected"             Token "invalid_request, AADSTS50196: a request loop was detected"
    GrantRevoked            "grant_revoked"             Token "refresh: invalid_grant, AADSTS50173: the grant was revoked (password reset)"
    GrantExpired            "grant_expired"             Token "refresh: invalid_grant, AADSTS70008: expired due to inactivity"
    GrantInactive           "grant_inactive"            Token "refresh: invalid_grant, AADSTS700082: unused for 90 days"
    SignInFrequency         "sign_in_frequency"         Token "refresh: invalid_grant, AADSTS70043: sign-in frequency policy"
    MfaRequired             "mfa_required"              Token "refresh: invalid_grant, AADSTS50076: multi-factor authentication needed"
    AccountDisabled         "account_disabled"          Token "refresh: invalid_grant, AADSTS50057: the account is disabled"
    BlockedByPolicy         "blocked_by_policy"         Token "refresh: invalid_grant, AADSTS53003: blocked by Conditional Access"
    ConsentRemoved          "consent_removed"           Token "refresh: invalid_grant, AADSTS65001: consent is missing (service account: nothing is delegated to it any more)"
    ReauthenticationDemanded "reauthentication_demanded" Token "Google, refresh: invalid_grant with error_subtype invalid_rapt"
    NarrowedScope           "narrowed_scope"            Token "answers with less than was asked: without the scopes for mail (Entra: without SMTP.Send and Mail.Send; an application: without its roles)"
    WrongResource           "wrong_resource"            Token "the access token is for Microsoft Graph, and where that was asked for, Outlook"
    AppMissing              "app_missing"               Token "unauthorized_client, AADSTS700016: the application was not found in the directory (service account: account not found)"
    AppDisabled             "app_disabled"              Token "unauthorized_client, AADSTS7000112: the application is disabled"
    ResourceUnknown         "resource_unknown"          Token "invalid_resource, AADSTS500011: the resource was not found in the tenant"
    ScopeInvalid            "scope_invalid"             Token "invalid_scope, AADSTS70011: the scope is not valid"
    RequestMalformed        "request_malformed"         Token "invalid_request, AADSTS9002313: the request is malformed"
    TransientGrant          "transient_grant"           Token "invalid_grant with a number that passes by itself, AADSTS90033"
    UnknownNumber           "unknown_number"            Token "invalid_grant with a number that nobody has heard of, AADSTS999999"
    PasswordChanged         "password_changed"          Token "refresh: invalid_grant, AADSTS50133: the session is invalid, the password was changed"
    KeysRollOver            "keys_roll_over"            Token "id_tokens are signed with a new key, published from now on beside the old one"
    KeyUnpublished          "key_unpublished"           Token "the id_token is signed with a key that is published nowhere"
    ShortTokens             "short_tokens"              Token "access tokens live for 60 seconds"
    StrictRotation          "strict_rotation"           Token "a refresh token dies at its first use"
    MomentaryTokens         "momentary_tokens"          Token "access tokens live for one second"
    LongTokens              "long_tokens"               Token "access tokens are 2.5 kB long, as those of people in many groups are"
    BriefTokens             "brief_tokens"              Token "access tokens live for 32 seconds: for a client that keeps half a minute in hand, two"
    AssertionUnknownKey     "assertion_unknown_key"     Token "certificate: invalid_client, AADSTS700027: the key was not found (service account: Invalid JWT Signature)"
    AssertionOutOfTime      "assertion_out_of_time"     Token "certificate: invalid_client, AADSTS700024: not within its valid time range (service account: not in a reasonable timeframe)"
    AssertionRejected       "assertion_rejected"        Token "certificate: invalid_client, AADSTS50012: not accepted"
    ClockAhead              "clock_ahead"               Token "the identity provider's clock is ten minutes fast (id_tokens, assertions, the end of an application's tokens)"
    ClockBehind             "clock_behind"              Token "the identity provider's clock is ten minutes slow (id_tokens, assertions, the end of an application's tokens)"
    DeviceBlocked           "device_blocked"            Device "device code: the sign-in ends at AADSTS530035, security defaults"
    DeviceSlowDown          "device_slow_down"          Device "device code: a poll is answered slow_down"
    DeviceExpired           "device_expired"            Device "device code: the code expires at the next poll"
    DeviceDeclined          "device_declined"           Device "device code: authorization_declined at the next poll"
    AuthorizeThrottled      "authorize_429"             Authorize "HTTP 429 with Retry-After: 7"
    AuthorizeBreaks         "authorize_500"             Authorize "HTTP 500 with a page that is not JSON"
    Authorize503            "authorize_503"             Authorize "HTTP 503, temporarily_unavailable"
    AuthorizeGarbage        "authorize_garbage"         Authorize "HTTP 200 with a page that is nobody's answer"
    AuthorizeStalls         "authorize_stalls"          Authorize "never answers"
    AuthorizeSlow           "authorize_slow"            Authorize "answers after four seconds"
    AuthorizeDrops          "authorize_drops"           Authorize "closes the connection without an answer"
    TokenGarbage            "token_garbage"             Token "HTTP 200 with a page that is nobody's answer"
    TokenSlow               "token_slow"                Token "answers after four seconds"
    DeviceThrottled         "device_429"                Device "HTTP 429 with Retry-After: 7"
    DeviceServerError       "device_500"                Device "HTTP 500 with a page that is not JSON"
    DeviceUnavailable       "device_503"                Device "HTTP 503, temporarily_unavailable"
    DeviceGarbage           "device_garbage"            Device "HTTP 200 with a page that is nobody's answer"
    DeviceStalls            "device_stalls"             Device "never answers"
    DeviceSlow              "device_slow"               Device "answers after four seconds"
    DeviceDrops             "device_drops"              Device "closes the connection without an answer"
    DiscoveryThrottled      "discovery_429"             Discovery "HTTP 429 with Retry-After: 7"
    DiscoveryServerError    "discovery_500"             Discovery "HTTP 500 with a page that is not JSON"
    DiscoveryUnavailable    "discovery_503"             Discovery "HTTP 503, temporarily_unavailable"
    DiscoveryGarbage        "discovery_garbage"         Discovery "HTTP 200 with a page that is nobody's answer"
    DiscoveryStalls         "discovery_stalls"          Discovery "never answers"
    DiscoverySlow           "discovery_slow"            Discovery "answers after four seconds"
    DiscoveryDrops          "discovery_drops"           Discovery "closes the connection without an answer"
    KeysThrottled           "keys_429"                  Keys "HTTP 429 with Retry-After: 7"
    KeysServerError         "keys_500"                  Keys "HTTP 500 with a page that is not JSON"
    KeysUnavailable         "keys_503"                  Keys "HTTP 503, temporarily_unavailable"
    KeysGarbage             "keys_garbage"              Keys "HTTP 200 with a page that is nobody's answer"
    KeysStall               "keys_stalls"               Keys "never answers"
    KeysSlow                "keys_slow"                 Keys "answers after four seconds"
    KeysDrop                "keys_drops"                Keys "closes the connection without an answer"
    UserinfoThrottled       "userinfo_429"              Userinfo "HTTP 429 with Retry-After: 7"
    UserinfoServerError     "userinfo_500"              Userinfo "HTTP 500 with a page that is not JSON"
    UserinfoUnavailable     "userinfo_503"              Userinfo "HTTP 503, temporarily_unavailable"
    UserinfoGarbage         "userinfo_garbage"          Userinfo "HTTP 200 with a page that is nobody's answer"
    UserinfoStalls          "userinfo_stalls"           Userinfo "never answers"
    UserinfoSlow            "userinfo_slow"             Userinfo "answers after four seconds"
    UserinfoDrops           "userinfo_drops"            Userinfo "closes the connection without an answer"
    RevokeThrottled         "revoke_429"                Revoke "HTTP 429 with Retry-After: 7"
    RevokeServerError       "revoke_500"                Revoke "HTTP 500 with a page that is not JSON"
    RevokeUnavailable       "revoke_503"                Revoke "HTTP 503, temporarily_unavailable"
    RevokeGarbage           "revoke_garbage"            Revoke "HTTP 200 with a page that is nobody's answer"
    RevokeStalls            "revoke_stalls"             Revoke "never answers"
    RevokeSlow              "revoke_slow"               Revoke "answers after four seconds"
    RevokeDrops             "revoke_drops"              Revoke "closes the connection without an answer"
    GraphThrottled          "graph_429"                 Graph "HTTP 429 with Retry-After: 7"
    GraphServerError        "graph_500"                 Graph "HTTP 500 with a page that is not JSON"
    GraphUnavailable        "graph_503"                 Graph "HTTP 503, serviceNotAvailable"
    GraphGarbage            "graph_garbage"             Graph "HTTP 200 with a page that is nobody's answer"
    GraphStalls             "graph_stalls"              Graph "never answers"
    GraphSlow               "graph_slow"                Graph "answers after four seconds"
    GraphDrops              "graph_drops"               Graph "closes the connection without an answer"
    GraphThrottledLong      "graph_429_long"            Graph "HTTP 429 with Retry-After: 300"
    GraphTokenRefused       "graph_token_refused"       Graph "HTTP 401 InvalidAuthenticationToken, whatever the token"
    GraphClaimsDemanded     "graph_claims"              Graph "HTTP 401 with a claims challenge: the token was overtaken by an event"
    GraphGone               "graph_gone"                Graph "HTTP 410 Gone, whatever is asked for"
    GraphAccessDenied       "graph_access_denied"       Graph "HTTP 403 ErrorAccessDenied, whatever is permitted"
    GraphNoMailbox          "graph_no_mailbox"          Graph "HTTP 404 MailboxNotEnabledForRESTAPI"
    GraphSyncLost           "graph_sync_lost"           Graph "delta: the link of an earlier round is answered 410 SyncStateNotFound"
    GraphRepeatsPage        "graph_repeats_page"        Graph "delta: the next link leads to the same page once more"
    GraphForeignNext        "graph_foreign_next"        Graph "delta: the next link leads to another host"
    GraphLetterGone         "graph_letter_gone"         Graph "the bytes of a letter are answered 404 ErrorItemNotFound"
    GraphLetterBreaks       "graph_letter_500"          Graph "the bytes of a letter are answered 500 ErrorInternalServerError"
    GraphDropInLetter       "graph_drop_letter"         Graph "half the bytes of a letter, then the connection closes"
    GraphMoveFails          "graph_move_fails"          Graph "move and copy answered 400 ErrorMoveCopyFailed"
    GraphSendDenied         "graph_send_denied"         Graph "sending is answered 403 ErrorSendAsDenied"
    GraphDropAfterSend      "graph_drop_after_send"     Graph "sends, then closes the connection without an answer"
    GraphOwnMessageId       "graph_own_message_id"      Graph "puts its own Message-ID into what is sent"
    GraphSubscribeDenied    "graph_subscribe_denied"    Graph "making a subscription for change notifications is answered 403 ErrorAccessDenied"
    GraphSubscribeUnreached "graph_subscribe_unreached" Graph "making a subscription is answered 400 ValidationError: the address could not be reached"
    GraphSubscriptionRemoved "graph_subscription_removed" Graph "the next letter ends its folder's subscription, which is told in place of it (subscriptionRemoved)"
    GraphNotificationsMissed "graph_notifications_missed" Graph "the next letter is told to nobody, and that is told (missed)"
    GraphReauthorization    "graph_reauthorization"     Graph "with the next letter a subscription asks to be renewed (reauthorizationRequired)"
    IntrospectionInactive   "introspection_inactive"    Token "introspection: the access token counts no longer, whatever its end said"
    ImapAuthenticateNo      "imap_authenticate_no"      Imap "AUTHENTICATE answered NO AUTHENTICATE failed."
    ImapAuthenticateJson    "imap_authenticate_json"    Imap "AUTHENTICATE answered with a 401 challenge, then NO (as Google does)"
    ImapNotConnected        "imap_not_connected"        Imap "AUTHENTICATE OK, then BAD User is authenticated but not connected."
    ImapUnavailable         "imap_unavailable"          Imap "greets with BYE, the service is not available"
    ImapThrottled           "imap_throttled"            Imap "any command after sign-in: NO Request is throttled. Suggested Backoff Time"
    ImapSelectNo            "imap_select_no"            Imap "SELECT and EXAMINE answered NO"
    ImapFetchNo             "imap_fetch_no"             Imap "FETCH answered NO, with no letter before it"
    ImapByeInFetch          "imap_bye_in_fetch"         Imap "half a letter, then BYE and the connection closes"
    ImapDropInFetch         "imap_drop_in_fetch"        Imap "half a letter, then the connection closes without a word"
    ImapStalls              "imap_stalls"               Imap "stops answering in mid-FETCH and holds the connection"
    ImapMoveNo              "imap_move_no"              Imap "MOVE and COPY answered NO"
    ImapUidValidity         "imap_uidvalidity"          Imap "SELECT shows another UIDVALIDITY, as after a restore"
    ImapIdleSilent          "imap_idle_silent"          Imap "IDLE never tells of new mail"
    PopUnavailable          "pop_unavailable"           Pop "greets with -ERR [SYS/TEMP]"
    PopAuthFails            "pop_auth_fails"            Pop "AUTH answered -ERR Authentication failure"
    PopAuthJson             "pop_auth_json"             Pop "AUTH answered with a 401 challenge, then -ERR (as Google does)"
    PopInUse                "pop_in_use"                Pop "AUTH answered -ERR [IN-USE]"
    PopNotConnected         "pop_not_connected"         Pop "AUTH +OK, then -ERR User is authenticated but not connected."
    PopSystemTemporary      "pop_sys_temp"              Pop "any command after sign-in: -ERR [SYS/TEMP]"
    PopThrottled            "pop_throttled"             Pop "any command after sign-in: -ERR Request is throttled. Suggested Backoff Time"
    PopNoUidl               "pop_no_uidl"               Pop "UIDL answered -ERR, and missing among the capabilities"
    PopUidlReused           "pop_uidl_reused"           Pop "names of letters count anew in the session, so that one may be another letter's than before"
    PopRetrieveNo           "pop_retr_no"               Pop "RETR answered -ERR"
    PopDropInLetter         "pop_drop_letter"           Pop "half a letter, then the connection closes without a word"
    PopStalls               "pop_stalls"                Pop "stops answering in mid-RETR and holds the connection"
    PopDropAtQuit           "pop_drop_quit"             Pop "closes the connection at QUIT; nothing is deleted"
    PopStallAtQuit          "pop_stall_quit"            Pop "never answers QUIT; nothing is deleted"
    PopStallAfterQuit       "pop_stall_after_quit"      Pop "deletes at QUIT, then never answers"
    PopDropAfterQuit        "pop_drop_after_quit"       Pop "deletes at QUIT, then closes the connection without an answer"
    PermissionsCached       "permissions_cached"        Imap "permissions changed in the last two hours do not count yet, at the mail servers and at Graph"
    SmtpUnavailable         "smtp_unavailable"          Smtp "greets with 421 4.3.2"
    SmtpAuthDisabled        "smtp_auth_disabled"        Smtp "AUTH: 535 5.7.139, SmtpClientAuthentication is disabled for the Tenant"
    SmtpAuthFails           "smtp_auth_fails"           Smtp "AUTH: 535 5.7.3 Authentication unsuccessful"
    SmtpTooMany             "smtp_too_many"             Smtp "MAIL: 432 4.3.2 Concurrent connections limit exceeded"
    SmtpSenderRefused       "smtp_sender_refused"       Smtp "after the letter: 550 5.7.60, no permission to send as this sender"
    SmtpRecipientRefused    "smtp_recipient_refused"    Smtp "RCPT: 550 5.1.1, for the address named or for any"
    SmtpRecipientDeferred   "smtp_recipient_deferred"   Smtp "RCPT: 450 4.2.1, for the address named or for any"
    SmtpDeferred            "smtp_deferred"             Smtp "after the letter: 451 4.7.0 temporary server error"
    SmtpLetterRefused       "smtp_letter_refused"       Smtp "after the letter: 554 5.2.0, refused for good"
    SmtpMailboxFull         "smtp_mailbox_full"         Smtp "after the letter: 554 5.2.2 mailbox full"
    SmtpBounces             "smtp_bounces"              Smtp "accepts the recipient named (or any), then returns a bounce"
    SmtpDropAtConnect       "smtp_drop_connect"         Smtp "closes the link instead of greeting"
    SmtpDropAtEhlo          "smtp_drop_ehlo"            Smtp "closes the link at EHLO"
    SmtpDropAtStarttls      "smtp_drop_starttls"        Smtp "closes the link at STARTTLS"
    SmtpDropAtAuth          "smtp_drop_auth"            Smtp "closes the link at AUTH"
    SmtpDropAtMail          "smtp_drop_mail"            Smtp "closes the link at MAIL"
    SmtpDropAtRcpt          "smtp_drop_rcpt"            Smtp "closes the link at RCPT"
    SmtpDropAtData          "smtp_drop_data"            Smtp "closes the link at DATA"
    SmtpDropInLetter        "smtp_drop_letter"          Smtp "closes the link before the final dot; nothing is delivered"
    SmtpDropAfterDot        "smtp_drop_after_dot"       Smtp "delivers, then closes the link before answering the final dot"
    SmtpStallAfterDot       "smtp_stall_after_dot"      Smtp "delivers, then never answers the final dot"
    SmtpDropAtQuit          "smtp_drop_quit"            Smtp "closes the link at QUIT without an answer"
}

impl Fault {
    pub fn named(name: &str) -> Option<Fault> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.fault)
    }

    pub fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.fault == self).map_or("", |row| row.name)
    }
}

/// How often a fault strikes before it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    Exactly(u32),
    UntilCleared,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Armed {
    pub times: Times,
    /// Only for this address (or this call of Graph); `None` strikes at anyone.
    pub only: Option<String>,
    /// How often it has struck since it was armed.
    pub struck: u32,
}

/// The handle tests hold: which faults are armed. Clones share one table.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<BTreeMap<Fault, Armed>>>);

impl Faults {
    pub fn arm(&self, fault: Fault, times: Times) {
        self.set(fault, times, None);
    }

    /// Arms a fault for one address only (a recipient, or the mailbox that signs in); a fault of Graph also for one call only:
    /// `delta`, `$value`, `sendMail`, `move`, `delete` or `subscriptions`.
    pub fn arm_for(&self, fault: Fault, times: Times, address: &str) {
        self.set(fault, times, Some(address.trim().to_lowercase()));
    }

    pub fn clear(&self, fault: Fault) {
        self.table().remove(&fault);
    }

    pub fn clear_all(&self) {
        self.table().clear();
    }

    /// How often the fault has struck since it was armed; 0 when it is not armed.
    pub fn struck(&self, fault: Fault) -> u32 {
        self.table().get(&fault).map_or(0, |armed| armed.struck)
    }

    fn set(&self, fault: Fault, times: Times, only: Option<String>) {
        self.table().insert(fault, Armed { times, only, struck: 0 });
    }

    /// Asks whether the fault strikes now, and counts it if so. `who` is the address at hand, if there is one.
    pub(crate) fn strike(&self, fault: Fault, who: Option<&str>) -> bool {
        self.strike_any(fault, who.as_slice())
    }

    /// The same where it may be armed for one of several: for whom, or for which call.
    pub(crate) fn strike_any(&self, fault: Fault, who: &[&str]) -> bool {
        let mut table = self.table();
        let Some(armed) = table.get_mut(&fault) else { return false };
        if let Some(only) = &armed.only
            && !who.iter().any(|who| who.eq_ignore_ascii_case(only))
        {
            return false;
        }
        match &mut armed.times {
            Times::Exactly(0) => return false,
            Times::Exactly(left) => *left -= 1,
            Times::UntilCleared => {}
        }
        armed.struck += 1;
        true
    }

    pub(crate) fn armed(&self, fault: Fault) -> Option<Armed> {
        self.table().get(&fault).cloned()
    }

    fn table(&self) -> std::sync::MutexGuard<'_, BTreeMap<Fault, Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_told_and_only_at_whom() {
        let faults = Faults::default();
        assert!(!faults.strike(Fault::TokenThrottled, None));
        faults.arm(Fault::TokenThrottled, Times::Exactly(2));
        assert!(faults.strike(Fault::TokenThrottled, None));
        assert!(faults.strike(Fault::TokenThrottled, None));
        assert!(!faults.strike(Fault::TokenThrottled, None));
        assert_eq!(faults.struck(Fault::TokenThrottled), 2);
        faults.arm_for(Fault::SmtpRecipientRefused, Times::UntilCleared, "Ann@Nordwind.example");
        assert!(!faults.strike(Fault::SmtpRecipientRefused, Some("bob@nordwind.example")));
        assert!(!faults.strike(Fault::SmtpRecipientRefused, None));
        assert!(faults.strike(Fault::SmtpRecipientRefused, Some("ann@nordwind.example")));
    }

    #[test]
    fn every_fault_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = TABLE.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(TABLE.iter().all(|row| Fault::named(row.name) == Some(row.fault)));
    }
}
