//! Every mailbox with what keeps it alive: its grants, its registrations' secrets, its traffic, its balance, its alerts, its next tries.
use super::alert::{self, Alert};
use crate::Result;
use crate::db::{Query, Tx};
use crate::mailboxes::balance::{self, Balance};
use crate::mailboxes::client::{self, Client, certificate};
use crate::mailboxes::grant::{self, Dispute, Grant};
use crate::mailboxes::mailbox::{self, Mailbox, Side};
use crate::mailboxes::usual::{self, Usual};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub struct Member {
    pub mailbox: Mailbox,
    /// The newest grant of each side that has tokens: the one in use, or an unproved newer one.
    pub grants: Vec<Grant>,
    /// The registrations that its sides use.
    pub clients: Vec<Client>,
    /// The certificate of these that ends first.
    pub certificate_expires_at: Option<i64>,
    pub usual: Usual,
    /// About whom a person has to say a word, and until when that can be said.
    pub disputes: Vec<Dispute>,
    /// What lasts, and has not just become well.
    pub alerts: Vec<Alert>,
    /// Of the folders that are fetched, where there is something to say of them.
    pub balances: Vec<Balance>,
    /// When the next letter is tried; `None`: none waits.
    pub next_sending_at: Option<i64>,
}
impl Member {
    /// Messages on its server that nothing here accounts for.
    pub fn unaccounted(&self) -> i64 {
        self.balances.iter().map(|balance| balance.counts.unaccounted).sum()
    }
    pub fn grant(&self, side: Side) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.side == side)
    }
    /// The client secret of its registrations that ends first.
    pub fn secret_expires_at(&self) -> Option<i64> {
        self.clients
            .iter()
            .filter(|client| client.shows_secret())
            .filter_map(|client| client.secret_expires_at)
            .min()
    }
}

/// Which mailboxes are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    #[default]
    All,
    NeedPerson,
    Waiting,
    Well,
    Off,
}

/// By address, those behind the address `after`; not the removed ones.
pub fn list(tx: &mut Tx<'_>, wanted: Wanted, after: Option<&str>, limit: i64) -> Result<Vec<Member>> {
    let mut query = Query::new("SELECT id FROM mailbox WHERE removed_at IS NULL");
    match wanted {
        Wanted::All => &mut query,
        Wanted::NeedPerson => query.push(" AND ").push(NEED_PERSON),
        Wanted::Waiting => query.push(" AND ").push(WAITING),
        Wanted::Well => {
            query.push(" AND active = 1 AND state = 'ok' AND NOT ").push(NEED_PERSON);
            query.push(" AND NOT ").push(WAITING)
        }
        Wanted::Off => query.push(" AND active = 0"),
    };
    if let Some(after) = after {
        query.push(" AND address_key > ").bind(mail::address::key(after));
    }
    query.push(" ORDER BY address_key LIMIT ").bind(limit);
    let ids: Vec<i64> = tx.all::<(i64,)>(query.sql(), query.params())?.into_iter().map(|(id,)| id).collect();
    members(tx, &ids)
}
const NEED_PERSON: &str = "((active = 1 AND state = 'needs_person') OR (out_active = 1 AND out_state = 'needs_person')
    OR EXISTS (SELECT 1 FROM alert a WHERE a.mailbox_id = mailbox.id AND a.ended_at IS NULL AND a.gone_at IS NULL
               AND a.kind IN ('incoming', 'outgoing', 'silence', 'unaccounted', 'filing')))";
/// A link that is open outlives its token: a grant in use that is not renewed is no less in trouble.
const WAITING: &str = "((active = 1 AND state = 'waiting') OR (out_active = 1 AND out_state = 'waiting')
    OR EXISTS (SELECT 1 FROM consent g
               WHERE (g.state = 'lapsed' OR (g.state = 'fulfilled' AND g.failures > 0))
                 AND ((mailbox.active = 1 AND g.id = mailbox.in_grant_id)
                   OR (mailbox.out_active = 1 AND g.id = CASE WHEN mailbox.out_authentication = 'same'
                           THEN mailbox.in_grant_id ELSE mailbox.out_grant_id END))))";

/// How many need a person, up to a bound.
pub fn count_needing(tx: &mut Tx<'_>) -> Result<i64> {
    let mut query = Query::new("SELECT count(*) FROM (SELECT 1 FROM mailbox WHERE removed_at IS NULL");
    query.push(" AND ").push(NEED_PERSON).push(" LIMIT 1001) AS needing");
    Ok(tx.one::<(i64,)>(query.sql(), query.params())?.0)
}
pub fn of(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Option<Member>> {
    Ok(members(tx, &[mailbox_id])?.into_iter().next())
}

fn members(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<Member>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut mailboxes: BTreeMap<i64, Mailbox> =
        mailbox::of_ids(tx, ids)?.into_iter().map(|mailbox| (mailbox.id, mailbox)).collect();
    let (mut usual, mut balances) = (usual::of(tx, ids)?, balance::of(tx, mailboxes.values())?);
    let (grants, alerts, next) = (grant::latest_of(tx, ids)?, alert::open(tx)?, next_sendings(tx, ids)?);
    let disputes = grant::disputes_of(tx, ids)?;
    let mut clients: BTreeMap<i64, Client> = BTreeMap::new();
    let used = |mailbox: &Mailbox| [mailbox.incoming.client_id, mailbox.outgoing.client_id];
    let mut certificates: BTreeMap<i64, i64> = BTreeMap::new();
    for id in mailboxes.values().flat_map(used).flatten().collect::<BTreeSet<i64>>() {
        let Some(client) = client::find(tx, id)? else { continue };
        if client.shows_certificate() {
            certificates.extend(certificate::in_use(tx, id)?.map(|one| (id, one.not_after)));
        }
        clients.insert(id, client);
    }
    let members = ids.iter().filter_map(|id| {
        let mailbox = mailboxes.remove(id)?;
        let of_its: BTreeSet<i64> = used(&mailbox).into_iter().flatten().collect();
        let is_its = |alert: &&Alert| {
            alert.gone_at.is_none()
                && (alert
                    .fact
                    .client_id
                    .map_or(alert.fact.mailbox_id == Some(*id), |client| of_its.contains(&client)))
        };
        Some(Member {
            grants: grants.iter().filter(|grant| grant.mailbox_id == *id).cloned().collect(),
            clients: of_its.iter().filter_map(|client| clients.get(client).cloned()).collect(),
            certificate_expires_at: of_its
                .iter()
                .filter_map(|client| certificates.get(client))
                .min()
                .copied(),
            usual: usual.remove(id).unwrap_or_default(),
            disputes: disputes.iter().filter(|dispute| dispute.grant.mailbox_id == *id).cloned().collect(),
            alerts: alerts.iter().filter(is_its).cloned().collect(),
            balances: balances.remove(id).unwrap_or_default(),
            next_sending_at: next.get(id).copied(),
            mailbox,
        })
    });
    Ok(members.collect())
}

fn next_sendings(tx: &mut Tx<'_>, ids: &[i64]) -> Result<BTreeMap<i64, i64>> {
    let mut query =
        Query::new("SELECT mailbox_id, min(due_at) FROM outbox WHERE state = 'queued' AND mailbox_id IN ");
    query.bind_list(ids.iter().copied()).push(" GROUP BY mailbox_id");
    Ok(tx.all::<(i64, i64)>(query.sql(), query.params())?.into_iter().collect())
}
