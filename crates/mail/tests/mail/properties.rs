//! What holds for all letters, tried with drawn ones.

use mail::compose::{Draft, File, compose, message_id};
use mail::{Address, html, message, quote, sanitize};
use proptest::prelude::*;

/// Pieces of which twisted HTML is made.
fn html_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<div>",
        "</div>",
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        "<a href='http://x.org/?a=1&b'>",
        "</a>",
        "<a>",
        "<table>",
        "</table>",
        "<tr>",
        "</tr>",
        "<td>",
        "</td>",
        "<ul>",
        "<li>",
        "</ul>",
        "<pre>",
        "</pre>",
        "<br>",
        "<img src='cid:a@b%25'>",
        "<img src=http://evil.example/x>",
        "<svg>",
        "</svg>",
        "<math>",
        "<style>",
        "</style>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<h1>",
        "</h1>",
        "<font color=red>",
        "</font>",
        "<blockquote type=cite>",
        "</blockquote>",
        "<select>",
        "<option>",
        "<textarea>",
        "</textarea>",
        "<title>",
        "<p style=\"color:red;background:url(http://evil.example)\">",
        "<span id=x name=y onclick=z>",
        "</span>",
        "<td style='position:fixed'>",
        "<caption>",
        "<col>",
        "<hr>",
        "<center>",
        "<nobr>",
        "<dl>",
        "<dt>",
        "<dd>",
        "words",
        " ",
        "\n",
        "&amp;",
        "&lt;",
        "&",
        "<",
        ">",
        "\"",
        "'",
        "\u{a0}",
        "é",
        "\u{202e}",
        "<o:p></o:p>",
        "<frameset>",
        "<body bgcolor=red>",
        "</body>",
        "<html>",
        "<noscript>",
        "</noscript>",
        "<template>",
        "<button>",
        "<details open>",
        "<summary>",
        "<iframe srcdoc='<b>'>",
        "</iframe>",
        "<input>",
        "<form>",
        "</form>",
        "</p/x>",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn clean(html: &str) -> sanitize::Clean {
    sanitize::sanitize(html, &|id| (!id.contains('"')).then(|| format!("cid:{}", id.replace('%', "%25"))))
}

fn mail_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"From: "[..],
        b"To: ",
        b"Subject: ",
        b"Content-Type: multipart/mixed; boundary=",
        b"Content-Type: text/html\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"b",
        b"--b\n",
        b"--b--\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\n\n",
        b" ",
        b"\t",
        b"=?utf-8?Q?=C3?=",
        b"=?utf-8?B?w6k?=",
        b"=?",
        b"?=",
        b"<a@b>",
        b"\"",
        b"(",
        b")",
        b",",
        b";",
        b":",
        b"<",
        b">",
        b"@",
        b"\0",
        b"\xff",
        b"\xc3\xa9",
        b"words ",
        b"charset=utf-7",
        b"+AOQ-",
        b"filename*0*=utf-8''%C3",
        b"filename*1*=%A9;",
        b"Date: Wed, 4 Mar 2026 09:00:00 +0000\n",
        b"Content-Type: message/delivery-status\n",
        b"Final-Recipient: rfc822; a@b\n",
        b"Action: failed\n",
        b"Content-Type: application/ms-tnef\n",
        b"\x78\x9f\x3e\x22",
        b"> ",
        b"-- \n",
        b"On Tue, Mar 3, 2026 Ann wrote:\n",
        b"References: ",
        b"<div class=gmail_quote>",
        b"<blockquote type=cite>",
        b"=41",
        b"=\n",
        b"Return-Path: <>\n",
        b"From: mailer-daemon@x\n",
        b"This is the qmail-send program\n",
        b"<x@y.org>:\n",
        b"550 5.1.1\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,80}", "\\PC{0,60}", "[a-zA-Zäöüß€语 \r\n\t\0\u{85}.,;:<>@\"\\\\=?_-]{0,120}",]
}

fn address() -> impl Strategy<Value = Address> {
    (prop::option::of(words()), "[a-z0-9.+_-]{1,20}", "[a-z0-9]{1,10}(\\.[a-z]{2,5}){1,2}").prop_map(
        |(name, local, domain)| {
            let local = local.trim_matches('.').to_owned();
            let local = if local.is_empty() { "a".to_owned() } else { local };
            Address { name, address: Some(format!("{local}@{domain}")) }
        },
    )
}

