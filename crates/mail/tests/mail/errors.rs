//! The table of explanations: whole, without contradictions, in plain words, and the manual's page made from it.

use std::collections::{BTreeMap, BTreeSet};

use mail::explain::{self, Class, Entry, Fault, Source};

/// Microsoft's numbers that a mailbox can meet, by who has to act: R a person authorizes again, C settings, P a rule of
/// the organization, T passes, B a defect.  Written down apart from the explanations, after Microsoft's own list.
const NUMBERS: [(Class, &str); 5] = [
    (
        Class::AuthorizeAgain,
        "16000 16001 16002 16003 50014 51004 50034 50020 50056 50126 50064 50058 50072 50074 50076 50079 50078 50085 \
         50089 50125 50132 50133 50140 50199 50143 50158 50173 65001 65004 70000 700003 70008 700082 70018 90119 70019 \
         50134 90120 700020 90072 9002341",
    ),
    (
        Class::Configuration,
        "28002 50001 500011 50003 50011 500113 900971 50012 50013 500133 500208 50049 50059 50128 90019 50105 50194 \
         65002 65005 650056 650057 650052 650054 70001 7000112 1000031 700011 700016 7000229 70002 7000215 7000218 \
         7000222 700025 700024 700027 700030 700213 70004 700084 9002325 9002327 70011 90002 90008 90009 900382 900432 \
         90038 90043 90051 90056 900561 90094 90095 90099 90124 90130 9001023 9002331 9002332 90027",
    ),
    (
        Class::Policy,
        "40008 40009 40015 50002 500021 500022 50005 500212 500213 50053 50055 50144 50057 50097 50129 50155 50187 50131 \
         50135 53000 53001 53002 53003 530032 530035 53004 53010 53011 54000 70043 80001 80002 80005 80007 80014 80012 \
         80013 90036 90092 90123 135011",
    ),
    (
        Class::Retry,
        "40010 50000 50033 50087 50088 50196 70012 70016 90006 90012 90024 90033 90090 90091 90055",
    ),
    (
        Class::Defect,
        "28000 28003 50027 50048 50147 501491 501481 54005 700005 70003 70005 700054 70007 1002012 700022 700023 901002 \
         90004 90013 90014 900144 90023 9002313 90100",
    ),
];

fn numbers() -> impl Iterator<Item = (u32, Class)> {
    NUMBERS.into_iter().flat_map(|(class, numbers)| {
        numbers.split_whitespace().map(move |number| (number.parse().expect("a number"), class))
    })
}

#[test]
fn every_number_has_one_row_and_its_class() {
    let mut rows: BTreeMap<u32, Class> = BTreeMap::new();
    for entry in explain::entries().iter().filter(|entry| entry.source == Source::Entra) {
        for name in &entry.names {
            let number = name.strip_prefix("AADSTS").unwrap().parse().unwrap();
            assert!(rows.insert(number, entry.class).is_none(), "{number} stands in two rows");
        }
    }
    let named: BTreeMap<u32, Class> = numbers().collect();
    assert_eq!(named.len(), 183);
    assert_eq!(rows, named);
}

/// An error whose own class leaves the number's.
fn error_of(class: Class) -> &'static str {
    match class {
        Class::Retry => "temporarily_unavailable",
        Class::AuthorizeAgain | Class::Policy | Class::Defect => "invalid_grant",
        Class::Configuration => "invalid_client",
    }
}

#[test]
fn every_number_is_explained_as_it_comes_over_the_wire() {
    for (number, class) in numbers() {
        let fault = Fault {
            error: error_of(class).into(),
            error_description: Some(format!(
                "AADSTS{number}: Words of Microsoft. Trace ID: 5d1e2f3a-0000-4000-8000-000000000000 \
                 Correlation ID: 3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c Timestamp: 2026-11-24 09:30:00Z"
            )),
            ..Fault::default()
        };
        let found = explain::oauth("microsoft", &fault);
        assert_eq!(found.class, class, "{number}");
        assert!(!found.cause.contains("Words of Microsoft"), "{number} has words of its own: {found:?}");
        assert_eq!(
            found.lookup.as_deref(),
            Some(format!("https://login.microsoftonline.com/error?code={number}").as_str())
        );
        assert_eq!(found.correlation_id.as_deref(), Some("3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c"));
        assert_eq!(found.time.as_deref(), Some("2026-11-24 09:30:00Z"));
    }
}

