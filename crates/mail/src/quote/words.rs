//! The words of mail programs around quoted letters and signatures, language by language.
//! Adding a language is adding lines.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// Characters of a line that is asked at all.
pub(crate) const LINE_CHARS_MAX: usize = 600;

fn set(patterns: &[&str]) -> RegexSet {
    RegexSet::new(patterns.iter().map(|p| format!("(?i){p}"))).expect("invariant: the patterns compile")
}

fn one(pattern: &str) -> Regex {
    Regex::new(pattern).expect("invariant: the pattern compiles")
}

/// Attribution lines that stand on their own: an opening word, a date or address, a closing word.
static STRONG: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        r"^on\b.*(\d|@).*\b(wrote|writes)\s?:$",
        r"^am\b.*(\d|@).*\b(schrieb|schrieben)\b.{0,200}:$",
        r"^(le|il y a)\b.*(\d|@).*\ba écrit\s?:$",
        r"^(el|en)\b.*(\d|@).*\b(escribió|escribio)\s?:$",
        r"^(il|in data)\b.*(\d|@).*\b(ha scritto|scritto|scrive)\s?:$",
        r"^(em|a|no dia)\b.*(\d|@).*\bescreveu\s?:$",
        r"^op\b.*(\d|@).*\b(schreef|geschreven)\b.{0,200}:$",
        r"^(w dniu|dnia)\b.*(\d|@).*\b(pisze|napisał|napisała|napisał\(a\)|napisał/a)\s?:$",
        r"^(den|på|d\.)\b.*(\d|@).*\b(skrev|skrev følgende)\b.{0,200}:$",
        r"^.*(\d|@).*\bkirjoitti\s?:$",
        r"^dne\b.*(\d|@).*\b(napsal|napsala|napsal\(a\))\s?:$",
        r"^.*(\d|@).*\b(ezt írta|írta)\b.{0,200}:$",
        r"^.*(\d|@).*\b(tarihinde|şunu yazdı|yazdı)\b.{0,200}:$",
        r"^.*(\d|@).*\b(пишет|написал|написала|писал|написав|пише)\b.{0,200}:$",
        r"^.*\d{4}\s?г\..{0,40}<\S+@\S+>\s?:$",
        r"^.*\d{4}\s?р\..{0,40}<\S+@\S+>\s?(пише)?:$",
        r"^.*(\d|@).*\b(έγραψε)\b.{0,100}:$",
        r"^在.*\d.*(写道|寫道)\s?[:：]$",
        r"^.*(\d|@).*(写道|寫道|写了)\s?[:：]$",
        r"^.*(\d|@).*(작성|님이 작성|썼습니다)\s?[:：]$",
        r"^\d{4}[年/.\-].*<\S+@\S+>\s?[:：]$",
        r"^\d{4}[年/].*(のメッセージ|のメール|書きました)\s?[:：]$",
        r"^\d{4}-\d\d-\d\d.{0,60}<\S+@\S+>\s?:$",
        r"^\d{1,2}[./]\d{1,2}[./]\d{2,4}.{0,80}<\S+@\S+>\s?:$",
        r"^(vào|pada|la)\b.*(\d|@).*\b(đã viết|menulis|a scris)\s?:$",
    ])
});

/// Lines that are attributions only when quoted lines follow.
static WEAK: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        r"\b(wrote|writes|said|schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|napsal|pisze|kirjoitti|пишет)\b.{0,120}[:：]$",
        r"<\S+@\S+>.{0,40}[:：]$",
        r"(写道|寫道|のメッセージ|작성)\s?[:：]$",
        r"^(quoting|citando|zitat von)\b.*[:：]$",
        r"^(on|am|le|el|op|den|em|il|dne)\b.*\d.*[:：]$",
    ])
});

static RULER: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        r"^[-‐–—_=*\s]{3,}(original message|ursprüngliche nachricht|original-?nachricht|originalnachricht|message d['’]origine|message original|message initial|mensaje original|mensagem original|messaggio originale|oorspronkelijk bericht|oprindelig (besked|meddelelse)|opprinnelig melding|ursprungligt meddelande|wiadomość oryginalna|oryginalna wiadomość|alkuperäinen viesti|původní zpráva|eredeti üzenet|orijinal mesaj|mesaj original|αρχικό μήνυμα|исходное сообщение|оригинальное сообщение|原始邮件|原始郵件|元のメッセージ|원본 메시지)[-‐–—_=*\s:]{1,}$",
        r"^[-‐–—_=*\s]{3,}(forwarded message|forwarded by.*|weitergeleitete nachricht|message transféré|mensaje reenviado|mensagem encaminhada|messaggio inoltrato|doorgestuurd bericht|videresendt (besked|melding)|vidarebefordrat meddelande|przekazana wiadomość|пересылаемое сообщение|转发邮件|転送されたメッセージ)[-‐–—_=*\s:]{1,}$",
        r"^(begin forwarded message|anfang der weitergeleiteten nachricht|début du message (réexpédié|transféré)|inizio messaggio inoltrato|inicio del mensaje reenviado|begin doorgestuurd bericht)\s?:$",
        r"^[#\-=\s*]{0,6}(please )?(type your )?(reply|respond|write) above this line[#\-=\s*.]{0,6}$",
        r"^[#\-=\s*]{0,6}(bitte )?(antworten sie )?(oberhalb|über) dieser (linie|zeile)( antworten)?[#\-=\s*.]{0,6}$",
    ])
});

