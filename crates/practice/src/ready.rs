//! What a test (or a rehearsal) wants ready at once, without the pages: registrations with their consents,
//! tokens, letters. Not faults.

use crate::directory::Audience;
use crate::{Letter, Practice, Registration, mailboxes, openid, permissions, powershell};

impl Practice {
    /// Registers a single-tenant web app with the guide's permissions, consent for Contoso and a secret.
    pub fn register(&self, name: &str, redirect_uri: &str) -> Registration {
        let client_id = self.world.register(name, Audience::SingleTenant, Some(redirect_uri.to_owned()));
        self.world.directory.change_app(&client_id, |app| {
            app.permissions = permissions::of_the_guide();
        });
        self.world.grant_for_all(&client_id);
        let secret = self.world.add_secret(&client_id, "practice", 730);
        let (_, client_secret) = secret.expect("invariant: the app was just registered");
        Registration { client_id, client_secret, tenant_id: self.world.tenant_id.clone() }
    }

    /// Permissions and consent for an application that acts by itself (no person); its PowerShell is still to come.
    pub fn allow_app_only(&self, client_id: &str) {
        self.world.directory.change_app(client_id, |app| {
            let roles = permissions::roles_of(permissions::OUTLOOK);
            app.app_permissions.extend(roles.map(|role| role.name.to_owned()));
        });
        self.world.grant_for_all(client_id);
    }

    /// Permissions and consent to read and send by Microsoft Graph, for a person and for the application itself. Its own
    /// ones open every mailbox of Contoso.
    pub fn allow_graph(&self, client_id: &str) {
        self.world.directory.change_app(client_id, |app| {
            let scopes =
                permissions::SCOPES_FOR_GRAPH.split(' ').filter_map(|scope| scope.rsplit('/').next());
            app.permissions.extend(scopes.map(str::to_owned));
            let roles = permissions::roles_of(permissions::GRAPH);
            app.app_permissions.extend(roles.map(|role| role.name.to_owned()));
        });
        self.world.grant_for_all(client_id);
    }

    /// *Allow public client flows*.
    pub fn allow_public_client(&self, client_id: &str) {
        self.world.directory.change_app(client_id, |app| {
            app.public_client = true;
        });
    }

    /// *Upload certificate*: DER or PEM.
    pub fn upload_certificate(&self, client_id: &str, file: &[u8]) -> anyhow::Result<()> {
        self.world.add_certificate(client_id, file, "").map_err(anyhow::Error::msg)
    }

    /// The object id on the page *Enterprise applications*, for New-ServicePrincipal.
    pub fn service_principal_id(&self, client_id: &str) -> String {
        self.world.service_principal_id(client_id)
    }

    /// A client at the Google-shaped provider: External, in production. Its issuer is [`Practice::google_url`].
    pub fn register_at_google(&self, name: &str, redirect_uri: &str) -> Registration {
        self.register_at(&openid::GOOGLE, name, redirect_uri)
    }

    /// A client at the plain OpenID provider. Its issuer is [`Practice::waldau_url`].
    pub fn register_at_waldau(&self, name: &str, redirect_uri: &str) -> Registration {
        self.register_at(&openid::WALDAU, name, redirect_uri)
    }

    fn register_at(&self, house: &openid::House, name: &str, redirect_uri: &str) -> Registration {
        let (client_id, client_secret) = self.world.add_openid_client(house, name, redirect_uri);
        Registration { client_id, client_secret, tenant_id: String::new() }
    }

    pub fn google_url(&self) -> String {
        openid::GOOGLE.issuer(&self.http_url)
    }

    pub fn waldau_url(&self) -> String {
        openid::WALDAU.issuer(&self.http_url)
    }

    /// The JSON key file of a new service account with delegation for the mail scope.
    pub fn service_account_file(&self, name: &str) -> Option<String> {
        let email = self.world.add_service_account(name);
        self.world.openid_change(&openid::GOOGLE, |records| {
            if let Some(account) = records.accounts.iter_mut().find(|account| account.email == email) {
                account.delegated.insert(openid::GOOGLE.mail_scope.to_owned());
            }
        });
        self.world.add_service_account_key(&email, &self.http_url)
    }

