//! Numbers of Microsoft Entra ID (`AADSTS…`) that mailboxes meet.

use super::{Class, Row, TRIES_AGAIN};

const fn row(class: Class, cause: &'static str, remedy: &'static str) -> Row {
    Row { class, cause, remedy }
}

const AGAIN: &str = "Open the mailbox and authorize it again.";
const REPORT: &str = "Start the authorization again; if it happens twice, report it with the correlation id.";
const POLICY_TEAM: &str = "Ask the organization's Entra administrators to except this app or this account from that rule, then authorize again.";

/// The rows; a number stands in one of them.
pub(super) const ROWS: &[(&[u32], Row)] = &[
    (
        &[16_000, 50_020, 50_014, 51_004, 50_034],
        row(
            Class::AuthorizeAgain,
            "The account that signed in does not exist in that tenant.",
            "Sign in with an account of the tenant, or correct the Tenant.",
        ),
    ),
    (
        &[16_001, 16_002, 16_003, 50_058, 50_140, 50_143, 50_199],
        row(
            Class::AuthorizeAgain,
            "The sign-in was interrupted or another account was chosen.",
            "Authorize again in a private window and choose the mailbox's account.",
        ),
    ),
    (
        &[40_008, 40_009, 40_015, 90_123],
        row(
            Class::Policy,
            "The organization's own sign-in service refused.",
            "Ask the organization's identity team, then authorize again.",
        ),
    ),
    (
        &[
            50_000, 50_033, 40_010, 50_087, 50_088, 70_012, 90_006, 90_012, 90_024, 90_033, 90_090, 90_091,
            90_055,
        ],
        row(Class::Retry, "Microsoft's sign-in service has a temporary fault.", TRIES_AGAIN),
    ),
    (
        &[50_196],
        row(
            Class::Retry,
            "Microsoft says that the same question was asked too often.",
            "Nothing to do now: Postern waits before it asks again. If it lasts, report it.",
        ),
    ),
    (
        &[50_001, 500_011, 650_052, 650_054],
        row(
            Class::Configuration,
            "The service that the Scopes name does not exist in this tenant.",
            "Check the Scopes and the cloud, and whether the organization has Exchange Online.",
        ),
    ),
    (
        &[50_005, 50_097, 50_129, 50_131, 50_155, 50_187, 53_000, 53_001, 53_002, 530_032],
        row(
            Class::Policy,
            "A Conditional Access rule asks for a managed device or an approved program, which a server is not.",
            POLICY_TEAM,
        ),
    ),
    (
        &[53_003],
        row(
            Class::Policy,
            "A Conditional Access rule blocks this sign-in, often because of the place it comes from.",
            "Ask the organization's Entra administrators to add this server's address to a named location or to except the app, then authorize again.",
        ),
    ),
    (
        &[530_035],
        row(Class::Policy, "The tenant's security defaults block this way to sign in.", POLICY_TEAM),
    ),
    (
        &[53_004, 53_010],
        row(
            Class::Policy,
            "A second factor has to be registered first, and not from here.",
            "Register the second factor from a place the organization allows, then authorize again.",
        ),
    ),
    (
        &[53_011, 50_053, 50_135],
        row(
            Class::Policy,
            "Microsoft locked the account because of failed or risky sign-ins.",
            "Unblock the account in the Entra admin center, look at its sign-in log, then authorize again.",
        ),
    ),
    (
        &[50_011, 500_113, 900_971, 70_004],
        row(
            Class::Configuration,
            "The Callback Endpoint is not among the redirect URIs of the app registration.",
            "Copy the Callback Endpoint exactly into the registration, under Authentication, platform Web.",
        ),
    ),
    (
        &[50_012, 50_013, 500_133, 700_024, 700_027, 700_030],
        row(
            Class::Configuration,
            "Microsoft does not accept the certificate of the app.",
            "Upload the current certificate to the registration and check the server's clock.",
        ),
    ),
    (
        &[500_208],
        row(
            Class::Configuration,
            "The kind of account (personal or work) is not the one the app registration supports.",
            "Change Supported account types in the registration, or use another account.",
        ),
    ),
    (
        &[50_055, 50_144],
        row(
            Class::Policy,
            "The account's password expired.",
            "Set a new password for the account, then authorize the mailbox again.",
        ),
    ),
    (
        &[50_056, 50_064, 50_126],
        row(Class::AuthorizeAgain, "The password was wrong.", "Authorize again with the right password."),
    ),
    (
        &[50_057],
        row(
            Class::Policy,
            "The account is disabled; shared mailboxes have disabled accounts by design.",
            "Enable the account, or sign in as a person who has Full Access to the shared mailbox.",
        ),
    ),
    (
        &[50_059, 50_128, 90_019],
        row(
            Class::Configuration,
            "Microsoft cannot tell which tenant is meant.",
            "Enter the Directory (tenant) ID as Tenant.",
        ),
    ),
    (
        &[50_072, 50_074, 50_076, 50_078, 50_079, 50_158],
        row(
            Class::AuthorizeAgain,
            "The organization asks for a second factor.",
            "Authorize again and confirm the second factor; for a service mailbox an exception by policy avoids repeats.",
        ),
    ),
    (
        &[50_085, 50_089, 50_125, 700_020, 700_003],
        row(Class::AuthorizeAgain, "Microsoft wants the person to sign in again.", AGAIN),
    ),
    (
        &[50_105],
        row(
            Class::Configuration,
            "The app asks for assigned users, and this account is not assigned.",
            "Assign the account under Enterprise applications, Users and groups.",
        ),
    ),
    (
        &[50_132, 50_133, 50_173],
        row(
            Class::AuthorizeAgain,
            "The authorization was revoked: the password was changed, or the sessions were ended.",
            AGAIN,
        ),
    ),
    (
        &[70_008, 700_082],
        row(Class::AuthorizeAgain, "The authorization ran out, since it was not used for 90 days.", AGAIN),
    ),
    (
        &[70_043],
        row(
            Class::Policy,
            "A sign-in frequency rule ended the authorization.",
            "Ask the organization's Entra administrators to except this account from the sign-in frequency, then authorize again.",
        ),
    ),
    (
        &[50_147, 501_491, 501_481, 54_005, 700_005, 50_048, 28_003],
        row(Class::Defect, "The authorization was mixed up with another one or used twice.", REPORT),
    ),
    (
        &[50_194],
        row(
            Class::Configuration,
            "The app is registered for one tenant, but the endpoints name all of them.",
            "Enter the Directory (tenant) ID as Tenant instead of common.",
        ),
    ),
    (
        &[65_001],
        row(
            Class::AuthorizeAgain,
            "Nobody has consented to the permissions that the Scopes name.",
            "Authorize again and accept, or let an administrator grant consent under API permissions.",
        ),
    ),
    (
        &[65_002],
        row(
            Class::Configuration,
            "The Client ID belongs to Microsoft.",
            "Register an app of your own and enter its Client ID.",
        ),
    ),
    (&[65_004], row(Class::AuthorizeAgain, "The person declined to consent.", "Authorize again and accept.")),
    (
        &[65_005, 650_056, 650_057, 90_008],
        row(
            Class::Configuration,
            "A permission that the Scopes ask for is not listed in the app registration.",
            "Add the permission under API permissions and grant consent.",
        ),
    ),
    (
        &[90_094, 90_095],
        row(
            Class::Configuration,
            "Only an administrator of the organization may consent.",
            "Ask an Entra administrator to press Grant admin consent under API permissions, then authorize again.",
        ),
    ),
    (
        &[70_000],
        row(
            Class::AuthorizeAgain,
            "Microsoft no longer accepts the authorization of this mailbox.",
            "Authorize again; if a personal account is in abuse mode, recover the account first.",
        ),
    ),
    (
        &[70_001, 7_000_112, 1_000_031],
        row(
            Class::Configuration,
            "The app is disabled in the tenant.",
            "Enable it under Enterprise applications.",
        ),
    ),
    (
        &[700_011, 700_016, 7_000_229],
        row(
            Class::Configuration,
            "The tenant does not know this Client ID.",
            "Check Client ID, Tenant and cloud against the Overview page of the registration.",
        ),
    ),
    (
        &[70_002],
        row(
            Class::Configuration,
            "Microsoft does not accept the Client Secret.",
            "Enter the secret's Value again.",
        ),
    ),
    (
        &[7_000_215],
        row(
            Class::Configuration,
            "The Client Secret is wrong; often the Secret ID was pasted.",
            "Paste the Value of the secret, which is shown once, or make a new secret.",
        ),
    ),
    (
        &[7_000_218],
        row(
            Class::Configuration,
            "The app asks for a Client Secret, and none was sent.",
            "Enter the secret's Value.",
        ),
    ),
    (
        &[7_000_222],
        row(
            Class::Configuration,
            "The Client Secret has expired.",
            "Make a new secret under Certificates & secrets and enter its Value; nobody has to consent again.",
        ),
    ),
    (
        &[700_025],
        row(
            Class::Configuration,
            "The app is a public client, which may not send a secret.",
            "Turn off Allow public client flows in the registration.",
        ),
    ),
    (
        &[700_084, 9_002_325, 9_002_327],
        row(
            Class::Configuration,
            "The Callback Endpoint is registered for a single-page application.",
            "Move it to the platform Web, then authorize again.",
        ),
    ),
    (
        &[70_011, 28_002, 90_009],
        row(
            Class::Configuration,
            "Microsoft does not know one of the Scopes.",
            "Compare the Scopes with those of the guide; mail scopes begin with https://outlook.office.com/.",
        ),
    ),
    (
        &[28_000, 700_022, 700_023, 70_003, 901_002, 70_005, 700_054, 70_007, 1_002_012],
        row(
            Class::Configuration,
            "The Scopes or endpoints do not fit each other.",
            "Name mail scopes of https://outlook.office.com/ only, and use the endpoints that end in /oauth2/v2.0.",
        ),
    ),
    (
        &[90_002],
        row(Class::Configuration, "There is no tenant of that name.", "Check the Tenant and the cloud."),
    ),
    (
        &[90_038, 90_043, 90_051, 900_382, 900_432, 50_049],
        row(
            Class::Configuration,
            "The tenant lives in another cloud.",
            "Register the app in the tenant's own cloud and use the endpoints of that cloud.",
        ),
    ),
    (
        &[90_056, 900_561, 90_027],
        row(
            Class::Configuration,
            "The two endpoints are swapped or of the first version.",
            "Enter the endpoints as the Overview page of the registration lists them, with /v2.0.",
        ),
    ),
    (
        &[90_072],
        row(
            Class::AuthorizeAgain,
            "A guest account cannot meet the tenant's second factor.",
            "Use an account of the tenant itself.",
        ),
    ),
    (
        &[90_124, 90_130, 9_001_023, 9_002_332],
        row(
            Class::Configuration,
            "This app may not be used through common or consumers.",
            "Enter the Directory (tenant) ID as Tenant.",
        ),
    ),
    (
        &[500_212, 500_213, 50_002, 500_021, 500_022],
        row(Class::Policy, "The organization restricts access to this tenant.", POLICY_TEAM),
    ),
    (
        &[90_004, 90_013, 90_014, 900_144, 90_023, 9_002_313, 90_100],
        row(Class::Defect, "Microsoft found a fault in the request.", REPORT),
    ),
    (
        &[90_036, 90_092],
        row(
            Class::Policy,
            "The organization's directory has a fault that does not pass by itself.",
            "Ask the organization's administrators to call Microsoft's support.",
        ),
    ),
];

/// What a number means, if it is known.
pub(super) fn row_of(number: u32) -> Option<Row> {
    ROWS.iter().find(|(numbers, _)| numbers.contains(&number)).map(|(_, row)| *row)
}