#[test]
fn an_unknown_number_is_told_in_the_words_of_its_error_with_what_finds_the_event() {
    let fault = Fault {
        error: "invalid_grant".into(),
        error_description: Some(
            "AADSTS7654321: Something quite new.\r\nTrace ID: x\r\n\
             Correlation ID: 3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c\r\nTimestamp: 2026-11-24 09:30:00Z"
                .into(),
        ),
        ..Fault::default()
    };
    let found = explain::oauth("microsoft", &fault);
    assert_eq!(
        found.cause,
        "The provider no longer accepts the authorization of this mailbox. Microsoft calls it AADSTS7654321, which \
         Postern has no words for. It said: AADSTS7654321: Something quite new."
    );
    assert!(found.remedy.contains("authorize it again. Where: Postern › Admin Panel"), "{}", found.remedy);
    assert_eq!(found.class, Class::AuthorizeAgain);
    assert_eq!(found.lookup.as_deref(), Some("https://login.microsoftonline.com/error?code=7654321"));
    assert_eq!(found.correlation_id.as_deref(), Some("3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c"));
    assert_eq!(found.time.as_deref(), Some("2026-11-24 09:30:00Z"));
    // Another provider's text is not searched for Microsoft's numbers.
    assert_eq!(explain::oauth("other", &fault).lookup, None);
}

/// Numbers that nobody has listed, spread over all that there can be.
fn unknown_numbers() -> impl Iterator<Item = u32> {
    let known: BTreeSet<u32> = numbers().map(|(number, _)| number).collect();
    let mut drawn: u64 = 20_261_124;
    std::iter::repeat_with(move || {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = |bits: u64| u32::try_from(drawn >> bits).expect("it fits");
        part(33) % 10_u32.pow(3 + part(61) % 7)
    })
    .filter(move |number| *number > 0 && !known.contains(number))
    .take(1_000)
}

#[test]
fn a_thousand_numbers_that_nobody_knows_are_told_decently_and_decide_nothing() {
    const ERRORS: [(&str, Class); 8] = [
        ("invalid_grant", Class::AuthorizeAgain),
        ("interaction_required", Class::AuthorizeAgain),
        ("consent_required", Class::AuthorizeAgain),
        ("invalid_client", Class::Configuration),
        ("unauthorized_client", Class::Configuration),
        ("invalid_request", Class::Configuration),
        ("temporarily_unavailable", Class::Retry),
        ("never_heard_of", Class::Configuration),
    ];
    for (number, (error, class)) in unknown_numbers().zip(ERRORS.into_iter().cycle()) {
        let fault = Fault {
            error: error.into(),
            error_description: Some(format!(
                "AADSTS{number}: Quite new\r\nTrace ID: x\r\n\
                 Correlation ID: 3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c\r\nTimestamp: 2026-11-24 09:30:00Z"
            )),
            ..Fault::default()
        };
        let found = explain::oauth("microsoft", &fault);
        assert_eq!(found.class, class, "{number} {error}: the error decides");
        let (begins, ends) = (found.cause.starts_with(char::is_uppercase), found.cause.ends_with('.'));
        assert!(begins && ends && found.cause.len() < 600, "{}", found.cause);
        assert!(
            found.cause.contains(&format!("AADSTS{number}, which Postern has no words for")),
            "{}",
            found.cause
        );
        assert!(found.cause.contains("Quite new."), "{}", found.cause);
        assert!(found.remedy.ends_with('.') && !found.remedy.is_empty(), "{}", found.remedy);
        assert_eq!(
            found.lookup.as_deref(),
            Some(format!("https://login.microsoftonline.com/error?code={number}").as_str())
        );
        assert_eq!(found.correlation_id.as_deref(), Some("3a26d1f3-6b1c-4a5e-9d5a-0d1e2f3a4b5c"));
        assert_eq!(found.time.as_deref(), Some("2026-11-24 09:30:00Z"));
    }
}

