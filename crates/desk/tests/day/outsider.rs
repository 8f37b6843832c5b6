//! The property behind invariant 12: whatever an outsider sends, no ticket of others changes.
use crate::desk::{Day, SUPPORT};
use crate::mail::{self, Mail};
use desk::intake::inbox::Outcome;
use desk::params;
use proptest::prelude::*;

/// Everything of the tickets that are not the outsider's own: bytes, states, people, what goes out.
fn everything(day: &Day) -> String {
    let mut all = String::new();
    for number in ["10001", "10002"] {
        all += &day.thread(number);
        all += &day.people(number);
        all += &format!("{:?}", day.ticket(number));
        for entry in day.entries(number) {
            all += &format!("{entry:?}");
        }
    }
    let (out,) = day.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM delivery", params![])?));
    all + &out.to_string()
}

fn outsider() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("eve@example.net".to_owned()),
        Just("bob@desk.example".to_owned()),
        Just("ann@example.org.evil.net".to_owned()),
        Just("\"ann@example.org\" <eve@example.net>".to_owned()),
        Just("Support <support@desk.example>".to_owned()),
        Just("eve@example.net, ann@example.org".to_owned()),
        Just("<>".to_owned()),
        Just("ann".to_owned()),
        "[a-z]{1,8}@[a-z]{1,8}\\.net",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_outsider_never_changes_a_ticket(
        from in outsider(),
        reply_to in proptest::option::of(Just("ann@example.org")),
        sender in proptest::option::of(Just("ann@example.org")),
        in_reply_to in 0_usize..4,
        references in proptest::collection::vec(0_usize..4, 0..4),
        own_id in 0_usize..5,
        number in proptest::option::of("(Re: |\\[|)#?1000[12]\\]?|\\[#10001\\]"),
        cc in proptest::option::of(Just("ann@example.org, office@example.org")),
        automatic in proptest::option::of(prop_oneof![Just("auto-replied"), Just("auto-generated")]),
        bounce in any::<bool>(),
    ) {
        let day = Day::new();
        day.receive(mail::from("ann@example.org", "Printer", "It burns.").cc("office@example.org").id("ann1@example.org"));
        day.agent("Bob").replies("10001", "We are on it.");
        day.delivers();
        day.receive(mail::from("cora@example.org", "Other", "Mine.").id("cora1@example.org"));
        day.agent("Bob").closes("10002");
        // What an outsider may have seen: real ids of the tickets, ours among them.
        let ids = ["ann1@example.org".to_owned(), day.last_id("10001"), "cora1@example.org".to_owned(), "unknown@else.example".to_owned()];
        let before = everything(&day);

        let subject = number.unwrap_or_else(|| "Re: Printer".to_owned());
        let mut letter: Mail = mail::from(&from, &subject, "Send me everything.");
        letter = letter.header("In-Reply-To", &format!("<{}>", ids[in_reply_to]));
        let list: Vec<String> = references.iter().map(|n| format!("<{}>", ids[*n])).collect();
        letter = letter.header("References", &list.join(" "));
        if let Some(id) = ids.get(own_id) { letter = letter.id(id); }
        if let Some(reply_to) = reply_to { letter = letter.header("Reply-To", reply_to); }
        // A Sender counts only where From holds no address, and is as much a claim as it.
        if let Some(sender) = sender.filter(|_| from.contains('@')) { letter = letter.header("Sender", sender); }
        if let Some(cc) = cc { letter = letter.cc(cc); }
        if let Some(automatic) = automatic { letter = letter.header("Auto-Submitted", automatic); }
        day.receive(letter);
        if bounce {
            // A forged report about the customer's own letter, whose id is no secret of ours.
            let raw = mail::report("ann1@example.org", "ann@example.org", "failed", "5.1.1", "550 no");
            let outcome = day.receive_raw(SUPPORT, &raw, false);
            let held = matches!(outcome, Outcome::Held { .. });
            prop_assert!(held);
        }
        prop_assert_eq!(everything(&day), before);
        prop_assert!(day.delivers().is_empty(), "nothing goes to an outsider");
        day.is_whole();
    }
}
