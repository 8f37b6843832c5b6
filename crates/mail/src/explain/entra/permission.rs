//! What the app may do: permissions, consent, scopes, licenses.

use super::{Place, Row, Rows};

pub(super) const ROWS: Rows = rows! {
    65001 => AuthorizeAgain, AppPermissions,
        "Nobody has consented to the permissions that the Scopes name.",
        "Authorize the mailbox again and accept, or press Grant admin consent; Link for your administrator in Config asks somebody else to.";
    65004 => AuthorizeAgain, Registration,
        "The person declined to consent.",
        "Authorize it again and accept.";
    90094, 90095 => Configuration, AppPermissions,
        "Only an administrator of the organization may consent to this app.",
        "Send an Entra administrator the Link for your administrator of Config, or ask one to press Grant admin consent; then authorize the mailbox again.";
    65005, 650056, 650057 => Configuration, AppPermissions,
        "A permission that the Scopes ask for is not listed in the app registration, or nobody consented to it.",
        "Add the permission and press Grant admin consent; also compare the Client ID.";
    90008 => Configuration, AppPermissions,
        "The app registration lacks the permission to sign people in.",
        "Add User.Read of Microsoft Graph under Delegated permissions, and press Grant admin consent.";
    70011, 28002 => Configuration, Registration,
        "Microsoft does not know one of the Scopes.",
        "Compare the Scopes with those of the guide; mail scopes begin with https://outlook.office.com/ in the global cloud.";
    90009 => Configuration, Registration,
        "The Scopes ask for a token for this app itself.",
        "Name in the Scopes what the guide lists, and not the Client ID.";
    28000, 700022 => Defect, Registration,
        "The Scopes of one request belong to two services, and a token is for one.",
        "Leave only the Scopes that the guide lists; if it happens with these, report it with the correlation id.";
    700023 => Defect, Registration,
        "One of the Scopes does not say which service it belongs to.",
        "Leave only the Scopes that the guide lists, with https:// before each mail scope; if it happens with these, report it with the correlation id.";
    28003 => Defect, Registration,
        "No scope was sent with the code of the sign-in.",
        "Enter the Scopes that the guide lists and authorize it again; if it happens again, report it with the correlation id.";
    1002012 => Defect, Registration,
        "Access without a person was asked for with Scopes that do not end in /.default.",
        "Enter https://outlook.office365.com/.default as Scopes; if it happens with these, report it with the correlation id.";
    50001, 500011 => Configuration, Registration,
        "The service that the Scopes name does not exist in this tenant.",
        "Compare the Scopes and the cloud with the guide, and see whether the organization has Exchange Online.";
    650052 => Configuration, Products,
        "The organization has not subscribed to the service that the Scopes name.",
        "See whether the organization has Exchange Online, and subscribe to it.";
    650054 => Configuration, Products,
        "The service that the Scopes name was removed from this tenant.",
        "See whether the subscription to Exchange Online has ended, or compare the Scopes with the guide.";
    90099 => Configuration, EnterprisePermissions,
        "The app is a partner's, and this customer's tenant has not let it in.",
        "Have an administrator of the customer's tenant grant consent to the app.";
};
