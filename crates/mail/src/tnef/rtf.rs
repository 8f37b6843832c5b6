//! The words in compressed RTF, which Outlook puts where others put HTML (MS-OXRTFCP, RTF 1.9.1).  Not for its
//! looks: a letter is read here, not typeset.

use crate::charset;

/// Bytes of RTF that are unpacked; its words are a fraction of that.
const RTF_BYTES_MAX: usize = 16 << 20;
/// Groups within groups that are kept apart.
const DEPTH_MAX: usize = 200;

/// What the dictionary of LZFu begins with (MS-OXRTFCP 2.1.3.1.2).
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const DICTIONARY_BYTES: usize = 4_096;

/// RTF as it was before it was packed; `None` when it is no packed RTF.  What was cut gives its beginning.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let kind = bytes.get(8..12)?;
    let body = bytes.get(16..)?;
    match kind {
        b"MELA" => Some(body.get(..RTF_BYTES_MAX).unwrap_or(body).to_vec()),
        b"LZFu" => Some(inflate(body)),
        _ => None,
    }
}

fn inflate(body: &[u8]) -> Vec<u8> {
    let mut dictionary = [b' '; DICTIONARY_BYTES];
    for (place, byte) in dictionary.iter_mut().zip(DICTIONARY) {
        *place = *byte;
    }
    let mut at = DICTIONARY.len();
    let mut out = Vec::new();
    let mut input = body.iter().copied();
    while let Some(control) = input.next() {
        for bit in 0..8 {
            if out.len() >= RTF_BYTES_MAX {
                return out;
            }
            let Some(first) = input.next() else { return out };
            if control & (1 << bit) == 0 {
                keep(first, &mut dictionary, &mut at, &mut out);
                continue;
            }
            let Some(second) = input.next() else { return out };
            let from = usize::from(u16::from_be_bytes([first, second]) >> 4);
            if from == at {
                return out;
            }
            for step in 0..usize::from(second & 0x0f) + 2 {
                let byte = dictionary.get((from + step) % DICTIONARY_BYTES).copied().unwrap_or(b' ');
                keep(byte, &mut dictionary, &mut at, &mut out);
            }
        }
    }
    out
}

fn keep(byte: u8, dictionary: &mut [u8; DICTIONARY_BYTES], at: &mut usize, out: &mut Vec<u8>) {
    if let Some(place) = dictionary.get_mut(*at) {
        *place = byte;
    }
    *at = (*at + 1) % DICTIONARY_BYTES;
    out.push(byte);
}

/// Groups that hold no words of the letter.
fn is_unread(destination: &[u8]) -> bool {
    matches!(
        destination,
        b"fonttbl" | b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"object" | b"header" | b"footer"
    )
}

/// What reads as a line end or another character.
fn character(word: &[u8]) -> Option<char> {
    Some(match word {
        b"par" | b"line" | b"sect" | b"page" | b"row" => '\n',
        b"tab" | b"cell" => '\t',
        b"emdash" => '—',
        b"endash" => '–',
        b"lquote" => '‘',
        b"rquote" => '’',
        b"ldblquote" => '“',
        b"rdblquote" => '”',
        b"bullet" => '•',
        _ => return None,
    })
}

/// The words of RTF, LF line ends.
pub(super) fn text(rtf: &[u8]) -> String {
    let mut reader = Reader { rest: rtf, group: Group { unread: false, stand_in: 1 }, ..Reader::default() };
    while let Some(byte) = reader.next() {
        match byte {
            b'{' if reader.groups.len() < DEPTH_MAX => reader.groups.push(reader.group),
            b'{' => reader.too_deep += 1,
            b'}' if reader.too_deep > 0 => reader.too_deep -= 1,
            b'}' => reader.group = reader.groups.pop().unwrap_or(reader.group),
            b'\\' => reader.control(),
            b'\r' | b'\n' => {}
            other => reader.byte(other),
        }
    }
    reader.flush();
    reader.out
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    unread: bool,
    /// Characters that stand in for one of `\u`, for readers that do not know it.
    stand_in: usize,
}

