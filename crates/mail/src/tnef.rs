//! winmail.dat (MS-OXTNEF): the files in it, and the words of the letter.  Bounded, and silent about what it cannot
//! read.

mod rtf;

use crate::{charset, html};

/// Files taken of one winmail.dat.
const FILES_MAX: usize = 200;
/// Properties read of one attachment.
const PROPERTIES_MAX: usize = 500;
/// Values of one property.
const VALUES_MAX: usize = 1_000;

/// A file inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: Option<String>,
    pub media_type: Option<String>,
    pub content_id: Option<String>,
    pub content: Vec<u8>,
}

/// What a winmail.dat holds, as far as it can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The letter's words; of RTF where there is no other text.
    pub text: Option<String>,
    pub html: Option<String>,
    pub files: Vec<File>,
    /// There are more files than are taken.
    pub is_cut: bool,
}

/// Does it begin as TNEF does?
#[must_use]
pub fn is_tnef(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x78, 0x9f, 0x3e, 0x22])
}

const ATT_RENDERING: u32 = 0x0006_9002;
const ATT_TITLE: u32 = 0x0001_8010;
const ATT_DATA: u32 = 0x0006_800f;
const ATT_MAPI: u32 = 0x0006_9005;
const ATT_OEM_CODE_PAGE: u32 = 0x0006_9007;
const ATT_BODY: u32 = 0x0002_800c;
const ATT_MESSAGE_MAPI: u32 = 0x0006_9003;
const LEVEL_MESSAGE: u8 = 1;
const LEVEL_ATTACHMENT: u8 = 2;

const PID_BODY: u16 = 0x1000;
const PID_RTF_COMPRESSED: u16 = 0x1009;
const PID_HTML: u16 = 0x1013;
const PID_INTERNET_CODE_PAGE: u16 = 0x3fde;

const PID_DATA: u16 = 0x3701;
const PID_FILE_NAME: u16 = 0x3704;
const PID_LONG_FILE_NAME: u16 = 0x3707;
const PID_MIME_TAG: u16 = 0x370e;
const PID_CONTENT_ID: u16 = 0x3712;
const PID_DISPLAY_NAME: u16 = 0x3001;

/// What is in it, as much as can be read.
#[must_use]
pub fn read(bytes: &[u8]) -> Contents {
    let mut contents = Contents::default();
    let mut reader = Reader { rest: bytes };
    if !is_tnef(bytes) || reader.take(6).is_none() {
        return contents;
    }
    let mut code_page: Option<String> = None;
    let mut body = Body::default();
    let mut current: Option<Found> = None;
    while let Some((level, attribute, data)) = attribute(&mut reader) {
        match (level, attribute) {
            (_, ATT_OEM_CODE_PAGE) => code_page = (Reader { rest: data }).u32().map(label),
            (LEVEL_MESSAGE, ATT_BODY) => body.plain = text8(data, code_page.as_deref()),
            (LEVEL_MESSAGE, ATT_MESSAGE_MAPI) => body.properties(data, code_page.as_deref()),
            (LEVEL_ATTACHMENT, ATT_RENDERING) => {
                contents.files.extend(current.take().and_then(Found::done));
                if contents.files.len() >= FILES_MAX {
                    contents.is_cut = true;
                    break;
                }
                current = Some(Found::default());
            }
            (LEVEL_ATTACHMENT, _) => {
                current.get_or_insert_default().attribute(attribute, data, code_page.as_deref());
            }
            _ => {}
        }
    }
    contents.files.extend(current.take().and_then(Found::done));
    (contents.text, contents.html) = body.done();
    contents
}

/// The label of a code page of Windows, by its number.
fn label(code_page: u32) -> String {
    match code_page {
        932 | 936 | 949 | 950 | 50_220 | 65_001 => format!("cp{code_page}"),
        20_127 => "us-ascii".to_owned(),
        20_866 => "koi8-r".to_owned(),
        51_932 => "euc-jp".to_owned(),
        28_591..=28_605 => format!("iso-8859-{}", code_page - 28_590),
        other => format!("windows-{other}"),
    }
}

/// The letter itself, in the forms that it comes in.
#[derive(Default)]
struct Body<'a> {
    plain: Option<String>,
    html: Option<&'a [u8]>,
    rtf: Option<&'a [u8]>,
    code_page: Option<String>,
}

impl<'a> Body<'a> {
    fn properties(&mut self, data: &'a [u8], code_page: Option<&str>) {
        each_property(data, |id, kind, value| match id {
            PID_BODY => self.plain = words(kind, value, code_page).or(self.plain.take()),
            PID_HTML => self.html = Some(value),
            PID_RTF_COMPRESSED => self.rtf = Some(value),
            PID_INTERNET_CODE_PAGE => self.code_page = (Reader { rest: value }).u32().map(label),
            _ => {}
        });
    }

