//! What the sending domain says to other servers: SPF, DKIM, DMARC. None of it keeps a letter from leaving, so nothing
//! here is broken; a name server that does not answer is told as that.
use super::chart::{Chart, Link, Part};
use crate::Courier;
use desk::mailboxes::choice::registered_domain;
use desk::mailboxes::mailbox::Mailbox;
use mail::provider::Preset;
use mail::sending::dkim::{self, Key, Signature};
use mail::sending::dmarc::{self, Alignment, Policy};
use mail::sending::spf;
use url::Host;

/// Records of others that are read for an `include` (RFC 7208 §4.6.4 lets a server read ten).
const LOOKUPS_MAX: usize = 10;

/// What is known of the letters that leave.
pub(super) struct Leaving<'a> {
    /// The server that they leave by.
    pub host: &'a str,
    /// The key of the preset by which they are signed in to it, where a token opens it.
    pub provider: Option<String>,
    /// How the letter to itself was signed; `None` when there was none.
    pub signatures: Option<Vec<Signature>>,
}

/// A name server gave no answer: what it said.
struct Unanswered(String);

pub(super) async fn examine(courier: &Courier, mailbox: &Mailbox, leaving: Leaving<'_>, chart: &mut Chart) {
    chart.turn_to(Part::Domain);
    if courier.practice() && courier.net().asks_the_systems_servers() {
        chart.skipped(Link::Spf, "The practice domains are in no DNS, and nothing leaves this machine.");
        return;
    }
    let Some(domain) = domain_of(&mailbox.address) else {
        chart.skipped(Link::Spf, "The address has no domain that could be in the DNS.");
        return;
    };
    let providers = &courier.desk().providers;
    if let Some(own) = providers.of_address(&mailbox.address) {
        let found = format!("{domain} is {}'s own domain: its records are not yours to change.", own.label);
        chart.skipped(Link::Spf, found);
        return;
    }
    let by_sign_in = leaving.provider.as_deref().and_then(|provider| providers.find(provider));
    let preset = providers.of_smtp_host(leaving.host).or(by_sign_in);
    let mut looking = Looking { courier, domain, preset, leaving, chart };
    if let Err((link, Unanswered(why))) = looking.all().await {
        chart.skipped(
            link,
            format!(
                "The DNS could not be asked, which says nothing about the mailbox. {}",
                crate::trouble::sentence(&why)
            ),
        );
    }
}

