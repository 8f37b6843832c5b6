//! Who asks. Addresses have their own table: one person may write from several.
use crate::db::{Ids, Query, ROWS_MAX, Tx, powers_of_two};
use crate::{Result, params, row};
use std::collections::HashMap;

#[derive(Clone, Debug)]
pub struct Requester {
    pub id: i64,
    pub name: Option<String>,
    pub addresses: Vec<String>,
}
/// Finds the requester of this address or makes one; fills in a missing name.
pub fn find_or_make(tx: &mut Tx<'_>, address: &str, name: Option<&str>, at: i64) -> Result<Requester> {
    let mut senders = Senders::of(tx, &[mail::address::key(address)])?;
    let id = senders.id_of(tx, address, name, at)?;
    senders.write(tx)?;
    find(tx, id)?.ok_or_else(|| crate::db::Error::NotFound.into())
}

/// Who writes, of many letters: those who are known are looked up at once, and those who are new are written in one go.
#[derive(Debug)]
pub(crate) struct Senders {
    /// By the key of the address.
    known: HashMap<String, Sender>,
    /// Keys of the addresses of a requester who was known before.
    addresses: HashMap<i64, Vec<String>>,
    new: Vec<NewSender>,
    /// Of those who are not known so many may come.
    strangers: usize,
    ids: Ids,
}
#[derive(Clone, Copy, Debug)]
struct Sender {
    id: i64,
    nameless: bool,
}
#[derive(Debug)]
struct NewSender {
    id: i64,
    key: String,
    address: String,
    name: Option<String>,
    at: i64,
}
impl Senders {
    /// `keys`: of all that may come, each once.
    pub(crate) fn of(tx: &mut Tx<'_>, keys: &[String]) -> Result<Senders> {
        let (mut known, mut addresses) = (HashMap::new(), HashMap::<i64, Vec<String>>::new());
        for some in keys.chunks(512) {
            let mut query = Query::new(
                "SELECT a.address_key, r.id, r.name IS NULL FROM requester_address a
                 JOIN requester r ON r.id = a.requester_id WHERE a.address_key IN ",
            );
            query.bind_list(some.iter().map(String::as_str));
            let found: Vec<(String, i64, bool)> = tx.all(query.sql(), query.params())?;
            known.extend(found.into_iter().map(|(key, id, nameless)| (key, Sender { id, nameless })));
        }
        let ids: Vec<i64> = known.values().map(|sender| sender.id).collect();
        for some in ids.chunks(512) {
            let mut query =
                Query::new("SELECT requester_id, address_key FROM requester_address WHERE requester_id IN ");
            query.bind_list(some.iter().copied());
            for (id, key) in tx.all::<(i64, String)>(query.sql(), query.params())? {
                addresses.entry(id).or_default().push(key);
            }
        }
        let strangers = keys.len().saturating_sub(known.len());
        Ok(Senders { known, addresses, new: Vec::new(), strangers, ids: Ids::of("requester") })
    }
    /// Whose address this is, if anybody's so far.
    pub(crate) fn requester_of(&self, key: &str) -> Option<i64> {
        self.known.get(key).map(|sender| sender.id)
    }
    /// The keys of all addresses of one of them.
    pub(crate) fn addresses_of(&self, id: i64) -> impl Iterator<Item = &String> {
        let new = self.new.iter().filter(move |new| new.id == id).map(|new| &new.key);
        self.addresses.get(&id).into_iter().flatten().chain(new)
    }
    /// Whoever is new has an id at once, and a row after [`Senders::write`].
    pub(crate) fn id_of(
        &mut self,
        tx: &mut Tx<'_>,
        address: &str,
        name: Option<&str>,
        at: i64,
    ) -> Result<i64> {
        let key = mail::address::key(address);
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        if let Some(sender) = self.known.get_mut(&key) {
            let id = sender.id;
            if let Some(name) = name
                && sender.nameless
            {
                sender.nameless = false;
                match self.new.iter_mut().find(|new| new.id == id) {
                    Some(new) => new.name = Some(name.to_owned()),
                    None => drop(tx.execute(
                        "UPDATE requester SET name = $2 WHERE id = $1 AND name IS NULL",
                        params![id, name],
                    )?),
                }
            }
            return Ok(id);
        }
        let id = self.ids.next(tx, self.strangers)?;
        self.strangers = self.strangers.saturating_sub(1);
        self.known.insert(key.clone(), Sender { id, nameless: name.is_none() });
        let address = address.trim().to_owned();
        self.new.push(NewSender { id, key, address, name: name.map(str::to_owned), at });
        Ok(id)
    }
    pub(crate) fn write(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        for some in powers_of_two(&self.new, ROWS_MAX) {
            let mut query = Query::new("INSERT INTO requester (id, name, created_at) VALUES ");
            query.bind_rows(some.iter().map(|new| row![new.id, new.name.as_deref(), new.at]));
            tx.execute(query.sql(), query.params())?;
        }
        // Two filers may meet the same stranger at once. PostgreSQL then refuses to serialize the second, which
        // runs again and finds the first one's row; without ON CONFLICT it would be an error for good.
        for some in powers_of_two(&self.new, ROWS_MAX) {
            let mut query =
                Query::new("INSERT INTO requester_address (address_key, address, requester_id) VALUES ");
            query.bind_rows(some.iter().map(|new| row![&new.key, &new.address, new.id]));
            query.push(" ON CONFLICT (address_key) DO UPDATE SET address = excluded.address");
            tx.execute(query.sql(), query.params())?;
        }
        for new in self.new.drain(..) {
            self.addresses.entry(new.id).or_default().push(new.key);
        }
        Ok(())
    }
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Requester>> {
    let Some((name,)) =
        tx.maybe::<(Option<String>,)>("SELECT name FROM requester WHERE id = $1", params![id])?
    else {
        return Ok(None);
    };
    let addresses: Vec<(String,)> = tx.all(
        "SELECT address FROM requester_address WHERE requester_id = $1 ORDER BY address_key LIMIT 100",
        params![id],
    )?;
    Ok(Some(Requester { id, name, addresses: addresses.into_iter().map(|(address,)| address).collect() }))
}