/// Begins a path of pages, or says what is not clicked.
const BEGINNINGS: [&str; 7] = [
    "Postern › ",
    "Microsoft Entra admin center › ",
    "Microsoft 365 admin center › ",
    "Exchange admin center › ",
    "Google Cloud console › ",
    "Google Admin console › ",
    "Google Account › ",
];
const NOT_CLICKED: [&str; 4] = [
    "the clock of the machine that runs Postern (timedatectl)",
    "your browser, in a private window",
    "the provider's page of your app registration",
    "the settings of the mail server",
];

#[test]
fn every_remedy_names_a_place_and_every_text_is_a_sentence() {
    for entry in explain::entries() {
        match entry.place {
            None => {
                assert_eq!(entry.class, Class::Retry, "somebody has to act, and nobody says where: {entry:?}")
            }
            Some(path) => {
                let is_path = BEGINNINGS.iter().any(|begin| path.starts_with(begin))
                    && path.split(" › ").all(|page| !page.trim().is_empty());
                assert!(is_path || NOT_CLICKED.contains(&path), "{path}");
            }
        }
        for text in [entry.cause, entry.remedy] {
            let begins = text.starts_with(char::is_uppercase) && !text.starts_with("Nothing:");
            assert!(begins && text.ends_with('.') && text.len() < 300, "{text}");
            assert!(!text.contains("  ") && !text.contains('|') && !text.contains('\n'), "{text}");
        }
        // What passes says first that nobody has to act, or who has.
        if entry.class == Class::Retry && entry.remedy.contains("Postern tries") {
            assert!(entry.remedy.starts_with("Nothing to do"), "{}", entry.remedy);
        }
    }
}

/// Never said to a person who keeps a mailbox.
const JARGON: &[&str] = &[
    "PKCE",
    "JWT",
    "MFA",
    "SPA",
    "UPN",
    "CAE",
    "NTP",
    "SASL",
    "XOAUTH",
    "IdP",
    "STS",
    "OIDC",
    "OpenID",
    "REST",
    "API call",
    "assertion",
    "verifier",
    "claim",
    "principal",
    "grant type",
    "grant_type",
    "response_type",
    "payload",
    "endpoint URL",
    "multi-factor",
    "federation",
    "refresh token",
    "access token",
    "credential grant",
    "nonce",
    "backoff",
    "RBAC",
    "DPoP",
    "parameter",
    "invalid",
    "malformed",
    "deprecated",
    "cmdlet",
];
/// Said, and explained under *Words* of the manual's page.
const EXPLAINED: &[&str] = &[
    "app registration",
    "Authenticated SMTP",
    "Callback Endpoint",
    "certificate",
    "Client ID",
    "Client Secret",
    "cloud",
    "Conditional Access",
    "consent",
    "correlation id",
    "Full Access",
    "license",
    "OAuth2",
    "redirect URI",
    "second factor",
    "Scopes",
    "Send As",
    "service account",
    "shared mailbox",
    "single-page application",
    "tenant",
    "token",
    "federated credential",
    "Delegated permission",
];

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + word.len()..].chars().next())
    })
}

#[test]
fn no_sentence_has_jargon_that_is_not_explained() {
    let entries = explain::entries();
    let texts = || entries.iter().flat_map(|Entry { cause, remedy, .. }| [*cause, *remedy]);
    for text in texts() {
        for word in JARGON {
            assert!(!has_word(text, word), "{word}: {text}");
        }
    }
    let page = explain::manual();
    let words: BTreeSet<String> = page
        .split_once("## Words")
        .unwrap()
        .1
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .map(str::to_lowercase)
        .collect();
    for word in EXPLAINED {
        assert!(
            texts().any(|text| text.to_lowercase().contains(&word.to_lowercase())),
            "{word} is said nowhere"
        );
        assert!(words.contains(&word.to_lowercase()), "{word} is not explained");
    }
}

#[test]
fn the_manual_has_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/errors.md");
    let page = explain::manual();
    if std::env::var_os("POSTERN_WRITE_MANUAL").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/manual/errors.md is not the table: run this test with POSTERN_WRITE_MANUAL=1"
    );
}