    /// Text and HTML. RTF is only unpacked where there is nothing else to read.
    fn done(self) -> (Option<String>, Option<String>) {
        let html = self.html.map(|bytes| {
            let declared = html::declared_charset(bytes);
            charset::decode(bytes, declared.as_deref().or(self.code_page.as_deref())).0
        });
        let html = html.filter(|html| !html.trim().is_empty());
        let text = self.plain.filter(|text| !text.trim().is_empty()).or_else(|| {
            let packed = self.rtf.filter(|_| html.is_none())?;
            Some(rtf::text(&rtf::unpack(packed)?)).filter(|text| !text.trim().is_empty())
        });
        (text.map(|text| text.replace("\r\n", "\n").replace('\r', "\n")), html)
    }
}

#[derive(Default)]
struct Found {
    title: Option<String>,
    name: Option<String>,
    long_name: Option<String>,
    display_name: Option<String>,
    media_type: Option<String>,
    content_id: Option<String>,
    content: Option<Vec<u8>>,
}

impl Found {
    fn attribute(&mut self, attribute: u32, data: &[u8], code_page: Option<&str>) {
        match attribute {
            ATT_TITLE => self.title = text8(data, code_page),
            ATT_DATA => self.content = Some(data.to_vec()),
            ATT_MAPI => each_property(data, |id, kind, value| {
                let words = || words(kind, value, code_page);
                match id {
                    PID_LONG_FILE_NAME => self.long_name = words(),
                    PID_FILE_NAME => self.name = words(),
                    PID_DISPLAY_NAME => self.display_name = words(),
                    PID_MIME_TAG => self.media_type = words(),
                    PID_CONTENT_ID => self.content_id = words(),
                    PID_DATA if self.content.is_none() => self.content = Some(value.to_vec()),
                    _ => {}
                }
            }),
            _ => {}
        }
    }

    fn done(self) -> Option<File> {
        let Found { title, name, long_name, display_name, media_type, content_id, content } = self;
        Some(File {
            name: long_name.or(display_name).or(title).or(name),
            media_type: media_type.map(|m| m.to_ascii_lowercase()).filter(|m| is_media_type(m)),
            content_id: content_id.and_then(|id| crate::header::id(&id)),
            content: content?,
        })
    }
}

/// `type/subtype`, each a token (RFC 2045 5.1): what else stands there would end up in a header of a download.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= 200
        && text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// Bytes that are taken from the front, if they are there.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// A value with its padding to four bytes.
    fn padded(&mut self, length: usize) -> Option<&'a [u8]> {
        let value = self.take(length)?;
        let padding = length.next_multiple_of(4) - length;
        self.take(padding.min(self.rest.len()))?;
        Some(value)
    }
}

/// Level, number and data of an attribute; the checksum behind it is not asked, since senders get it wrong.
fn attribute<'a>(reader: &mut Reader<'a>) -> Option<(u8, u32, &'a [u8])> {
    let level = *reader.take(1)?.first()?;
    let number = reader.u32()?;
    let length = usize::try_from(reader.u32()?).ok()?;
    // A letter that was cut still gives the beginning of its last file.
    let data = match reader.take(length) {
        Some(data) => data,
        None => std::mem::take(&mut reader.rest),
    };
    reader.take(2.min(reader.rest.len()))?;
    Some((level, number, data))
}

fn text8(bytes: &[u8], code_page: Option<&str>) -> Option<String> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text = crate::charset::decode(bytes.get(..end)?, code_page).0;
    (!text.trim().is_empty()).then_some(text)
}

fn text16(bytes: &[u8]) -> Option<String> {
    let text = crate::charset::decode(bytes, Some("utf-16le")).0;
    (!text.trim().is_empty()).then_some(text)
}

/// The words of a property that holds text.
fn words(kind: u16, value: &[u8], code_page: Option<&str>) -> Option<String> {
    match kind {
        0x001f => text16(value),
        _ => text8(value, code_page),
    }
}

/// The MAPI properties of a letter or an attachment (MS-OXTNEF 2.1.3.4): number, type, first value.
fn each_property<'a>(data: &'a [u8], mut f: impl FnMut(u16, u16, &'a [u8])) {
    let mut reader = Reader { rest: data };
    let Some(count) = reader.u32() else { return };
    for _ in 0..(count as usize).min(PROPERTIES_MAX) {
        let Some((id, kind, value)) = property(&mut reader) else { return };
        f(id, kind, value);
    }
}

/// Number, type and first value of the next property.
fn property<'a>(reader: &mut Reader<'a>) -> Option<(u16, u16, &'a [u8])> {
    let kind = reader.u16()?;
    let id = reader.u16()?;
    if id >= 0x8000 {
        reader.take(16)?;
        let length = match reader.u32()? {
            0 => 4,
            _ => usize::try_from(reader.u32()?).ok()?,
        };
        reader.padded(length)?;
    }
    let is_list = kind & 0x1000 != 0;
    let base = kind & 0x0fff;
    let values = if is_list || is_variable(base) { reader.u32()? as usize } else { 1 };
    let mut first: Option<&'a [u8]> = None;
    for _ in 0..values.min(VALUES_MAX) {
        let length = match base {
            0x0002 | 0x000b => 2,
            0x0003 | 0x0004 | 0x000a => 4,
            0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => 8,
            0x0048 => 16,
            other if is_variable(other) => usize::try_from(reader.u32()?).ok()?,
            _ => return None,
        };
        let value = reader.padded(length)?;
        first = first.or(Some(value));
    }
    let mut value = first.unwrap_or_default();
    if base == 0x000d {
        // An object begins with the 16 bytes of its interface.
        value = value.get(16..).unwrap_or_default();
    }
    Some((id, base, value))
}

