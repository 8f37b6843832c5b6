//! What the Mailbox Doctor says of the sending domain, by a name server on loopback.
use crate::doctor::authorized_at;
use crate::pretend_dns::PretendDns;
use crate::pretend_smtp::PretendSmtp;
use crate::stage::Stage;
use courier::doctor::{self, Examination, Extent, Link, Part, Result, Step};

const DOMAIN: &str = "contoso.example";

/// Of a mailbox that signs in to Microsoft and sends by a server of its own.
struct Case {
    stage: Stage,
    dns: PretendDns,
    _kept: Box<dyn std::any::Any>,
}

impl Case {
    async fn new() -> Case {
        let dns = PretendDns::start().await;
        let (stage, provider, imap) = authorized_at(Stage::asking(Some(dns.address))).await;
        let smtp = PretendSmtp::start().await;
        stage.sent_with_the_grant(smtp.address);
        provider.state().answers.clear();
        provider.answers_tokens(2, 3600, None);
        imap.state().token = Some("access-2".into());
        Case { stage, dns, _kept: Box::new((provider, imap, smtp)) }
    }

    async fn examined(&self) -> Examination {
        doctor::examine(&self.stage.courier, self.stage.mailbox_id, Extent::Links).await.unwrap()
    }
}

#[track_caller]
fn step(found: &Examination, link: Link) -> &Step {
    let step = found.steps.iter().find(|step| step.part == Part::Domain && step.link == link);
    step.unwrap_or_else(|| panic!("{link:?}: {}", found.transcript()))
}

/// What is told, and the record that would mend it.
#[track_caller]
fn warned(found: &Examination, link: Link, word: &str, publish: Option<(&str, &str)>) {
    let step = step(found, link);
    assert_eq!(step.result, Result::Warning, "{step:?}");
    assert!(step.found.contains(word) && !step.remedy.is_empty(), "{word}: {step:?}");
    let mends = step.publish.as_ref().map(|record| (record.name.as_str(), record.value.as_str()));
    assert_eq!(mends, publish, "{step:?}");
    assert!(found.is_well(), "no letter is kept from leaving: {}", found.transcript());
}

#[tokio::test]
async fn a_domain_that_has_all_three_is_good() {
    let case = Case::new().await;
    case.dns.has(DOMAIN, &["v=spf1 include:_spf.hub.example -all", "google-site-verification=x"]);
    case.dns.has("_spf.hub.example", &["v=spf1 include:spf.protection.outlook.com -all"]);
    case.dns.has("selector2._domainkey.contoso.example", &["v=DKIM1; k=rsa; p=MIGf"]);
    case.dns.has("_dmarc.contoso.example", &["v=DMARC1; p=reject; adkim=s"]);
    let found = case.examined().await;
    for (link, word) in
        [(Link::Spf, "lets Microsoft 365 send"), (Link::Dkim, "selector2"), (Link::Dmarc, "is refused")]
    {
        let step = step(&found, link);
        assert!(step.result == Result::Good && step.found.contains(word), "{step:?}");
    }
    assert!(
        step(&found, Link::Dmarc).found.contains("signed by contoso.example itself"),
        "{}",
        found.transcript()
    );
}

#[tokio::test]
async fn a_domain_that_has_none_is_told_what_to_publish() {
    let case = Case::new().await;
    let found = case.examined().await;
    let spf = (DOMAIN, "v=spf1 include:spf.protection.outlook.com -all");
    warned(&found, Link::Spf, "no SPF record", Some(spf));
    warned(&found, Link::Dkim, "selector1._domainkey.contoso.example", None);
    assert!(step(&found, Link::Dkim).remedy.contains("Microsoft Defender portal"), "{}", found.transcript());
    warned(&found, Link::Dmarc, "no DMARC record", Some(("_dmarc.contoso.example", "v=DMARC1; p=none")));
    let text = found.transcript();
    assert!(
        text.contains("contoso.example TXT \"v=spf1 include:spf.protection.outlook.com -all\""),
        "{text}"
    );
}

#[tokio::test]
async fn records_that_do_not_do_are_told_with_the_ones_that_would() {
    let case = Case::new().await;
    case.dns.has(DOMAIN, &["v=spf1 mx ~all"]);
    case.dns.has("selector1._domainkey.contoso.example", &["v=DKIM1; p="]);
    case.dns.has("_dmarc.contoso.example", &["v=DMARC1; p=quarantine"]);
    let found = case.examined().await;
    let with = "v=spf1 mx include:spf.protection.outlook.com ~all";
    warned(&found, Link::Spf, "does not let Microsoft 365 send", Some((DOMAIN, with)));
    warned(&found, Link::Dmarc, "goes to Junk", None);

    case.dns.has(DOMAIN, &["v=spf1 mx -all", "v=spf1 include:spf.protection.outlook.com ~all"]);
    let found = case.examined().await;
    let merged = "v=spf1 mx include:spf.protection.outlook.com -all";
    warned(&found, Link::Spf, "2 SPF records", Some((DOMAIN, merged)));

    case.dns.has(DOMAIN, &["v=spf1 +all"]);
    warned(&case.examined().await, Link::Spf, "anybody", None);
}

#[tokio::test]
async fn records_that_lead_round_and_round_are_read_a_few_times_only() {
    let case = Case::new().await;
    case.dns.has(DOMAIN, &["v=spf1 include:a.example -all"]);
    let many: Vec<String> = (0..40).map(|n| format!("include:{n}.example")).collect();
    case.dns.has("a.example", &[&format!("v=spf1 include:contoso.example {} -all", many.join(" "))]);
    let found = case.examined().await;
    assert_eq!(step(&found, Link::Spf).result, Result::Warning);
    assert!(case.dns.state.lock().unwrap().asked.len() < 20, "{:?}", case.dns.state.lock().unwrap().asked);
}

#[tokio::test]
async fn a_name_server_that_fails_is_no_fault_of_the_mailbox() {
    let case = Case::new().await;
    case.dns.state.lock().unwrap().fails = Some(2);
    let found = case.examined().await;
    let spf = step(&found, Link::Spf);
    assert!(spf.result == Result::Skipped && spf.found.contains("says nothing about the mailbox"), "{spf:?}");
    assert!(
        found.is_well() && !found.steps.iter().any(|step| step.link == Link::Dmarc),
        "{}",
        found.transcript()
    );
}