/// In the ASCII form of the DNS.
fn domain_of(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    match Host::parse(domain).ok()? {
        Host::Domain(domain) => Some(domain),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

struct Looking<'a> {
    courier: &'a Courier,
    domain: String,
    preset: Option<&'a Preset>,
    leaving: Leaving<'a>,
    chart: &'a mut Chart,
}

impl Looking<'_> {
    async fn all(&mut self) -> Result<(), (Link, Unanswered)> {
        let by_spf = self.spf().await.map_err(|why| (Link::Spf, why))?;
        let by_dkim = self.dkim().await.map_err(|why| (Link::Dkim, why))?;
        self.dmarc(by_spf, by_dkim).await.map_err(|why| (Link::Dmarc, why))
    }

    async fn texts(&self, name: &str) -> Result<Vec<String>, Unanswered> {
        let id = u16::from_be_bytes(self.courier.random());
        let found = self.courier.net().text_records(name, id).await;
        found.map_err(|error| Unanswered(error.to_string()))
    }

    /// Whether the record lets the provider send, where both are known.
    async fn spf(&mut self) -> Result<Option<bool>, Unanswered> {
        let domain = self.domain.clone();
        let include = self.preset.and_then(|preset| preset.dns.as_ref()).map(|dns| dns.spf_include.clone());
        let label = self.preset.map_or_else(|| self.leaving.host.to_owned(), |preset| preset.label.clone());
        let records = spf::records(&self.texts(&domain).await?);
        let record = match records.as_slice() {
            [] => {
                let found = format!(
                    "{domain} has no SPF record, which names the servers that may send its mail: others trust it less."
                );
                match &include {
                    Some(include) => {
                        let remedy = format!(
                            "Publish this TXT record. It lets {label} send; add what else sends for {domain}."
                        );
                        self.chart.publish(
                            Link::Spf,
                            found,
                            remedy,
                            &domain,
                            spf::Record::of_provider(include).text(),
                        );
                    }
                    None => self.chart.warning(
                        Link::Spf,
                        found,
                        format!("Ask whoever runs {label} which SPF record {domain} needs."),
                    ),
                }
                return Ok(Some(false));
            }
            [record] => record,
            several => {
                let mut merged = spf::Record::merged(several);
                if let Some(include) = include.as_ref().filter(|include| !merged.others().contains(include)) {
                    merged = merged.with(include);
                }
                let found = format!(
                    "{domain} has {} SPF records, and with more than one none counts.",
                    several.len()
                );
                let remedy = "Put this one in the place of all of them.";
                self.chart.publish(Link::Spf, found, remedy, &domain, merged.text());
                return Ok(Some(false));
            }
        };
        let text = record.text();
        if record.lets_anybody() {
            let found = format!("The SPF record of {domain} lets anybody send in its name: {text}");
            self.chart.warning(
                Link::Spf,
                found,
                "End it with -all (nobody else) or ~all (others are suspect).",
            );
            return Ok(None);
        }
        let Some(include) = include else {
            let found = format!("One SPF record: {text}. See that it lets {label} send.");
            self.chart.good(Link::Spf, found);
            return Ok(None);
        };
        if self.reaches(record, &include).await? {
            self.chart.good(Link::Spf, format!("One SPF record, which lets {label} send: {text}"));
            return Ok(Some(true));
        }
        let found = format!("The SPF record of {domain} does not let {label} send: {text}");
        let remedy = "Put this record in its place.";
        self.chart.publish(Link::Spf, found, remedy, &domain, record.with(&include).text());
        Ok(Some(false))
    }

    /// Whether a record includes a name, by others that it includes too.
    async fn reaches(&self, record: &spf::Record, include: &str) -> Result<bool, Unanswered> {
        let mut names = record.others();
        let mut at = 0;
        while let Some(name) = names.get(at).cloned() {
            if name == include {
                return Ok(true);
            }
            at += 1;
            if at > LOOKUPS_MAX || names.contains(&include.to_owned()) {
                continue;
            }
            for other in spf::records(&self.texts(&name).await?).iter().flat_map(spf::Record::others) {
                if names.len() < LOOKUPS_MAX * 2 && !names.contains(&other) {
                    names.push(other);
                }
            }
        }
        Ok(false)
    }

    /// Whether letters are signed in the domain's name, where that is known.
    async fn dkim(&mut self) -> Result<Option<bool>, Unanswered> {
        let signatures = self.leaving.signatures.clone().unwrap_or_default();
        match signatures.iter().find(|signature| self.is_of_the_domain(&signature.domain)) {
            Some(signature) => self.signed(&signature.clone()).await,
            None if !signatures.is_empty() => {
                let by: Vec<&str> = signatures.iter().map(|signature| signature.domain.as_str()).collect();
                let found = format!(
                    "The letter to itself was signed by {}, and not by {}: other servers do not take that for a signature of \
                     yours.",
                    by.join(", "),
                    self.domain
                );
                let remedy = self.switch_on();
                self.chart.warning(Link::Dkim, found, remedy);
                Ok(Some(false))
            }
            None => self.keys_of_the_provider().await,
        }
    }

    async fn signed(&mut self, signature: &Signature) -> Result<Option<bool>, Unanswered> {
        let name = signature.record();
        match dkim::key(&self.texts(&name).await?) {
            Key::There => {
                self.chart.good(
                    Link::Dkim,
                    format!("The letter to itself was signed, and the key {name} is published."),
                );
                return Ok(Some(true));
            }
            Key::Revoked => {
                let found = format!(
                    "The letter to itself was signed with a key that was taken back: {name} is empty."
                );
                let remedy = self.switch_on();
                self.chart.warning(Link::Dkim, found, remedy);
            }
            Key::Missing => {
                let found = format!("The letter to itself was signed, but the key {name} is not published.");
                let remedy = self.switch_on();
                self.chart.warning(Link::Dkim, found, remedy);
            }
        }
        Ok(Some(false))
    }

    /// Nothing was signed that could be looked at: within one provider letters often are not.
    async fn keys_of_the_provider(&mut self) -> Result<Option<bool>, Unanswered> {
        let dns = self.preset.and_then(|preset| preset.dns.as_ref());
        let selectors = dns.map(|dns| dns.dkim_selectors.clone()).unwrap_or_default();
        if selectors.is_empty() {
            let found = match self.leaving.signatures {
                Some(_) => {
                    "The letter to itself came back without a signature, and nothing is known of this server's keys."
                }
                None => "Nothing tells which key signs this mailbox's letters: a letter to itself shows it.",
            };
            self.chart.skipped(Link::Dkim, found);
            return Ok(None);
        }
        let names: Vec<String> =
            selectors.iter().map(|selector| dkim::record(selector, &self.domain)).collect();
        let mut there = Vec::new();
        for name in &names {
            if dkim::key(&self.texts(name).await?) == Key::There {
                there.push(name.as_str());
            }
        }
        if there.is_empty() {
            let found = format!(
                "{} has no key for signatures: {} not there. Its letters are not signed in its name.",
                self.domain,
                if names.len() == 1 {
                    format!("{} is", names.join(""))
                } else {
                    format!("{} are", names.join(", "))
                }
            );
            let remedy = self.switch_on();
            self.chart.warning(Link::Dkim, found, remedy);
            return Ok(Some(false));
        }
        self.chart.good(
            Link::Dkim,
            format!("Published: {}. A letter to itself shows whether it is used.", there.join(", ")),
        );
        Ok(Some(true))
    }

    fn switch_on(&self) -> String {
        let page = self.preset.and_then(|preset| preset.dns.as_ref()).and_then(|dns| dns.dkim_page.as_ref());
        match page {
            Some(page) => format!(
                "Switch signing on for {}, and publish the records that are shown there: {page}.",
                self.domain
            ),
            None => format!("Have whoever runs {} sign with a key of {}.", self.leaving.host, self.domain),
        }
    }

    async fn dmarc(&mut self, by_spf: Option<bool>, by_dkim: Option<bool>) -> Result<(), Unanswered> {
        let own = dmarc::name(&self.domain);
        let mut records = dmarc::records(&self.texts(&own).await?);
        let registered = registered_domain(&self.domain).filter(|registered| *registered != self.domain);
        let mut at = self.domain.clone();
        if let Some(registered) = registered.filter(|_| records.is_empty()) {
            records = dmarc::records(&self.texts(&dmarc::name(&registered)).await?);
            at = registered;
        }
        let record = match records.as_slice() {
            [record] => record,
            [] => {
                let found = format!(
                    "{} has no DMARC record: each server decides for itself what becomes of a letter that only claims to be \
                     from it, and some large ones take less mail without one.",
                    self.domain
                );
                let remedy = "Publish this TXT record, which asks for nothing to be refused yet. With rua=mailto:ADDRESS added, \
                              others report what they saw.";
                self.chart.publish(Link::Dmarc, found, remedy, &own, "v=DMARC1; p=none".to_owned());
                return Ok(());
            }
            several => {
                let found =
                    format!("{at} has {} DMARC records, and with more than one none counts.", several.len());
                self.chart.warning(Link::Dmarc, found, "Keep one of them.");
                return Ok(());
            }
        };
        let policy = if at == self.domain { record.policy } else { record.below };
        let found = format!("{at} publishes DMARC: {} {}", becomes(policy), self.aligned(record));
        let spoken_for = by_spf == Some(true) || by_dkim == Some(true);
        let known = by_spf.is_some() && by_dkim.is_some();
        if known && !spoken_for && policy != Policy::None {
            let found =
                format!("{found} Neither speaks for this mailbox's letters, so that happens to them.");
            self.chart.warning(Link::Dmarc, found, "Mend SPF or DKIM as said above.");
        } else {
            self.chart.good(Link::Dmarc, found);
        }
        Ok(())
    }

    /// What has to agree with the address that people see, in words.
    fn aligned(&self, record: &dmarc::Record) -> String {
        let registered = registered_domain(&self.domain).unwrap_or_else(|| self.domain.clone());
        let of = |alignment| match alignment {
            Alignment::Strict => format!("{} itself", self.domain),
            Alignment::Relaxed => format!("{registered} or a name below it"),
        };
        format!(
            "SPF speaks for a letter whose envelope is from {} (Postern's is from the mailbox), DKIM for one that is signed by \
             {}.",
            of(record.spf),
            of(record.dkim)
        )
    }

    fn is_of_the_domain(&self, other: &str) -> bool {
        other == self.domain
            || registered_domain(other).is_some_and(|other| registered_domain(&self.domain) == Some(other))
    }
}

fn becomes(policy: Policy) -> &'static str {
    match policy {
        Policy::None => "what neither SPF nor DKIM speaks for is only watched (p=none).",
        Policy::Quarantine => "what neither SPF nor DKIM speaks for goes to Junk (p=quarantine).",
        Policy::Reject => "what neither SPF nor DKIM speaks for is refused (p=reject).",
    }
}
