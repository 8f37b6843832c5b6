//! A server that the mailbox may have moved away from, where something of it is left.
use super::lacking::elsewhere_now;
use super::{Access, Key, may_have_token, taken};
use crate::refresh::{self, Want};
use crate::trouble::{Place, Trouble};
use crate::{Courier, graph};
use desk::mailboxes::client;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{Mailbox, Side};
use mail::explain::Service;
use mail::provider::Family;
use wire::{Server, oauth};

impl Access {
    /// To the Microsoft Graph where something was made for the incoming side, whatever that side says by now. A token goes
    /// where the side's token goes now, and else to the Graph of its own cloud alone.
    pub(crate) async fn to_graph(
        courier: &Courier,
        mailbox: &Mailbox,
        server: Server,
        user: &str,
    ) -> Result<Access, Trouble> {
        let Some(id) = mailbox.grant_id(Side::Incoming) else {
            return Err(refresh::has_none(courier, mailbox.id, Side::Incoming).await);
        };
        let now = &mailbox.incoming;
        let is_there =
            mailbox.is_by_graph(Side::Incoming) && now.host == server.host && now.port == server.port;
        if is_there {
            may_have_token(courier, mailbox, Side::Incoming, id, &server.host).await?;
        } else {
            let (desk, host) = (courier.desk().clone(), server.host.clone());
            let of_its_cloud = courier.read(move |tx| {
                let Some(grant) = grant::find(tx, id)? else { return Ok(false) };
                let Some(client) = client::find(tx, grant.client_id)? else { return Ok(false) };
                let at_home = client.at_home(&desk.providers).is_some();
                Ok(at_home && graph::belongs_there(&desk.providers, &client, &host).is_ok())
            });
            if !of_its_cloud.await? {
                return Err(elsewhere_now());
            }
        }
        let place = Place {
            provider: Family::Microsoft.word(),
            service: Service::Graph,
            by_token: true,
            is_alone: false,
        };
        let key = Key::Grant { id, protocol: oauth::Protocol::Graph, taken: taken(courier, id).await? };
        Ok(Access { server, user: user.to_owned(), place, key, want: Want::Use })
    }
}
