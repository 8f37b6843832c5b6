//! New words, quoted history, signature.  Folds, never deletes: every line is in exactly one piece.
//!
//! The markup is asked first (`html/marks`), words second (`lines`).  All expressions run on engines without
//! backtracking, over single lines of bounded length.

mod lines;
mod words;

use crate::html::piece::{Kind, Piece};

/// Lines that are asked what they are; what follows is as the last of them.
const LINES_MAX: usize = 50_000;

/// Splits plain text; the pieces joined are the text.
#[must_use]
pub fn split(text: &str) -> Vec<Piece> {
    let mut lines: Vec<(&str, Kind)> =
        text.split_inclusive('\n').take(LINES_MAX).map(|line| (line, Kind::New)).collect();
    // What is not asked is one long line.
    let asked: usize = lines.iter().map(|(line, _)| line.len()).sum();
    if let Some(rest) = text.get(asked..).filter(|rest| !rest.is_empty()) {
        lines.push((rest, Kind::New));
    }
    gather(&lines)
}

/// The same for HTML, as the text it reads as.
#[must_use]
pub fn split_html(html: &str) -> Vec<Piece> {
    let pieces = crate::html::write::pieces(&crate::html::Tree::parse(html, crate::html::NODES_MAX));
    let lines: Vec<(&str, Kind)> = pieces
        .iter()
        .flat_map(|piece| piece.text.split_inclusive('\n').map(|line| (line, piece.kind)))
        .collect();
    gather(&lines)
}

fn gather(lines: &[(&str, Kind)]) -> Vec<Piece> {
    let (asked, rest) = lines.split_at_checked(LINES_MAX).unwrap_or((lines, &[]));
    let kinds = lines::classify(asked);
    let mut pieces: Vec<Piece> = Vec::new();
    let last = kinds.last().copied().unwrap_or(Kind::New);
    for ((line, _), kind) in lines.iter().zip(kinds.into_iter().chain(rest.iter().map(|_| last))) {
        match pieces.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(line),
            _ => pieces.push(Piece { kind, text: (*line).to_owned() }),
        }
    }
    pieces
}

/// The new words of pieces; the whole text when nothing was found to take away, or when nothing else
/// would be left of words that are not quoted.
#[must_use]
pub fn reply_text(pieces: &[Piece]) -> String {
    let of = |wanted: &dyn Fn(Kind) -> bool| -> String {
        pieces.iter().filter(|p| wanted(p.kind)).map(|p| p.text.as_str()).collect()
    };
    if pieces.iter().all(|p| p.kind == Kind::New) {
        return of(&|_| true);
    }
    let new = of(&|kind| kind == Kind::New);
    if has_words(&new) {
        return new.trim_matches(['\n', ' ', '\t']).to_owned();
    }
    // A signature alone is still what was written; a forwarded letter without a comment is one, too.
    let whole = of(&|_| true);
    let marked = whole.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('>'));
    if marked || !has_words(&whole) { String::new() } else { whole }
}

