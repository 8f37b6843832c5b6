//! Letters that are answered by themselves, between desks and between mailboxes of one: nothing goes in circles.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use std::collections::HashSet;

const SALES: &str = "sales@desk.example";
const OTHER: &str = "help@other.example";
/// More letters than these in a day are a loop.
const LETTERS_MAX: usize = 20;

/// What a server does with a letter that comes for an address while its owner is away.
#[derive(Clone, Copy)]
enum Away {
    /// As RFC 3834 wants it: once a sender, never to what came by itself, and it says what it is.
    Polite,
    /// Every letter, whatever it is, and nothing tells that a machine wrote it.
    Rude,
}

/// The world between the desks: it carries what they send, and machines answer on the way.
struct World<'d> {
    desks: Vec<(&'d str, &'d Day)>,
    away: Vec<(&'d str, Away)>,
    told: HashSet<(String, String)>,
    letters: usize,
}
impl<'d> World<'d> {
    fn new(desks: Vec<(&'d str, &'d Day)>, away: Vec<(&'d str, Away)>) -> World<'d> {
        World { desks, away, told: HashSet::new(), letters: 0 }
    }
    /// A letter on its way to everybody whom it names, and every answer to it that a machine writes.
    fn carry(&mut self, raw: Vec<u8>) {
        let mut on_the_way = vec![raw];
        while let Some(raw) = on_the_way.pop() {
            self.letters += 1;
            assert!(self.letters <= LETTERS_MAX, "a loop: {}", String::from_utf8_lossy(&raw));
            let letter = ::mail::message::parse(&raw);
            let people = letter.to.iter().chain(&letter.cc).filter_map(|to| to.address.clone());
            for to in people.collect::<Vec<_>>() {
                if let Some((mailbox, day)) = self.desks.iter().find(|(mailbox, _)| *mailbox == to) {
                    day.receive_raw(mailbox, &raw, false);
                }
                on_the_way.extend(self.answer(&letter, &to));
            }
        }
    }
    fn answer(&mut self, letter: &::mail::Message, to: &str) -> Option<Vec<u8>> {
        let (_, away) = self.away.iter().find(|(address, _)| *address == to)?;
        let sender = letter.author()?.address.clone()?;
        let answer = mail::from(to, &format!("Automatic reply: {}", letter.subject), "I am away.")
            .to(&sender)
            .id(&format!("away{}@machine.example", self.letters))
            .answers(letter.message_id.as_deref()?);
        let answer = match away {
            Away::Rude => answer,
            Away::Polite => {
                let by_itself = letter.header("Auto-Submitted").is_some();
                if by_itself || !self.told.insert((to.to_owned(), sender)) {
                    return None;
                }
                answer.header("Auto-Submitted", "auto-replied")
            }
        };
        Some(answer.raw(0))
    }
    /// What the desks have to send, every quarter of an hour until the next day.
    fn a_day(&mut self) {
        for _ in 0..96 {
            for (_, day) in self.desks.clone() {
                let sent = day.delivers();
                day.later(14 * MINUTE);
                sent.into_iter().for_each(|raw| self.carry(raw));
            }
        }
    }
}

/// Every letter that a desk sent was written by an agent.
fn wrote_only(day: &Day, replies: i64) {
    let rows = day.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM outbox", &[])?.0));
    assert_eq!(rows, replies, "letters that nobody wrote");
    day.is_whole();
}

#[test]
fn two_desks_that_write_to_each_other_with_machines_between_them_come_to_rest() {
    for away in [[Away::Rude, Away::Polite], [Away::Polite, Away::Rude], [Away::Polite, Away::Polite]] {
        let (here, there) = (Day::new(), Day::new());
        there.mailbox(OTHER, "Help");
        let mut world =
            World::new(vec![(SUPPORT, &here), (OTHER, &there)], vec![(SUPPORT, away[0]), (OTHER, away[1])]);
        world.carry(mail::from("ann@example.org", "Printer", "Whose is it?").cc(OTHER).raw(1));
        here.agent("Bob").replies("10001", "Ours, we think.");
        world.a_day();
        let number = there.read(|tx| {
            Ok(tx
                .one::<(String,)>(
                    "SELECT max(number) FROM ticket WHERE requester_address = $1",
                    desk::params![SUPPORT],
                )?
                .0)
        });
        there.agent("Maya").replies(&number, "No, ours.");
        world.a_day();
        wrote_only(&here, 1);
        wrote_only(&there, 1);
        let tickets = |day: &Day| day.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM ticket", &[])?.0));
        assert!(tickets(&here) <= 2 && tickets(&there) <= 3, "{} and {}", tickets(&here), tickets(&there));
    }
}

#[test]
fn a_customer_whose_address_is_one_of_our_mailboxes_is_answered_and_nothing_goes_in_circles() {
    for away in [Away::Rude, Away::Polite] {
        let day = Day::new();
        day.mailbox(SALES, "Sales");
        let mut world = World::new(vec![(SUPPORT, &day), (SALES, &day)], vec![(SALES, away)]);
        world.carry(mail::from(SALES, "A form was filled in", "Please call.").raw(1));
        day.agent("Bob").replies("10001", "We call.");
        world.a_day();
        assert!(day.thread("10001").contains(&format!("Bob replies: We call. [{SALES} sent]")));
        let at_sales = day.ticket("10002");
        assert_eq!(at_sales.requester_address, SUPPORT, "what came to the other mailbox is a ticket there");
        day.agent("Maya").replies("10002", "Thank you.");
        world.a_day();
        assert!(day.thread("10001").contains("Thank you."), "and its answer comes back to the first");
        wrote_only(&day, 2);
        let (tickets,) = day.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM ticket", &[])?));
        assert_eq!(tickets, 2, "however often a machine answers");
    }
}