/// As a header can say it: one line, no blanks at the ends, none when nothing is left.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .replace("\r\n ", " ")
        .replace("\n ", " ")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "").trim_end_matches('\n').to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_composed_reads_back_as_it_was_set(
        from in address(), to in prop::collection::vec(address(), 1..4), cc in prop::collection::vec(address(), 0..3),
        subject in words(), text in words(), html in prop::option::of(words()), file in words(),
        content in prop::collection::vec(any::<u8>(), 0..300), references in prop::collection::vec("[a-z0-9]{1,30}@[a-z]{1,10}", 0..5),
        random in any::<[u8; 16]>(), date_s in 0i64..4_000_000_000,
    ) {
        let draft = Draft {
            message_id: message_id(random, "desk.example"), date_at: date_s * 1000, from, sender: None, reply_to: vec![],
            to, cc, subject, in_reply_to: references.iter().take(1).cloned().collect(), references, text, html,
            attachments: vec![File { name: file, media_type: "application/octet-stream".into(), content, content_id: None }],
            headers: vec![("X-Postern-Kind".into(), "reply".into())],
        };
        let bytes = compose(&draft);
        prop_assert!(bytes.is_ascii() && !bytes.contains(&0));
        let text = String::from_utf8(bytes.clone()).expect("ASCII");
        prop_assert!(text.split("\r\n").all(|l| l.len() <= 998 && !l.contains(['\r', '\n']) && l != "."));
        let read = message::parse(&bytes);
        let squeeze = |list: &[Address]| list.iter().map(|a| (a.name.as_deref().map(one_line).filter(|n| !n.is_empty()), a.address.clone())).collect::<Vec<_>>();
        prop_assert_eq!(read.message_id.as_deref(), Some(draft.message_id.as_str()));
        prop_assert_eq!(read.date_at, Some(draft.date_at));
        prop_assert_eq!(squeeze(&read.from), squeeze(std::slice::from_ref(&draft.from)));
        prop_assert_eq!(squeeze(&read.to), squeeze(&draft.to));
        prop_assert_eq!(squeeze(&read.cc), squeeze(&draft.cc));
        prop_assert_eq!(one_line(&read.subject), one_line(&draft.subject));
        let mut unique = draft.references.clone();
        let mut seen = std::collections::HashSet::new();
        unique.retain(|id| seen.insert(id.clone()));
        prop_assert_eq!(&read.references, &unique);
        prop_assert_eq!(&read.attachments.last().expect("a file").content, &draft.attachments[0].content);
        if lines(&draft.text).trim().is_empty() { return Ok(()); }
        prop_assert_eq!(lines(&read.text), lines(&draft.text));
        if let Some(html) = &draft.html {
            prop_assert_eq!(lines(read.html.as_deref().unwrap_or("")), lines(html));
        }
    }

    #[test]
    fn what_is_clean_stays_as_it_is(html in html_like()) {
        let first = clean(&html);
        let second = clean(&first.html);
        prop_assert_eq!(&second.html, &first.html);
        prop_assert_eq!(second.remote_images, 0);
        let tags: String = first.html.split('<').skip(1).filter_map(|t| t.split('>').next()).collect();
        prop_assert!(!tags.contains("evil.example") && !tags.contains("onclick"), "{}", first.html);
    }

    #[test]
    fn every_line_is_in_one_piece(text in "([>\\-_:a-zO0-9@<.\u{e9}\r\n ]|On 1 Ann wrote:\n|From: a\nSent: b\nTo: c\n|-- \n|> x\n){0,40}") {
        let pieces = quote::split(&text);
        let joined: String = pieces.iter().map(|p| p.text.as_str()).collect();
        prop_assert_eq!(joined, text);
        prop_assert!(pieces.windows(2).all(|w| w[0].kind != w[1].kind));
    }

    #[test]
    fn the_pieces_of_html_are_its_text(html in html_like()) {
        let joined: String = quote::split_html(&html).into_iter().map(|p| p.text).collect();
        prop_assert_eq!(joined, html::text(&html));
    }

    #[test]
    fn any_bytes_are_a_letter(raw in prop_oneof![mail_like(), prop::collection::vec(any::<u8>(), 0..2_000)]) {
        let value = mail::inspect::inspect("x", &raw);
        let line = mail::inspect::line(&value);
        prop_assert!(!line.contains(|c: char| c.is_control()));
        let read = message::parse(&raw);
        for a in &read.attachments {
            prop_assert!(!a.name.is_empty() && a.name.len() <= 255 && !a.name.contains(['/', '\\', ':', '*', '?', '"', '<', '>', '|']));
        }
        let header = [read.subject.as_str()];
        prop_assert!(header.iter().all(|h| !h.contains(|c: char| c.is_control())));
        let has_unquoted = read.text.lines().any(|l| !l.trim_start().starts_with('>') && l.chars().any(char::is_alphanumeric));
        prop_assert!(!has_unquoted || !read.reply_text.trim().is_empty(), "reply_text is empty of {:?}", read.text);
        let _ = message::content_key(&raw);
    }

    #[test]
    fn typed_addresses_never_break_a_line(text in words()) {
        for address in mail::address::parse_list(&text) {
            prop_assert!(!address.to_string().contains(|c: char| c.is_control()));
            if let Some(a) = address.address.filter(|a| mail::address::is_valid_mailbox(a)) {
                prop_assert!(a.is_ascii() && !a.contains([' ', '<', '>', ',', '\r', '\n']));
            }
        }
    }
}
