//! Character references of HTML (`&eacute;`, `&#8364;`, `&nbsp` without its semicolon).

use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// Longest name in the table, `CounterClockwiseContourIntegral;`, and a little more.
const NAME_BYTES_MAX: usize = 34;

/// Text with its references replaced.
pub(crate) fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let after = from.strip_prefix('&').unwrap_or(from);
        match reference(after, &mut out) {
            Some(length) => rest = after.get(length..).unwrap_or_default(),
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.retain(|c| c != '\0');
    out
}

/// Reads what follows `&`; gives the bytes it took.
fn reference(after: &str, out: &mut String) -> Option<usize> {
    if let Some(number) = after.strip_prefix('#') {
        return numeric(number, out).map(|length| length + 1);
    }
    let name_length = after.bytes().take(NAME_BYTES_MAX).take_while(u8::is_ascii_alphanumeric).count();
    let with_semicolon = after.get(..name_length + 1).filter(|n| n.ends_with(';'));
    let found = with_semicolon.and_then(named).map(|chars| (chars, name_length + 1)).or_else(|| {
        // Old names need no semicolon: the longest that is known.
        (2..=name_length.min(6)).rev().find_map(|length| {
            let chars = after.get(..length).and_then(named)?;
            Some((chars, length))
        })
    });
    let ((first, second), length) = found?;
    out.extend(char::from_u32(first));
    if second != 0 {
        out.extend(char::from_u32(second));
    }
    Some(length)
}

fn named(name: &str) -> Option<(u32, u32)> {
    NAMED_ENTITIES.get(name).copied().filter(|(first, _)| *first != 0)
}

fn numeric(number: &str, out: &mut String) -> Option<usize> {
    let (digits, radix, skipped) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16, 1),
        None => (number, 10, 0),
    };
    let length = digits.chars().take_while(|c| c.is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let value = u32::from_str_radix(digits.get(..length)?, radix).unwrap_or(u32::MAX);
    let c1 = value.checked_sub(0x80).and_then(|i| C1_REPLACEMENTS.get(i as usize)).copied().flatten();
    out.push(c1.or_else(|| char::from_u32(value)).unwrap_or('\u{fffd}'));
    let semicolon = usize::from(digits.get(length..).is_some_and(|r| r.starts_with(';')));
    Some(skipped + length + semicolon)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn references_are_read_as_browsers_do() {
        assert_eq!(decode("a&amp;b &lt;&eacute;&#8364;&#x20ac;&#150;"), "a&b <é€€–");
        assert_eq!(decode("&nbsp&copy 2026 &unknown; &"), "\u{a0}© 2026 &unknown; &");
        assert_eq!(decode("&#99999999999;&#0;&#xD800;"), "\u{fffd}\u{fffd}");
    }
}
