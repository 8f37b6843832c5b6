//! Where a remedy is done: the pages that an administrator opens, by the names that stand on them.

/// A page. Its path is what one clicks, from the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nobody has to go anywhere: only for what passes by itself.
    Nowhere,
    // Postern
    Mailbox,
    Registration,
    Outgoing,
    Clock,
    Browser,
    // Microsoft Entra
    AppOverview,
    AppAuthentication,
    AppSecrets,
    AppPermissions,
    EnterpriseApp,
    EnterpriseUsers,
    EnterprisePermissions,
    ConditionalAccess,
    NamedLocations,
    CrossTenant,
    User,
    UserMethods,
    SignInLog,
    RiskyUsers,
    Devices,
    Connect,
    // Microsoft 365 and Exchange
    Products,
    EmailApps,
    Health,
    Support,
    Delegation,
    ExchangeMailbox,
    MailFlow,
    // Google
    GoogleAudience,
    GoogleClients,
    GoogleScopes,
    GoogleKeys,
    GoogleAppAccess,
    GoogleDelegation,
    GoogleSession,
    GoogleUser,
    GoogleDirectory,
    GoogleAccount,
    // any other
    Provider,
    MailServer,
}

impl Place {
    /// `None` when there is nothing to click.
    pub(super) const fn path(self) -> Option<&'static str> {
        Some(match self {
            Place::Nowhere => return None,
            Place::Mailbox => "Postern › Admin Panel › Emails › the mailbox › Remote Mailbox",
            Place::Registration => "Postern › Admin Panel › Emails › the mailbox › Remote Mailbox › Config",
            Place::Outgoing => "Postern › Admin Panel › Emails › the mailbox › Outgoing (SMTP)",
            Place::Clock => "the clock of the machine that runs Postern (timedatectl)",
            Place::Browser => "your browser, in a private window",
            Place::AppOverview => "Microsoft Entra admin center › App registrations › your app › Overview",
            Place::AppAuthentication => {
                "Microsoft Entra admin center › App registrations › your app › Authentication"
            }
            Place::AppSecrets => {
                "Microsoft Entra admin center › App registrations › your app › Certificates & secrets"
            }
            Place::AppPermissions => {
                "Microsoft Entra admin center › App registrations › your app › API permissions"
            }
            Place::EnterpriseApp => {
                "Microsoft Entra admin center › Enterprise applications › your app › Properties"
            }
            Place::EnterpriseUsers => {
                "Microsoft Entra admin center › Enterprise applications › your app › Users and groups"
            }
            Place::EnterprisePermissions => {
                "Microsoft Entra admin center › Enterprise applications › your app › Permissions"
            }
            Place::ConditionalAccess => "Microsoft Entra admin center › Conditional Access › Policies",
            Place::NamedLocations => "Microsoft Entra admin center › Conditional Access › Named locations",
            Place::CrossTenant => {
                "Microsoft Entra admin center › External Identities › Cross-tenant access settings"
            }
            Place::User => "Microsoft Entra admin center › Users › All users › the account",
            Place::UserMethods => {
                "Microsoft Entra admin center › Users › All users › the account › Authentication methods"
            }
            Place::SignInLog => {
                "Microsoft Entra admin center › Users › All users › the account › Sign-in logs"
            }
            Place::RiskyUsers => "Microsoft Entra admin center › Protection › Risky users",
            Place::Devices => "Microsoft Entra admin center › Devices › All devices",
            Place::Connect => "Microsoft Entra admin center › Entra Connect",
            Place::Products => "Microsoft 365 admin center › Billing › Your products",
            Place::EmailApps => {
                "Microsoft 365 admin center › Users › Active users › the mailbox › Mail › Manage email apps"
            }
            Place::Health => "Microsoft 365 admin center › Health › Service health",
            Place::Support => "Microsoft 365 admin center › Support › Help & support",
            Place::Delegation => "Exchange admin center › Recipients › Mailboxes › the mailbox › Delegation",
            Place::ExchangeMailbox => "Exchange admin center › Recipients › Mailboxes › the mailbox",
            Place::MailFlow => "Exchange admin center › Settings › Mail flow",
            Place::GoogleAudience => {
                "Google Cloud console › Google Auth Platform (or OAuth consent screen) › Audience"
            }
            Place::GoogleClients => {
                "Google Cloud console › Google Auth Platform (or Credentials) › Clients › your client"
            }
            Place::GoogleScopes => {
                "Google Cloud console › Google Auth Platform (or OAuth consent screen) › Data access"
            }
            Place::GoogleKeys => "Google Cloud console › IAM & Admin › Service accounts › the account › Keys",
            Place::GoogleAppAccess => "Google Admin console › Security › API controls › App access control",
            Place::GoogleDelegation => {
                "Google Admin console › Security › API controls › Domain-wide delegation"
            }
            Place::GoogleSession => "Google Admin console › Security › Google Cloud session control",
            Place::GoogleUser => "Google Admin console › Apps › Google Workspace › Gmail › End user access",
            Place::GoogleDirectory => "Google Admin console › Directory › Users › the user",
            Place::GoogleAccount => "Google Account › Security",
            Place::Provider => "the provider's page of your app registration",
            Place::MailServer => "the settings of the mail server",
        })
    }
}
