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
    /// A personal Microsoft account: signs in under `consumers`, belongs to no organization.
    Personal,
    /// Signs in at the Google-shaped provider.
    Google,
    /// Signs in at the plain OpenID provider.
    Waldau,
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
    Person { address: "sam.reed@outlook.example", name: "Sam Reed", kind: Kind::Personal, opens: &[] },
    Person { address: "care@fabrikam.example", name: "Fabrikam Care", kind: Kind::Google, opens: &[] },
    Person { address: "lena.fox@gmail.example", name: "Lena Fox", kind: Kind::Google, opens: &[] },
    Person { address: "hilfe@waldau.example", name: "Waldau Hilfe", kind: Kind::Waldau, opens: &[] },
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

/// Second addresses of mailboxes: what is written to the first lies in the second.
const ALIASES: &[(&str, &str)] = &[("help@contoso.example", "support@contoso.example")];

/// The tenant of all personal Microsoft accounts, as at Microsoft.
pub(crate) const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

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

/// Where mail to an address lies: an alias leads to its mailbox, anything else to itself.
pub(crate) fn mailbox_of(address: &str) -> String {
    let address = address.trim().to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == address);
    alias.map_or(address, |(_, mailbox)| (*mailbox).to_owned())
}

pub(crate) fn is_alias(address: &str) -> bool {
    ALIASES.iter().any(|(alias, _)| alias.eq_ignore_ascii_case(address.trim()))
}

pub(crate) fn is_personal(address: &str) -> bool {
    find(address).is_some_and(|person| person.kind == Kind::Personal)
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
