//! Cost by counting, not by the clock: what a letter makes us keep stays within its limits.

use mail::message::{Limit, parse};

fn letter(head: &str, body: &str) -> Vec<u8> {
    format!("From: a@b.org\nSubject: x\n{head}\n\n{body}").into_bytes()
}

#[test]
fn limits_are_named_and_what_was_read_is_kept() {
    let nested: String =
        (0..200).map(|i| format!("Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n")).collect();
    let deep = parse(format!("From: a@b.org\nSubject: x\n{nested}\nwords").as_bytes());
    assert_eq!((deep.over_limit, deep.subject.as_str()), (Some(Limit::Depth), "x"));

    let parts = parse(&letter("Content-Type: multipart/mixed; boundary=b", &"--b\n\nx\n".repeat(10_000)));
    assert_eq!(parts.over_limit, Some(Limit::Parts));
    assert!(parts.text.len() > 1_000);

    let many: String = (0..10_000).map(|i| format!("X-{i}: y\n")).collect();
    let fields = parse(format!("From: a@b.org\nSubject: x\n{many}\nwords\n").as_bytes());
    assert_eq!((fields.over_limit, fields.text.as_str()), (Some(Limit::Headers), "words\n"));

    let long = parse(format!("From: a@b.org\nX: {}\nSubject: x\n\nwords", "y".repeat(3 << 20)).as_bytes());
    assert_eq!((long.over_limit, long.subject.as_str()), (Some(Limit::Line), "x"));
}

#[test]
fn ids_are_bounded_and_the_newest_are_kept() {
    let ids: String = (0..5_000).map(|i| format!(" <{i}@x>\n")).collect();
    let read = parse(format!("References:{ids}In-Reply-To: <a@x>\n\n").as_bytes());
    assert_eq!(read.in_reply_to.len() + read.references.len(), 1_000);
    assert_eq!(read.references.last().map(String::as_str), Some("4999@x"));
}

#[test]
fn output_grows_no_faster_than_input() {
    // Twice the letter may give at most a little over twice of what is kept, up to the limits.
    for unit in [
        "<div>",
        "<b id=1><p>",
        "<blockquote type=cite>a",
        "&",
        "<table><a>",
        "<td style='color:red'>",
        "<a b c d>",
    ] {
        let kept = |times: usize| {
            let read = parse(&letter("Content-Type: text/html", &unit.repeat(times)));
            let clean = mail::sanitize::sanitize(read.html.as_deref().unwrap_or(""), &|_| None);
            (read.text.len() + clean.html.len() + 1_000) as f64
        };
        let ratio = kept(1_000) / kept(500);
        assert!(ratio < 2.3, "{unit}: {ratio}");
    }
}

#[test]
fn trees_and_texts_are_cut_at_their_limits() {
    let big = "<p>words</p>".repeat(500_000);
    let clean = mail::sanitize::sanitize(&big, &|_| None);
    assert!(clean.is_cut && clean.html.len() < 2 << 20);
    let read = parse(&letter("Content-Type: text/plain", &"words\n".repeat(1_000_000)));
    assert!(read.text.len() <= 4 << 20);
    assert!(read.defects.contains(&mail::message::Defect::Cut));
}