fn has_words(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() || (!c.is_ascii() && !c.is_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> String {
        let pieces = split(text);
        let joined: String = pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(joined, text);
        reply_text(&pieces)
    }

    fn reply_html(html: &str) -> String {
        reply_text(&split_html(html))
    }

    #[test]
    fn the_answer_is_found_above_a_quoted_letter() {
        for attribution in [
            "On Tue, Mar 3, 2026 at 9:00 AM Support <s@x.org> wrote:",
            "On Tue, Mar 3, 2026 at 9:00 AM Support <s@x.org>\nwrote:",
            "Am 03.03.26 um 09:00 schrieb Support:",
            "Am Di., 3. März 2026 um 09:00 Uhr schrieb Support <s@x.org>:",
            "Le mar. 3 mars 2026 à 09:00, Support <s@x.org> a écrit :",
            "El mar, 3 mar 2026 a las 9:00, Support (<s@x.org>) escribió:",
            "Il giorno mar 3 mar 2026 alle ore 09:00 Support <s@x.org> ha scritto:",
            "Em ter., 3 de mar. de 2026 às 09:00, Support <s@x.org> escreveu:",
            "Op di 3 mrt 2026 om 09:00 schreef Support <s@x.org>:",
            "W dniu 3.03.2026 o 09:00, Support pisze:",
            "Den tis 3 mars 2026 kl 09:00 skrev Support <s@x.org>:",
            "вт, 3 мар. 2026 г. в 09:00, Support <s@x.org>:",
            "在 2026年3月3日，09:00，Support <s@x.org> 写道：",
            "2026年3月3日(火) 9:00 Support <s@x.org>:",
            "Dne út 3. 3. 2026 9:00 uživatel Support <s@x.org> napsal:",
            "ti 3. maalisk. 2026 klo 9.00 Support (s@x.org) kirjoitti:",
        ] {
            let text = format!("Thanks, works.\n\n{attribution}\n\n> Please try again.\n> Support\n");
            assert_eq!(reply(&text), "Thanks, works.", "{attribution}");
        }
    }

    #[test]
    fn outlook_header_blocks_are_quoted_to_the_end() {
        for block in [
            "From: Support <s@x.org>\nSent: Tuesday, March 3, 2026 9:00 AM\nTo: Ann\nSubject: Printer\n\nOld",
            "Von: Support <s@x.org>\nGesendet: Dienstag, 3. März 2026 09:00\nAn: Ann\nBetreff: Drucker\n\nAlt",
            "De : Support <s@x.org>\nEnvoyé : mardi 3 mars 2026 09:00\nÀ : Ann\nObjet : Imprimante\n\nVieux",
            "*From:* Support\n*Sent:* Tuesday\n*To:* Ann\n*Subject:* Printer\n\nOld",
            "________________________________\nVan: Support\nVerzonden: dinsdag\nAan: Ann\nOnderwerp: x\n\nOud",
            "-----Original Message-----\nFrom: Support\nOld",
            "-----Ursprüngliche Nachricht-----\nVon: Support\nAlt",
            "------------------ 原始邮件 ------------------\n发件人: x\n旧",
        ] {
            assert_eq!(reply(&format!("New words.\n\n{block}\n")), "New words.", "{block}");
        }
    }

    #[test]
    fn nothing_is_cut_when_nothing_would_be_left() {
        for text in [
            "From: the beginning we had trouble.\nPlease help.\n",
            "On Monday Ann wrote:\nthe printer burns\n",
            "-----Original Message-----\nFrom: a\nSent: b\nTo: c\nforwarded words\n",
            "Plain.\n",
            "",
            "-- \nAnn\n",
        ] {
            assert_eq!(reply(text), text);
        }
        assert_eq!(reply("> only\n> quoted\n"), "");
    }

    #[test]
    fn answers_between_and_below_the_lines_stay() {
        assert_eq!(
            reply("On Tue, Mar 3, 2026 Ann wrote:\n> one?\nYes.\n> two?\nNo.\n-- \nBob\n"),
            "Yes.\nNo."
        );
    }

    #[test]
    fn header_blocks_and_attributions_come_in_other_orders() {
        assert_eq!(reply("New.\n\nDate: Tue\nSubject: x\nFrom: S\nTo: A\n\nOld\n"), "New.");
        assert_eq!(reply("New.\n\n2026/3/3 Support <s@x.org>\n\n> Old\n"), "New.");
        assert_eq!(
            reply(
                "New.\n__________________________________\nPrinters mailing list\nhttp://x.org/listinfo/p\n"
            ),
            "New."
        );
    }

    #[test]
    fn signatures_fold() {
        assert_eq!(reply("Hi.\n\n-- \nAnn Berg\nPhone 1\n"), "Hi.");
        assert_eq!(reply("Hi.\n\nSent from my iPhone\n"), "Hi.");
        assert_eq!(
            reply("Hallo.\n\nVon meinem iPhone gesendet\n\nAm 03.03.26 um 09:00 schrieb S:\n> x\n"),
            "Hallo."
        );
        assert_eq!(reply("a\n--\nb\n"), "a");
    }

    #[test]
    fn markup_is_believed_before_words() {
        assert_eq!(
            reply_html(
                "<div>New</div><div class=\"gmail_quote\"><div class=\"gmail_attr\">On Tue wrote:</div><blockquote class=\"gmail_quote\">Old</blockquote></div>"
            ),
            "New"
        );
        assert_eq!(
            reply_html(
                "<div>New</div><div id=\"appendonsend\"></div><hr><div id=\"divRplyFwdMsg\"><b>From:</b> S</div><div>Old</div>"
            ),
            "New"
        );
        assert_eq!(
            reply_html(
                "<p class=MsoNormal>New</p><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal><b>From:</b> S</p></div><p>Old</p>"
            ),
            "New"
        );
        assert_eq!(
            reply_html(
                "<div>New<br><div><br></div><blockquote type=\"cite\"><div>On Tue, S wrote:</div>Old</blockquote></div>"
            ),
            "New"
        );
        assert_eq!(
            reply_html(
                "<p>New</p><div class=\"moz-cite-prefix\">Am 3.3. schrieb S:</div><blockquote type=cite>Old</blockquote>"
            ),
            "New"
        );
        assert_eq!(
            reply_html(
                "<div class=gmail_quote>On 3 March 2026 S wrote:<blockquote class=gmail_quote>one?</blockquote><div>Yes.</div><blockquote class=gmail_quote>two?</blockquote>No.</div>"
            ),
            "Yes.\nNo."
        );
    }
}
