use super::*;

fn letter(fields: &str, body: &str) -> String {
    format!(
        "From: Ann <ann@example.com>\r\nTo: help@example.org\r\nSubject: Broken\r\n\
         Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <one@example.com>\r\n{fields}\r\n{body}"
    )
}
/// From memory, and from a stream the same, save that the body as it stands is not known there.
fn likeness(one: &str, later: &str) -> Likeness {
    let streamed = |raw: &str| Said::of_stream(raw.as_bytes()).expect("it is in memory");
    let likeness = Said::of(one.as_bytes()).likeness(&Said::of(later.as_bytes()));
    let by_stream = streamed(one).likeness(&streamed(later));
    let is_only_known_by_its_body = likeness == Likeness::Same && by_stream == Likeness::Other;
    assert!(by_stream == likeness || is_only_known_by_its_body, "{by_stream:?}, {likeness:?}: {later}");
    likeness
}
fn same(one: &str, other: &str) -> bool {
    let is_same = likeness(one, other) == Likeness::Same;
    assert_eq!(likeness(other, one) == Likeness::Same, is_same, "either way");
    is_same
}
fn is_other(one: &str, other: &str) -> bool {
    let is_other = likeness(one, other) == Likeness::Other;
    assert_eq!(likeness(other, one) == Likeness::Other, is_other, "either way");
    is_other
}
fn multipart(subtype: &str, boundary: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
    letter(
        &format!("MIME-Version: 1.0\r\nContent-Type: multipart/{subtype}; boundary={boundary}\r\n"),
        &format!("{parts}--{boundary}--\r\n"),
    )
}
fn alternative(boundary: &str, text: &str, html: &str) -> String {
    let (text, html) = (format!("\r\n{text}"), format!("Content-Type: text/html\r\n\r\n{html}"));
    multipart("alternative", boundary, &[&text, &html])
}

#[test]
fn a_field_more_is_the_same_letter() {
    let (old, new) = (letter("", "It broke.\r\n"), letter("X-Whatever: 7\r\n", "It broke.\n\n"));
    assert!(same(&old, &new));
    assert!(same(
        &old,
        &new.replace("Tue, 24 Nov 2026 10:00", "Tue, 24 Nov 2026 11:00").replace("+0000", "+0100")
    ));
    let nothing = letter("X-Whatever: 7\r\n", "");
    assert!(same(&letter("", ""), &nothing) && is_other(&old, &nothing));
}

#[test]
fn what_a_person_would_read_makes_another_letter() {
    let old = letter("", "It broke.\r\n");
    for (of_it, instead) in [
        ("It broke.", "It works."),
        ("It broke.", "It broke. Not."),
        ("Subject: Broken", "Subject: Broken again"),
        ("ann@example.com>\r\nTo", "ben@example.com>\r\nTo"),
        ("10:00:00", "10:00:01"),
        ("<one@", "<two@"),
    ] {
        assert!(is_other(&old, &old.replacen(of_it, instead, 1)), "{instead}");
    }
    for gone in ["Message-ID: <one@example.com>\r\n", "Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n"] {
        let without = old.replacen(gone, "", 1);
        assert!(is_other(&without, &without.replace("To:", "X: y\r\nTo:")), "{gone}");
    }
}

#[test]
fn a_body_that_was_written_anew_is_the_same_while_it_says_the_same() {
    let plain =
        |rest: &str, body: &str| letter(&format!("Content-Type: text/plain; charset={rest}\r\n"), body);
    let eight = plain("utf-8\r\nContent-Transfer-Encoding: 8bit", "Grüße\r\nAnn\r\n");
    for anew in [
        plain("utf-8\r\nContent-Transfer-Encoding: quoted-printable", "Gr=C3=BC=C3=9Fe\r\nAnn\r\n"),
        plain("iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable", "Gr=FC=DFe\r\nAnn\r\n"),
        plain("utf-8\r\nContent-Transfer-Encoding: base64", "R3LDvMOfZQpBbm4K\r\n"),
    ] {
        assert!(same(&eight, &anew), "{anew}");
    }
    let file = |name: &str, content: &str| {
        format!(
            "Content-Type: application/pdf; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{content}"
        )
    };
    let mixed = |boundary: &str, file: &str| multipart("mixed", boundary, &["\r\nSee there.", file]);
    let old = mixed("a", &file("a.pdf", "AAEC"));
    assert!(same(&old, &mixed("b", &file("a.pdf", "AA\r\nEC"))));
    for other in [file("a.pdf", "AAED"), file("b.pdf", "AAEC"), file("a.pdf", "")] {
        assert!(is_other(&old, &mixed("b", &other)), "{other}");
    }
    assert!(is_other(&old, &multipart("mixed", "a", &["\r\nSee there."])), "without its file");
    let inline = |content: &str| {
        let picture = format!(
            "Content-Type: image/png\r\nContent-Disposition: inline\r\nContent-ID: <p>\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{content}"
        );
        multipart("related", "r", &["Content-Type: text/html\r\n\r\n<p>See<img src=cid:p>", &picture])
    };
    assert!(is_other(&inline("AAEC"), &inline("AAED")), "a picture in the text");
}