#[derive(Debug, Default)]
struct Reader<'a> {
    rest: &'a [u8],
    group: Group,
    groups: Vec<Group>,
    too_deep: usize,
    code_page: Option<String>,
    /// Bytes in the code page, not yet text.
    bytes: Vec<u8>,
    /// Units of UTF-16, not yet text.
    units: Vec<u16>,
    /// Stand-ins that are still to be passed over.
    skip: usize,
    out: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn taken(&mut self, is_wanted: impl Fn(&u8) -> bool) -> Vec<u8> {
        let length = self.rest.iter().position(|byte| !is_wanted(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        self.rest = rest;
        taken.to_vec()
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.group.unread {
            self.settle_units();
            self.bytes.push(byte);
        }
    }

    fn char(&mut self, c: char) {
        if !self.group.unread {
            self.flush();
            self.out.push(c);
        }
    }

    fn settle_units(&mut self) {
        if !self.units.is_empty() {
            self.out.push_str(&String::from_utf16_lossy(&std::mem::take(&mut self.units)));
        }
    }

    fn flush(&mut self) {
        self.settle_units();
        if !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            self.out.push_str(&charset::decode(&bytes, self.code_page.as_deref().or(Some("windows-1252"))).0);
        }
    }

    fn control(&mut self) {
        let Some(first) = self.next() else { return };
        match first {
            b'\'' => {
                let digit = |byte: Option<u8>| byte.and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit(self.next()), digit(self.next()));
                if let (Some(high), Some(low)) = (high, low) {
                    self.byte(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                }
            }
            b'\\' | b'{' | b'}' => self.byte(first),
            b'~' => self.char(' '),
            b'_' => self.char('-'),
            b'*' => self.group.unread = true,
            b'\r' | b'\n' => self.char('\n'),
            letter if letter.is_ascii_alphabetic() => self.word(letter),
            _ => {}
        }
    }

    /// A control word, its number, and the blank that ends it.
    fn word(&mut self, first: u8) {
        let mut word = vec![first];
        word.extend(self.taken(u8::is_ascii_alphabetic));
        let number = self.taken(|byte| byte.is_ascii_digit() || *byte == b'-');
        let number: Option<i64> = std::str::from_utf8(&number).ok().and_then(|digits| digits.parse().ok());
        if self.rest.first() == Some(&b' ') {
            self.next();
        }
        self.skip = 0;
        match (word.as_slice(), number) {
            // Signed 16 bits: what is above 32,767 comes as a negative number.
            (b"u", Some(unit)) => {
                if !self.group.unread {
                    if !self.bytes.is_empty() {
                        self.flush();
                    }
                    self.units.extend(u16::try_from(unit.rem_euclid(65_536)));
                }
                self.skip = self.group.stand_in;
            }
            (b"uc", Some(count)) => self.group.stand_in = usize::try_from(count).unwrap_or(1).min(100),
            (b"ansicpg", Some(page)) => self.code_page = u32::try_from(page).ok().map(super::label),
            (b"bin", Some(length)) => {
                let length = usize::try_from(length).unwrap_or(0).min(self.rest.len());
                self.rest = self.rest.get(length..).unwrap_or_default();
            }
            (word, _) if is_unread(word) => self.group.unread = true,
            (word, _) => {
                if let Some(c) = character(word) {
                    self.char(c);
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The example of MS-OXRTFCP 4.1.
    pub(crate) const PACKED: &[u8] = &[
        0x2d, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x00, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03,
        0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65,
        0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
    ];

    #[test]
    fn packed_rtf_is_unpacked_as_in_the_specification() {
        assert_eq!(DICTIONARY.len(), 207);
        let rtf = unpack(PACKED).expect("it is packed RTF");
        assert_eq!(String::from_utf8_lossy(&rtf), "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        assert_eq!(text(&rtf), "hello world");
        for end in 0..PACKED.len() {
            let _ = unpack(&PACKED[..end]).map(|rtf| text(&rtf));
        }
    }

    #[test]
    fn the_words_are_read_and_fonts_pictures_and_hidden_html_are_not() {
        let rtf = br"{\rtf1\ansi\ansicpg1252\fromhtml1 {\fonttbl{\f0 Arial;}}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Gr\'fc\'dfe\par
{\pict 89504e}\uc1\u-10179?\u-8704? \u8364 ?5 \{x\}\tab y\line}{\*\generator no;}z}";
        assert_eq!(text(rtf), "Grüße\n😀 €5 {x}\ty\nz");
    }

    #[test]
    fn hostile_rtf_costs_no_more_than_its_bytes() {
        let deep = "{".repeat(1_000_000) + "x" + &"}".repeat(1_000_000) + "y";
        assert_eq!(text(deep.as_bytes()), "xy");
        assert_eq!(text(b"\\u \\'zz}}}}w\\bin99999999999 abc"), "w");
        // A run that repeats the byte before it: seventeen bytes for every two, up to the limit.
        let mut bomb = b"\0\0\0\0\0\0\0\0LZFu\0\0\0\0".to_vec();
        let mut at = DICTIONARY.len();
        for _ in 0..(RTF_BYTES_MAX / 17 / 8) + 1_000 {
            let before = |step: usize| (at + 17 * step + DICTIONARY_BYTES - 1) % DICTIONARY_BYTES;
            let run = (0..8).flat_map(|step| {
                u16::try_from((before(step) << 4) | 0x0f).expect("twelve bits and four").to_be_bytes()
            });
            bomb.extend(std::iter::once(0xff).chain(run));
            at = (at + 17 * 8) % DICTIONARY_BYTES;
        }
        let length = unpack(&bomb).expect("packed").len();
        assert!((RTF_BYTES_MAX..RTF_BYTES_MAX + 17).contains(&length), "{length}");
    }
}
