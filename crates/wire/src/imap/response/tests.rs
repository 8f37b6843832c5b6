use super::*;

fn text(line: &str) -> Vec<Piece> {
    vec![Piece::Text(line.as_bytes().to_vec())]
}

fn untagged(line: &str) -> Untagged {
    match parse(text(line)) {
        Response::Untagged(untagged) => untagged,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_body_is_found_between_values_that_nobody_asked_for() {
    let pieces = vec![
        Piece::Text(
            b"* 3 FETCH (FLAGS (\\Seen ($x)) ENVELOPE (NIL NIL ((NIL NIL \"a\\\"b\" NIL))) BODY[] ".to_vec(),
        ),
        Piece::Literal(Literal::Kept(b"hello".to_vec())),
        Piece::Text(
            b" INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\" BODY[HEADER.FIELDS (X Y)] NIL UID 4294967295)"
                .to_vec(),
        ),
    ];
    let Response::Untagged(Untagged::Fetch(data)) = parse(pieces) else { panic!() };
    assert_eq!(data.uid, Some(u32::MAX));
    let Some(Literal::Kept(body)) = data.body else { panic!("{data:?}") };
    assert_eq!(body, b"hello");
    assert_eq!(data.internal_date_at, Some(760_686_745_000));
}

#[test]
fn nil_everywhere_is_nothing_and_no_error() {
    for (line, whole) in [("* 1 FETCH (UID NIL INTERNALDATE NIL BODY[] NIL)", true), ("* 1 FETCH NIL", false)]
    {
        let Untagged::Fetch(data) = untagged(line) else { panic!("{line}") };
        let FetchData { uid: None, internal_date_at: None, body: None, is_whole } = data else {
            panic!("{data:?}")
        };
        assert_eq!(is_whole, whole, "{line}");
    }
    let Untagged::List { attributes, delimiter: None, name } = untagged("* LIST () NIL NIL") else {
        panic!()
    };
    assert_eq!((attributes.len(), name.as_slice()), (0, &b"NIL"[..]));
    assert!(matches!(untagged("* SEARCH"), Untagged::Search(uids) if uids.is_empty()));
    for nothing in ["*", ""] {
        assert!(matches!(untagged(nothing), Untagged::Other));
    }
}

#[test]
fn literals_are_announced_at_the_end_of_data_lines_only() {
    assert_eq!(announced_literal(b"* LIST () \"/\" {11}"), Ok(Some((14, 11))));
    assert_eq!(announced_literal(b"x ~{5+}"), Ok(Some((2, 5))));
    assert_eq!(announced_literal(b"x {}"), Ok(None));
    assert_eq!(announced_literal(b"x {1x}"), Ok(None));
    assert_eq!(announced_literal(b"x {99999999999999999999}"), Err(()));
    assert!(may_hold_literals(b"* 1 FETCH (BODY[] {5}"));
    assert!(!may_hold_literals(b"* NO out of order {5}"));
    assert!(!may_hold_literals(b"A1 NO out of order {5}"));
    assert!(announces_body(b"* 1 FETCH (UID 3 body[] ") && !announces_body(b"BODY[TEXT] "));
}

#[test]
fn a_status_keeps_its_code_and_all_its_words() {
    let Response::Tagged(tagged) = parse(text("A7 no [trycreate now] Mailbox doesn't exist")) else {
        panic!()
    };
    assert_eq!((tagged.tag.as_str(), tagged.condition), ("A7", Condition::No));
    assert_eq!(tagged.words.code, Some(("TRYCREATE".into(), "now".into())));
    assert_eq!(tagged.words.text, "[trycreate now] Mailbox doesn't exist");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_parser_fall_over(lines: Vec<Vec<u8>>, prefix in "(\\* (1 FETCH \\(|LIST \\(|STATUS |)|A1 |\\+)?") {
        let mut pieces = vec![Piece::Text(prefix.into_bytes())];
        for line in lines {
            let _ = (announced_literal(&line), may_hold_literals(&line), announces_body(&line));
            pieces.push(Piece::Literal(Literal::Kept(line.clone())));
            pieces.push(Piece::Text(line));
        }
        parse(pieces);
    }
}