fn is_variable(kind: u16) -> bool {
    matches!(kind, 0x001e | 0x001f | 0x000d | 0x0102)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn put(out: &mut Vec<u8>, number: u32, data: &[u8]) {
        out.push(LEVEL_ATTACHMENT);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&u32::try_from(data.len()).expect("small").to_le_bytes());
        out.extend_from_slice(data);
        let sum = data.iter().fold(0u16, |s, b| s.wrapping_add(u16::from(*b)));
        out.extend_from_slice(&sum.to_le_bytes());
    }

    fn winmail() -> Vec<u8> {
        let mut out = vec![0x78, 0x9f, 0x3e, 0x22, 1, 0];
        put(&mut out, ATT_RENDERING, &[0; 14]);
        put(&mut out, ATT_TITLE, b"BILL~1.PDF\0");
        put(&mut out, ATT_DATA, b"%PDF-1.7");
        let name: Vec<u8> = "Rechnung März.pdf\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut mapi = 2u32.to_le_bytes().to_vec();
        mapi.extend_from_slice(&[0x03, 0, 0x20, 0x0e, 9, 0, 0, 0]);
        mapi.extend_from_slice(&[0x1f, 0, 0x07, 0x37, 1, 0, 0, 0]);
        mapi.extend_from_slice(&u32::try_from(name.len()).expect("small").to_le_bytes());
        mapi.extend_from_slice(&name);
        mapi.resize(mapi.len().next_multiple_of(4), 0);
        put(&mut out, ATT_MAPI, &mapi);
        put(&mut out, ATT_RENDERING, &[0; 14]);
        put(&mut out, ATT_TITLE, b"b.txt\0");
        put(&mut out, ATT_DATA, b"two");
        out
    }

    /// The same letter with its words in it: as text, as packed RTF, or as HTML.
    pub(crate) fn with_body(id: u16, kind: u16, value: &[u8]) -> Vec<u8> {
        let mut mapi = 1u32.to_le_bytes().to_vec();
        mapi.extend_from_slice(&kind.to_le_bytes());
        mapi.extend_from_slice(&id.to_le_bytes());
        mapi.extend_from_slice(&1u32.to_le_bytes());
        mapi.extend_from_slice(&u32::try_from(value.len()).expect("small").to_le_bytes());
        mapi.extend_from_slice(value);
        mapi.resize(mapi.len().next_multiple_of(4), 0);
        let mut out = vec![0x78, 0x9f, 0x3e, 0x22, 1, 0];
        put(&mut out, ATT_MESSAGE_MAPI, &mapi);
        if let Some(level) = out.get_mut(6) {
            *level = LEVEL_MESSAGE;
        }
        out.extend_from_slice(&winmail()[6..]);
        out
    }

    #[test]
    fn the_words_of_the_letter_are_read_in_each_of_their_forms() {
        let utf16: Vec<u8> = "Grüße\r\n\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let text = |winmail: &[u8]| read(winmail).text.unwrap_or_default();
        assert_eq!(text(&with_body(PID_BODY, 0x1f, &utf16)), "Grüße\n");
        assert_eq!(text(&with_body(PID_BODY, 0x1e, b"Gr\xfc\xdfe\0")), "Grüße");
        assert_eq!(text(&with_body(PID_RTF_COMPRESSED, 0x0102, rtf::tests::PACKED)), "hello world");
        let html = read(&with_body(PID_HTML, 0x0102, b"<p>It <b>burns</b></p>"));
        assert_eq!((html.text, html.html.as_deref()), (None, Some("<p>It <b>burns</b></p>")));
        assert_eq!(html.files.len(), 2);
    }

    #[test]
    fn the_files_of_a_winmail_are_found_with_their_long_names() {
        let found: Vec<_> =
            read(&winmail()).files.into_iter().map(|f| (f.name.unwrap_or_default(), f.content)).collect();
        assert_eq!(
            found,
            [("Rechnung März.pdf".to_owned(), b"%PDF-1.7".to_vec()), ("b.txt".to_owned(), b"two".to_vec())]
        );
    }

    #[test]
    fn a_winmail_may_be_cut_or_broken_anywhere() {
        let whole = with_body(PID_RTF_COMPRESSED, 0x0102, rtf::tests::PACKED);
        for end in 0..whole.len() {
            let _ = read(&whole[..end]);
            let mut broken = whole.clone();
            broken[end] ^= 0xff;
            let _ = read(&broken);
        }
    }
}
