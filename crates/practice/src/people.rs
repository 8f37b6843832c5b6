//! Who is who at Contoso and among its customers, and whose mailbox is open to whom: one table. Not what is
//! in the mailboxes.

/// The domain of the pretend organization.
pub(crate) const DOMAIN: &str = "contoso.example";
pub(crate) const ORGANIZATION: &str = "Contoso";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Signs in at Contoso; an `Administrator` may consent on behalf of the organization.
    Member,
    Administrator,
    /// A mailbox without a sign-in of its own.
    Shared,
    /// Somebody outside who writes letters.
    Customer,
}

#[derive(Debug)]
pub(crate) struct Person {
    pub address: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    /// Other mailboxes this person may open and send as.
    pub opens: &'static [&'static str],
}

pub(crate) const PEOPLE: &[Person] = &[
    // The helpdesk mailbox may consent for everyone, so that a rehearsal needs one account only.
    Person {
        address: "support@contoso.example",
        name: "Contoso Support",
        kind: Kind::Administrator,
        opens: &["billing@contoso.example"],
    },
    Person { address: "billing@contoso.example", name: "Contoso Billing", kind: Kind::Shared, opens: &[] },
    Person {
        address: "admin@contoso.example",
        name: "Maya Kern (administrator)",
        kind: Kind::Administrator,
        opens: &[],
    },
    Person { address: "mia.holt@contoso.example", name: "Mia Holt", kind: Kind::Member, opens: &[] },
    Person { address: "ann.porter@nordwind.example", name: "Ann Porter", kind: Kind::Customer, opens: &[] },
    Person {
        address: "tomasz.zielinski@zielona.example",
        name: "Tomasz Zieliński",
        kind: Kind::Customer,
        opens: &[],
    },
    Person {
        address: "juergen.mueller@muellerbau.example",
        name: "Jürgen Müller",
        kind: Kind::Customer,
        opens: &[],
    },
    Person { address: "yuki.tanaka@aoba.example", name: "田中 由紀", kind: Kind::Customer, opens: &[] },
];

impl Person {
    /// Whether this person has a sign-in at Contoso.
    pub fn signs_in(&self) -> bool {
        matches!(self.kind, Kind::Member | Kind::Administrator)
    }

    pub fn consents_for_all(&self) -> bool {
        self.kind == Kind::Administrator
    }

    pub fn opens(&self, mailbox: &str) -> bool {
        self.address.eq_ignore_ascii_case(mailbox)
            || self.opens.iter().any(|open| open.eq_ignore_ascii_case(mailbox))
    }
}

pub(crate) fn find(address: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.address.eq_ignore_ascii_case(address.trim()))
}

/// The name to show for an address; empty for a stranger.
pub(crate) fn name_of(address: &str) -> &'static str {
    find(address).map_or("", |person| person.name)
}

/// Whether an address lies in a domain whose people are all in the table, so that others do not exist there.
pub(crate) fn in_a_practice_domain(address: &str) -> bool {
    let domain = |a: &str| a.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    let Some(wanted) = domain(address) else { return false };
    PEOPLE.iter().any(|person| domain(person.address).as_deref() == Some(&wanted))
}