/// Lines that a phone or a program puts under a letter.
static PROGRAM: LazyLock<RegexSet> = LazyLock::new(|| {
    set(&[
        r"^sent from (my|mail for|outlook|yahoo|proton|samsung|windows|the)\b.{0,80}$",
        r"^get outlook for \w+.{0,80}$",
        r"^(von meinem|von meiner|von)\b.{1,60}\bgesendet\.?$",
        r"^gesendet (von|mit|aus)\b.{1,80}$",
        r"^(diese nachricht wurde von|outlook für)\b.{1,80}$",
        r"^envoyé (de|depuis|à partir)\b.{1,80}$",
        r"^télécharger outlook\b.{1,80}$",
        r"^(enviado (desde|do|de|a partir)|obtener outlook|obter o outlook)\b.{1,80}$",
        r"^inviato (da|dal)\b.{1,80}$",
        r"^(verzonden|verstuurd) (vanaf|vanuit|met)\b.{1,80}$",
        r"^(sendt fra|skickat från|lähetetty)\b.{1,80}$",
        r"^(wysłano z|wysłane z|odesláno z|отправлено (с|из))\b.{1,80}$",
        r"^(发自我的|從我的|iphoneから送信|나의 \w+에서 보냄).{0,60}$",
    ])
});

/// What a line of a header block names, when it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderLine {
    From,
    Sent,
    To,
    Subject,
}

static HEADER: LazyLock<Vec<(HeaderLine, Regex)>> = LazyLock::new(|| {
    let line = |words: &str| one(&format!(r"(?i)^[*\s]*({words})\s?[*]*\s?[:：]"));
    vec![
        (
            HeaderLine::From,
            line(
                "from|von|de|da|van|fra|från|od|lähettäjä|от|от кого|від|from|kimden|feladó|odesílatel|expéditeur|remitente|发件人|寄件者|差出人|보낸 사람|보낸사람|από|de la",
            ),
        ),
        (
            HeaderLine::Sent,
            line(
                "sent|date|gesendet|datum|envoyé|envoyé le|enviado|enviado el|enviada em|enviado em|fecha|data|inviato|verzonden|sendt|dato|skickat|lähetetty|päivämäärä|wysłano|wysłane|odesláno|datum|отправлено|дата|надіслано|gönderme tarihi|gönderildi|elküldve|发送时间|日期|時間|寄件日期|送信日時|日時|보낸 날짜|날짜|trimis|στάλθηκε",
            ),
        ),
        (
            HeaderLine::To,
            line(
                "to|an|à|a|para|aan|til|till|vastaanottaja|do|komu|кому|kime|címzett|destinataire|收件人|收件者|宛先|받는 사람|받는사람|către|προς",
            ),
        ),
        (
            HeaderLine::Subject,
            line(
                "subject|betreff|objet|asunto|assunto|oggetto|onderwerp|emne|ämne|aihe|temat|předmět|тема|konu|tárgy|主题|主旨|件名|제목|subiect|θέμα",
            ),
        ),
    ]
});

fn askable(line: &str) -> bool {
    !line.is_empty() && line.len() <= LINE_CHARS_MAX
}

pub(crate) fn is_strong_attribution(line: &str) -> bool {
    askable(line) && line.ends_with([':', '：']) && STRONG.is_match(line)
}

static DATE: LazyLock<Regex> = LazyLock::new(|| one(r"@|\b\d{4}\b|\d{1,2}[./-]\s?\d{1,2}[./-]|\d{4}年"));

/// Does it name a day or an address?  Prose that merely says who wrote is no attribution.
pub(crate) fn is_dated(line: &str) -> bool {
    askable(line) && DATE.is_match(line)
}

pub(crate) fn is_weak_attribution(line: &str) -> bool {
    askable(line) && line.ends_with([':', '：']) && (STRONG.is_match(line) || WEAK.is_match(line))
}

static BARE: LazyLock<Regex> =
    LazyLock::new(|| one(r"^(\d{4}[/-]\d{1,2}[/-]\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{4})\b.{0,200}<\S+@\S+>$"));

/// A date and an address without a colon, as older Gmail wrote it.
pub(crate) fn is_bare_attribution(line: &str) -> bool {
    askable(line) && BARE.is_match(line)
}

pub(crate) fn is_ruler(line: &str) -> bool {
    askable(line) && RULER.is_match(line)
}

pub(crate) fn is_program_line(line: &str) -> bool {
    askable(line) && line.len() <= 200 && PROGRAM.is_match(line)
}

pub(crate) fn header_line(line: &str) -> Option<HeaderLine> {
    // The name of a field is short: most lines are turned away by this look alone.
    let colon = line.find([':', '：']).filter(|at| *at <= 40)?;
    (colon > 0).then_some(())?;
    HEADER.iter().find(|(_, pattern)| pattern.is_match(line)).map(|(kind, _)| *kind)
}