    /// Exchange Online PowerShell, a command a line; the first that fails ends it with its text.
    pub fn powershell(&self, script: &str) -> anyhow::Result<()> {
        let failed = powershell::run(&self.world, script).into_iter().find_map(Result::err);
        failed.map_or(Ok(()), |why| Err(anyhow::Error::msg(why)))
    }

    /// Subscriptions for change notifications of a mailbox that have not ended: id, folder, end (ms).
    pub fn subscriptions(&self, address: &str) -> Vec<(String, String, i64)> {
        let now = self.world.clock.now_at();
        self.world.directory.read(|records| {
            let own = records.subscriptions.iter().filter(|one| one.mailbox == address && one.ends_at > now);
            own.map(|one| (one.id.clone(), one.folder.clone(), one.ends_at)).collect()
        })
    }

    /// A refresh token for `address` as after sign-in and consent, without the browser walk.
    pub fn grant(&self, client_id: &str, address: &str) -> String {
        self.world.issue_refresh_token(client_id, &address.to_lowercase(), permissions::SCOPES_OF_THE_GUIDE)
    }

    /// An access token for the mail servers, as from the token endpoint, good for an hour.
    pub fn access_token(&self, client_id: &str, address: &str) -> String {
        let scopes = permissions::Scope::parse_all(permissions::SCOPES_OF_THE_GUIDE);
        self.world.issue_access_token(
            client_id,
            address,
            &scopes.expect("invariant: the guide's scopes exist"),
            3600,
        )
    }

    /// The same for Microsoft Graph.
    pub fn grant_for_graph(&self, client_id: &str, address: &str) -> String {
        self.world.issue_refresh_token(client_id, &address.to_lowercase(), permissions::SCOPES_FOR_GRAPH)
    }

    pub fn graph_token(&self, client_id: &str, address: &str) -> String {
        let scopes = permissions::Scope::parse_all(permissions::SCOPES_FOR_GRAPH);
        let scopes = scopes.expect("invariant: the scopes for Graph exist");
        self.world.issue_access_token(client_id, address, &scopes, 3600)
    }

    /// Puts a raw letter into the INBOX of `address` at once (IDLE tells); the mailbox is made if it is new.
    /// Returns its UID.
    pub fn deliver(&self, address: &str, raw: &[u8]) -> u32 {
        self.world.mailboxes.ensure(address);
        let at = self.world.clock.now_at();
        self.world.mailboxes.deliver(address, mailboxes::INBOX, raw, at, &[]).unwrap_or_default()
    }

    /// The same into a folder of that name, which is made if it is new.
    pub fn deliver_to(&self, address: &str, folder: &str, raw: &[u8]) -> u32 {
        self.make_folder(address, folder);
        let at = self.world.clock.now_at();
        self.world.mailboxes.deliver(address, folder, raw, at, &[]).unwrap_or_default()
    }

    /// Moves a letter into another folder. Returns its UID there.
    pub fn move_to(&self, address: &str, folder: &str, uid: u32, to: &str) -> Option<u32> {
        let moved = self.world.mailboxes.move_to(address, folder, &[uid], to)?;
        moved.first().map(|(_, uid)| *uid)
    }

    pub fn make_folder(&self, address: &str, folder: &str) {
        self.world.mailboxes.ensure(address);
        self.world.mailboxes.create(address, folder);
    }

    /// Every letter of a mailbox, by folder and UID. An unknown mailbox is empty.
    pub fn letters(&self, address: &str) -> Vec<Letter> {
        let folders = self.world.mailboxes.folders(address).unwrap_or_default();
        let letters = folders.into_iter().flat_map(|(name, folder)| {
            folder.letters.into_iter().map(move |letter| Letter {
                folder: name.clone(),
                uid: letter.uid,
                raw: letter.raw.to_vec(),
                flags: letter.flags.into_iter().collect(),
                received_at: letter.received_at,
            })
        });
        letters.collect()
    }
}
