//! The app registration and what of it was entered here: ids, secrets, callback, endpoints.

use super::{Place, Row, Rows};

pub(super) const ROWS: Rows = rows! {
    7000222 => Configuration, AppSecrets,
        "The Client Secret has expired.",
        "Make a new secret and enter its Value in Postern; nobody has to consent again.";
    7000215 => Configuration, AppSecrets,
        "The Client Secret is wrong; often the Secret ID was pasted instead of the Value.",
        "Paste the Value of the secret, which is shown once, or make a new secret.";
    70002 => Configuration, AppSecrets,
        "Microsoft does not accept the Client Secret.",
        "Enter the secret's Value again, or make a new secret.";
    7000218 => Configuration, AppSecrets,
        "The app asks for a Client Secret, and none was sent.",
        "Make a secret and enter its Value in Postern.";
    700025 => Configuration, AppAuthentication,
        "The app is registered as one that has no secret, and a secret was sent.",
        "Set Allow public client flows to No.";
    50012, 50013, 500133 => Configuration, AppSecrets,
        "Microsoft does not accept the certificate that Postern showed for the app.",
        "Upload the certificate that Postern shows for this mailbox, and see that the clock of Postern's machine is right.";
    700027 => Configuration, AppSecrets,
        "The certificate with which Postern signs is not registered with the app.",
        "Upload the certificate that Postern shows for this mailbox.";
    700030 => Configuration, AppSecrets,
        "The tenant does not allow the name that stands in the certificate.",
        "Ask who manages the app which certificates are allowed, and upload one of these.";
    700024 => Configuration, Clock,
        "What Postern signed was too old or not yet valid for Microsoft.",
        "Set the clock right and keep it so by a time service.";
    700213 => Configuration, AppSecrets,
        "No federated credential (a trust in another sign-in service) of the app fits.",
        "Make issuer, subject and audience of the federated credential exactly those of the other service.";
    50011 => Configuration, AppAuthentication,
        "The Callback Endpoint is not among the redirect URIs of the app registration.",
        "Copy the Callback Endpoint exactly, and add it under the platform Web.";
    500113, 900971 => Configuration, AppAuthentication,
        "The app registration has no redirect URI.",
        "Copy the Callback Endpoint, and add it under the platform Web.";
    70004 => Configuration, AppAuthentication,
        "The Callback Endpoint is not an address that Microsoft takes.",
        "Let site.url begin with https://, and add the Callback Endpoint under the platform Web.";
    9002325, 9002327 => Configuration, AppAuthentication,
        "The Callback Endpoint is registered for a single-page application.",
        "Move it to the platform Web, then authorize the mailbox again.";
    700084 => Configuration, AppAuthentication,
        "The authorization ended after 24 hours, as it does when the Callback Endpoint is registered for a single-page application.",
        "Move it to the platform Web, then authorize the mailbox again.";
    700011, 700016 => Configuration, AppOverview,
        "The tenant does not know this Client ID.",
        "Compare the Application (client) ID, the Directory (tenant) ID and the cloud with what is entered in Postern.";
    7000229 => Configuration, AppPermissions,
        "The app is registered, but it has not been added to this tenant.",
        "Press Grant admin consent, which adds it.";
    65002 => Configuration, AppOverview,
        "The Client ID belongs to Microsoft.",
        "Register an app of your own and enter its Application (client) ID.";
    70001, 7000112 => Configuration, EnterpriseApp,
        "The app is disabled in the tenant.",
        "Set Enabled for users to sign-in to Yes.";
    1000031 => Configuration, EnterpriseApp,
        "The app cannot be used at present.",
        "Ask an administrator of the tenant whether it was switched off, and switch it on.";
    50105 => Configuration, EnterpriseUsers,
        "The app is for assigned people only, and this account is not assigned.",
        "Add the account.";
    50003 => Configuration, AppSecrets,
        "The app has no key for signing what it needs.",
        "Ask who manages the app to complete its registration.";
    500208 => Configuration, AppAuthentication,
        "The kind of account (personal or work) is not one that the app registration supports.",
        "Change Supported account types, or use another account.";
    50194 => Configuration, AppOverview,
        "The app is registered for one tenant, but the endpoints name all of them.",
        "Enter the Directory (tenant) ID as Tenant instead of common.";
    50059, 50128, 90019 => Configuration, AppOverview,
        "Microsoft cannot tell which tenant is meant.",
        "Enter the Directory (tenant) ID as Tenant.";
    90002 => Configuration, AppOverview,
        "There is no tenant of that name in this cloud.",
        "Enter the Directory (tenant) ID as Tenant, and compare the cloud.";
    90124, 90130, 9001023, 9002332 => Configuration, AppOverview,
        "This app may not be used through common or consumers.",
        "Enter the Directory (tenant) ID as Tenant, or organizations.";
    9002331 => Configuration, AppOverview,
        "This app is registered for personal Microsoft accounts alone.",
        "Enter consumers as Tenant, or register an app of the organization that the mailbox belongs to.";
    900382, 900432 => Configuration, AppOverview,
        "The app is registered in another cloud than the tenant.",
        "Register the app in the portal of the tenant's own cloud, and choose that cloud in Postern.";
    90038, 90043, 90051 => Configuration, Registration,
        "The tenant lives in a national cloud.",
        "Choose that cloud, and register the app in its own portal.";
    50049 => Configuration, Registration,
        "The host of the endpoints is not one of Microsoft's, or not of the tenant's cloud.",
        "Choose the right cloud, or copy the endpoints again.";
    90056, 900561 => Configuration, Registration,
        "The Authorization Endpoint and the Token Endpoint are swapped.",
        "Enter them as the app's Overview lists them under Endpoints.";
    90027 => Configuration, Registration,
        "The endpoints are of the first version, which serves no personal accounts.",
        "Enter the endpoints that have /v2.0 in them.";
    901002 => Defect, Registration,
        "A setting of the first version of the endpoints was sent to the second.",
        "Enter the endpoints as the guide lists them; if it happens with these, report it with the correlation id.";
    70003 => Defect, Registration,
        "The Token Endpoint does not know the kind of request that Postern makes.",
        "Enter the Token Endpoint that ends in /oauth2/v2.0/token; if it happens with this one, report it with the correlation id.";
    70005, 700054 => Defect, Registration,
        "The app registration does not issue what the request asked for.",
        "Enter the Authorization Endpoint that ends in /oauth2/v2.0/authorize; if it happens with this one, report it with the correlation id.";
    70007 => Defect, Registration,
        "Microsoft does not know the way in which Postern asked for the answer.",
        "Authorize it again; if it happens twice, report it with the correlation id.";
};
