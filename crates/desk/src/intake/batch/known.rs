//! What filing decides by, of all messages of a batch: looked up at its beginning, and kept as filing changes it. So a
//! message finds what those before it have opened, though their rows are written later.
use crate::Result;
use crate::db::Tx;
use crate::intake::threading::Claims;
use crate::people::requester::Senders;
use crate::tickets::participant::{self, Standing, There};
use crate::tickets::reference::{self, Found, TICKETS_MAX};
use crate::tickets::ticket::{self, State};
use std::collections::{HashMap, HashSet};

#[derive(Debug)]
pub(in crate::intake) struct Known {
    /// By the id, of all ids that a message claims.
    references: HashMap<String, Vec<Found>>,
    /// From a ticket to the one that it leads to.
    leads: HashMap<i64, i64>,
    numbers: HashMap<String, i64>,
    tickets: HashMap<i64, ticket::Known>,
    /// Who may write to which ticket beside its requester, of those who write now.
    writers: HashSet<(i64, String)>,
    /// Who is on a ticket; looked up when somebody is to be added.
    people: HashMap<i64, There>,
    pub senders: Senders,
}

impl Known {
    /// `addresses`: keys of the addresses that requesters may write from.
    pub(super) fn of<'c>(
        tx: &mut Tx<'_>,
        claims: impl Iterator<Item = &'c Claims> + Clone,
        addresses: impl Iterator<Item = String>,
    ) -> Result<Known> {
        let senders: HashSet<&String> =
            claims.clone().map(|one| &one.sender).filter(|key| !key.is_empty()).collect();
        let senders: Vec<String> = senders.into_iter().cloned().collect();
        let addresses: HashSet<String> = addresses.chain(senders.iter().cloned()).collect();
        let ids: HashSet<&str> = claims.clone().flat_map(|one| &one.ids).map(String::as_str).collect();
        let mut references: HashMap<String, Vec<Found>> = HashMap::new();
        for (id, found) in reference::of(tx, &Vec::from_iter(ids))? {
            references.entry(id).or_default().push(found);
        }
        let tickets: HashSet<i64> = references.values().flatten().map(|found| found.ticket_id).collect();
        let numbers: HashSet<&str> = claims.flat_map(|one| &one.numbers).map(String::as_str).collect();
        let mut known = Known {
            references,
            leads: HashMap::new(),
            numbers: HashMap::new(),
            tickets: HashMap::new(),
            writers: HashSet::new(),
            people: HashMap::new(),
            senders: Senders::of(tx, &Vec::from_iter(addresses))?,
        };
        for led in ticket::led(tx, &Vec::from_iter(tickets), &Vec::from_iter(numbers))? {
            known.leads.extend([(led.from_id, led.id), (led.id, led.id)]);
            known.numbers.insert(led.from_number, led.id);
            known.tickets.insert(led.id, led.known);
        }
        let tickets: Vec<i64> = known.tickets.keys().copied().collect();
        known.writers.extend(participant::who_may_write(tx, &tickets, &senders)?);
        Ok(known)
    }

    /// Tickets that know any of these ids, in the order of the ids; of one id first the ticket whose own
    /// letter carries it as ours, then the one that has the letter, then those that only name it.
    pub(in crate::intake) fn tickets_of(&self, ids: &[String]) -> Vec<i64> {
        let known = ids.iter().enumerate().filter_map(|(at, id)| Some((at, self.references.get(id)?)));
        let mut found: Vec<(usize, &Found)> =
            known.flat_map(|(at, found)| found.iter().map(move |one| (at, one))).collect();
        found.sort_by_key(|(_, one)| (!one.ours, !one.is_of_entry, one.ticket_id));
        found.truncate(TICKETS_MAX);
        found.sort_by_key(|(at, _)| *at); // stable
        found.into_iter().filter_map(|(_, one)| self.leads.get(&one.ticket_id).copied()).collect()
    }
    pub(in crate::intake) fn numbered(&self, numbers: &[String]) -> impl Iterator<Item = i64> {
        numbers.iter().filter_map(|number| self.numbers.get(number).copied())
    }
    /// The requester (any of their addresses) or a participant. Nobody without an address.
    pub(in crate::intake) fn may_write(&self, ticket_id: i64, sender: &str) -> bool {
        if sender.is_empty() {
            return false;
        }
        let requester = self.tickets.get(&ticket_id).map(|ticket| ticket.requester_id);
        (requester.is_some() && self.senders.requester_of(sender) == requester)
            || self.writers.contains(&(ticket_id, sender.to_owned()))
    }
    /// A ticket that a message may join.
    pub(in crate::intake) fn ticket(&self, id: i64) -> Option<&ticket::Known> {
        self.tickets.get(&id)
    }

    pub(super) fn opened(&mut self, id: i64, ticket: ticket::Known) {
        let people = self.senders.addresses_of(ticket.requester_id).map(|key| (key.clone(), None)).collect();
        self.people.insert(id, people);
        self.leads.insert(id, id);
        self.numbers.insert(ticket.number.clone(), id);
        self.tickets.insert(id, ticket);
    }
    pub(super) fn reopened(&mut self, id: i64) {
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.state = State::Open;
        }
    }
    /// That the ticket has a letter with this id, or names it.
    pub(super) fn refers(&mut self, id: &str, ticket_id: i64, is_of_entry: bool) {
        let found = self.references.entry(id.to_owned()).or_default();
        match found.iter_mut().find(|one| one.ticket_id == ticket_id) {
            Some(one) => one.is_of_entry |= is_of_entry,
            None => found.push(Found { ticket_id, ours: false, is_of_entry }),
        }
    }
    /// Who is on the ticket.
    pub(super) fn people(&mut self, tx: &mut Tx<'_>, ticket_id: i64) -> Result<&mut There> {
        Ok(match self.people.entry(ticket_id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(participant::there(tx, ticket_id)?),
        })
    }
    pub(super) fn joined_by(&mut self, ticket_id: i64, key: &str, standing: Standing) {
        if let Some(people) = self.people.get_mut(&ticket_id) {
            people.insert(key.to_owned(), Some(standing));
        }
        if standing == Standing::Participant {
            self.writers.insert((ticket_id, key.to_owned()));
        }
    }
}