#[test]
fn html_is_read_too_also_where_the_plain_text_is_the_same() {
    const TEXT: &str = "Open it in a mail program that shows HTML.";
    let old = alternative("q", TEXT, "<p>Invoice 1: 10 EUR <a href=https://shop.example/1>pay</a></p>");
    assert!(same(
        &old,
        &alternative(
            "p",
            TEXT,
            "<meta charset=utf-8>\r\n<p class=y>Invoice 1:\r\n10&nbsp;EUR <a href='https://shop.example/1'>pay</a>"
        )
    ));
    for other in [
        "<p>Invoice 2: 99,000 EUR, due today <a href=https://shop.example/1>pay</a></p>",
        "<p>Invoice 1: 10 EUR <a href=https://shop.example/2>pay</a></p>",
        "<p>Invoice 1: 10 EUR <a href=https://shop.example/1>pay</a><img src=https://shop.example/x></p>",
        "",
    ] {
        assert_ne!(likeness(&old, &alternative("q", TEXT, other)), Likeness::Same, "{other}");
    }
    // A part that neither text nor HTML of the letter takes in.
    let nested = |html: &str| {
        let inner = format!(
            "Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nText.\r\n--i\r\n\
             Content-Type: text/html\r\n\r\n<p>{html}</p>\r\n--i--"
        );
        multipart("alternative", "o", &[&inner])
    };
    assert!(is_other(&nested("one"), &nested("two")));
}

#[test]
fn lines_more_do_not_count_as_the_same() {
    let old = letter("", "All jobs of tonight:\r\nJob 1 ok\r\n");
    let more = letter("X-New: 1\r\n", "All jobs of tonight:\r\nJob 1 ok\r\nJob 2 FAILED: disk 7 is lost\r\n");
    assert!(matches!(likeness(&old, &more), Likeness::Save(lines) if lines.len() == 1));
    assert!(matches!(likeness(&more, &old), Likeness::Save(lines) if lines.len() == 1), "it says less");
    let banner = |html: &str| alternative("q", "[External]\r\nHello", html);
    let old = alternative("q", "Hello", "<p>Hello</p>");
    assert!(matches!(
        likeness(&old, &banner("<div>[External] <a href=https://x.example>?</a></div><p>Hello</p>")),
        Likeness::Save(lines) if lines.len() == 3
    ));
    assert!(is_other(&old, &banner("<p>Good bye</p>")));
    assert!(is_other(&letter("", ""), &letter("X: y\r\n", "Job 2 FAILED\r\n")), "it said nothing");
}

#[test]
fn what_cannot_be_decoded_for_certain_is_the_same_only_as_it_stands() {
    let broken = |body: &str| {
        letter(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
            &format!("{body}\r\n"),
        )
    };
    let bytes =
        |raw: &str, byte: u8| -> Vec<u8> { raw.bytes().map(|b| if b == b'%' { byte } else { b }).collect() };
    let (one, other) = (bytes(&broken("It costs %."), 0xfe), bytes(&broken("It costs %."), 0xff));
    assert_eq!(Said::of(&one).likeness(&Said::of(&other)), Likeness::Other);
    let with_field = [b"X: y\r\n", &one[..]].concat();
    assert_eq!(Said::of(&one).likeness(&Said::of(&with_field)), Likeness::Same);
}

#[test]
fn two_letters_without_a_message_id_are_two_by_what_no_server_writes_anew() {
    let alarm = |at: u8, subject: &str, body: &str| {
        format!(
            "Received: from pump by mx with SMTP id A{at};\r\n Fri, 20 Nov 2026 {at:02}:00:00 +0000\r\n\
             From: Pump <pump@dev.example>\r\nSubject: {subject}\r\n\r\n{body}\r\n"
        )
    };
    let old = alarm(9, "Pump 3", "It stopped at nine.\r\nLook at it.");
    let is_another = |later: &str| {
        let (one, later) = (Said::of(old.as_bytes()), Said::of(later.as_bytes()));
        assert_eq!(one.is_certainly_another(&later), later.is_certainly_another(&one), "either way");
        one.is_certainly_another(&later)
    };
    // What a server does.
    for same in [
        old.clone(),
        format!("Received: from mx by store; Sat, 21 Nov 2026 09:00:00 +0000\r\nX-Whatever: 7\r\n{old}"),
        old.replace(" id A9;\r\n Fri", " id A9; Fri"),
        old.replace("\r\n\r\nIt", "\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\n\r\nIt"),
        old.replace("Subject: ", "Subject: [EXTERNAL] "),
        old.replace("\r\n\r\nIt", "\r\n\r\nMind what you open.\r\nIt"),
        format!("{old}-- \r\nScanned.\r\n"),
        old.split_once("\r\nIt").unwrap().0.to_owned(),
        old.replacen("Received: from pump", "X-Was: from pump", 1),
        // What cannot be read for certain.
        old.replace("\r\n\r\nIt stopped", "\r\nContent-Transfer-Encoding: base64\r\n\r\n*** stopped"),
    ] {
        assert!(!is_another(&same), "{same}");
    }
    for other in [
        alarm(10, "Pump 3", "It stopped at nine.\r\nLook at it."),
        alarm(9, "Pump 4", "It stopped at nine.\r\nLook at it."),
        alarm(9, "Pump 3", "It stopped at ten.\r\nLook at it."),
        old.replace("pump@dev.example", "fan@dev.example"),
        old.replace("Subject: ", "X: y\r\nContent-Type: text/html\r\nSubject: ")
            .replace("09:00:00", "09:00:01"),
    ] {
        assert!(is_another(&other), "{other}");
    }
    let named = old.replace("Subject: ", "Message-ID: <one@dev.example>\r\nSubject: ");
    assert!(!is_another(&named) && is_another(&named.replace("nine", "ten")));
}
