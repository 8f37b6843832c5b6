//! What Google and mail servers are known to answer, in their own words, and that each has an explanation.

use mail::explain::{self, Class, Fault, Service};

#[test]
fn what_google_says_is_explained_by_error_words_and_age() {
    let check = |error: &str, said: &str, days: Option<u32>, class: Class, word: &str| {
        let fault = Fault {
            error: error.into(),
            error_description: Some(said.into()),
            suberror: said.contains("rapt").then(|| "invalid_rapt".into()),
            authorized_days_ago: days,
            ..Fault::default()
        };
        let found = explain::oauth("google", &fault);
        assert_eq!(found.class, class, "{error} {said}");
        assert!(found.cause.contains(word) || found.remedy.contains(word), "{word}: {found:?}");
    };
    let ended = "Token has been expired or revoked.";
    check("invalid_grant", ended, None, Class::AuthorizeAgain, "six months");
    check("invalid_grant", ended, Some(7), Class::AuthorizeAgain, "seven days after");
    check("invalid_grant", ended, Some(90), Class::AuthorizeAgain, "six months");
    check("invalid_grant", "Bad Request", None, Class::Configuration, "already used");
    check(
        "invalid_grant",
        "reauth related error (invalid_rapt)",
        None,
        Class::Policy,
        "confirm their sign-in",
    );
    check(
        "invalid_grant",
        "Invalid JWT: Token must be a short-lived token",
        None,
        Class::Configuration,
        "clock",
    );
    check("invalid_grant", "Invalid grant: account not found", None, Class::Configuration, "JSON key file");
    check("invalid_grant", "Invalid email or User ID", None, Class::Configuration, "primary address");
    check("invalid_grant", "Something new", None, Class::AuthorizeAgain, "Something new");
    check("unauthorized_client", "", None, Class::Configuration, "numeric client ID");
    check("invalid_client", "Unauthorized", None, Class::Configuration, "Client Secret");
    check("deleted_client", "", None, Class::Configuration, "deleted");
    check("disabled_client", "", None, Class::Configuration, "disabled");
    check("redirect_uri_mismatch", "", None, Class::Configuration, "Authorized redirect URIs");
    check("org_internal", "", None, Class::Configuration, "User type");
    check("access_denied", "", None, Class::AuthorizeAgain, "Test users");
    check("admin_policy_enforced", "", None, Class::Policy, "Trusted");
    check("disallowed_useragent", "", None, Class::Defect, "browser of its own");
    check("invalid_scope", "", None, Class::Configuration, "https://mail.google.com/");
    check("rate_limit_exceeded", "", None, Class::Retry, "waits");
}

/// What servers are known to say after a good sign-in or instead of one: whole answers, as they came.
#[test]
fn what_servers_are_known_to_say_is_explained() {
    use Service::{Imap, Pop, Smtp};
    for (provider, service, answer, class, word) in [
        ("microsoft", Imap, "A01 NO AUTHENTICATE failed.", Class::Configuration, "IMAP.AccessAsUser.All"),
        (
            "microsoft",
            Imap,
            "BAD User is authenticated but not connected.",
            Class::Configuration,
            "Delegation",
        ),
        ("microsoft", Imap, "* BYE Connection closed. 14", Class::Retry, "several errors"),
        ("microsoft", Imap, "BAD Command Argument Error. 11", Class::Configuration, "full"),
        ("microsoft", Imap, "NO Basic authentication is disabled.", Class::Configuration, "OAuth2"),
        (
            "microsoft",
            Pop,
            "-ERR Authentication failure: unknown user name or bad password.",
            Class::Configuration,
            "POP",
        ),
        (
            "microsoft",
            Smtp,
            "535 5.7.3 Authentication unsuccessful [x.prod.outlook.com]",
            Class::Configuration,
            "SMTP.Send",
        ),
        (
            "microsoft",
            Smtp,
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit x",
            Class::Policy,
            "whole tenant",
        ),
        (
            "microsoft",
            Smtp,
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit x",
            Class::Policy,
            "this mailbox",
        ),
        (
            "microsoft",
            Smtp,
            "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
            Class::Policy,
            "security defaults",
        ),
        (
            "microsoft",
            Smtp,
            "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully.",
            Class::Policy,
            "Conditional Access",
        ),
        (
            "microsoft",
            Smtp,
            "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
            Class::Configuration,
            "password",
        ),
        (
            "microsoft",
            Smtp,
            "530 5.7.57 Client not authenticated to send mail.",
            Class::Configuration,
            "wants a sign-in",
        ),
        (
            "microsoft",
            Smtp,
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            Class::Configuration,
            "Send As",
        ),
        (
            "microsoft",
            Smtp,
            "554 5.2.252 SendAsDenied; help@contoso.com not allowed to send as x",
            Class::Configuration,
            "Send As",
        ),
        ("microsoft", Smtp, "432 4.3.2 Concurrent connections limit exceeded", Class::Retry, "connections"),
        (
            "microsoft",
            Smtp,
            "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            Class::Retry,
            "connections",
        ),
        (
            "microsoft",
            Smtp,
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message",
            Class::Retry,
            "daily",
        ),
        ("microsoft", Smtp, "550 5.1.90 Your message can't be sent", Class::Retry, "daily"),
        ("microsoft", Smtp, "550 5.7.233 tenant exceeded", Class::Retry, "outside recipients"),
        ("microsoft", Smtp, "554 5.2.2 mailbox full", Class::Policy, "full"),
        (
            "microsoft",
            Imap,
            "NO Request is throttled. Suggested Backoff Time: 299961 milliseconds",
            Class::Retry,
            "asks",
        ),
        ("google", Imap, "NO [ALERT] Too many simultaneous connections. (Failure)", Class::Retry, "programs"),
        ("google", Imap, "NO Account exceeded command or bandwidth limits. (Failure)", Class::Retry, "today"),
        ("google", Imap, "* BYE Session expired, please login again.", Class::Retry, "session"),
        (
            "google",
            Imap,
            "NO [UNAVAILABLE] Temporary System Problem. Try again later. (Failure)",
            Class::Retry,
            "temporary",
        ),
        (
            "google",
            Imap,
            "NO [ALERT] Please log in via your web browser: https://x (Failure)",
            Class::Configuration,
            "browser",
        ),
        (
            "google",
            Imap,
            "NO [ALERT] Application-specific password required: https://x (Failure)",
            Class::Configuration,
            "app password",
        ),
        ("google", Smtp, "550 5.4.5 Daily sending quota exceeded.", Class::Retry, "in a day"),
        (
            "google",
            Imap,
            "NO [ALERT] Your account is not enabled for IMAP use.",
            Class::Policy,
            "switched IMAP off",
        ),
        (
            "other",
            Imap,
            "NO [AUTHENTICATIONFAILED] Authentication failed.",
            Class::Configuration,
            "user name",
        ),
        ("other", Imap, "NO [AUTHORIZATIONFAILED] no", Class::Configuration, "access"),
        ("other", Imap, "NO [LIMIT] Too many messages", Class::Retry, "limit"),
        ("other", Imap, "NO [PRIVACYREQUIRED] TLS first", Class::Configuration, "STARTTLS"),
        ("other", Pop, "-ERR [IN-USE] locked", Class::Retry, "locked"),
        ("other", Pop, "-ERR [LOGIN-DELAY] wait", Class::Retry, "Fetch Frequency"),
        ("other", Pop, "-ERR [SYS/TEMP] again", Class::Retry, "temporary"),
        ("other", Pop, "-ERR [AUTH] no", Class::Configuration, "password"),
    ] {
        let found = explain::server(provider, service, answer);
        assert_eq!(found.class, class, "{answer}");
        assert!(found.cause.contains(word) || found.remedy.contains(word), "{answer}: {found:?}");
        assert!(!found.cause.contains(answer), "{answer} has words of its own");
    }
    // Exchange's words mean nothing of another server.
    let other = explain::server("other", Service::Imap, "NO AUTHENTICATE failed.");
    assert!(other.cause.contains("AUTHENTICATE failed."), "{other:?}");
}

#[test]
fn an_application_is_not_told_to_sign_in_again() {
    for (service, answer, word) in [
        (Service::Imap, "NO AUTHENTICATE failed.", "IMAP.AccessAsApp"),
        (Service::Imap, "BAD User is authenticated but not connected.", "Add-MailboxPermission"),
        (Service::Smtp, "535 5.7.3 Authentication unsuccessful", "SMTP.SendAsApp"),
    ] {
        let found = explain::server_alone("microsoft", service, answer);
        assert!(found.remedy.contains(word) && found.remedy.contains("prove it again"), "{found:?}");
        assert!(!found.remedy.contains("authorize again") && !found.remedy.contains("Scopes"), "{found:?}");
        assert_ne!(found.remedy, explain::server("microsoft", service, answer).remedy);
    }
    // What is no matter of who signs in is said as ever.
    let full = "554 5.2.2 mailbox full";
    let (alone, person) = (
        explain::server_alone("microsoft", Service::Smtp, full),
        explain::server("microsoft", Service::Smtp, full),
    );
    assert_eq!(alone, person);
}
