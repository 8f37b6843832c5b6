//! Sender and recipients of the transfer (RFC 5321 §2.3.1), and whether an address can be written into a command.

/// Bare addresses without brackets. An empty `from` is the null sender of automatic mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub from: String,
    pub recipients: Vec<String>,
}

/// RFC 5321 §4.5.3.1.3.
const PATH_BYTES_MAX: usize = 254;

/// `Err` says why the address cannot stand between `<` and `>` of a command. Whether it exists is the server's
/// matter; that it cannot end the command is ours.
pub(super) fn check_address(address: &str) -> Result<(), &'static str> {
    let ends_it = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>');
    let Some((local, domain)) = address.rsplit_once('@') else { return Err("the address has no @") };
    if address.len() > PATH_BYTES_MAX {
        return Err("the address is longer than 254 bytes");
    }
    if address.contains(ends_it) {
        return Err("the address holds a character that SMTP cannot carry");
    }
    if local.is_empty() || domain.is_empty() {
        return Err("the address lacks a part");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_end_the_command_it_stands_in() {
        for fine in ["a@b.example", "o'hara+x@b.example", "jörg@bücher.example", "a@[192.0.2.1]"] {
            assert_eq!(check_address(fine), Ok(()), "{fine}");
        }
        for bad in
            ["", "a", "@b", "a@", "a b@c", "a@b>\r\nRCPT TO:<x@y", "a@b\n", "<a@b>", "a@b\0", "a@b\u{85}c"]
        {
            assert!(check_address(bad).is_err(), "{bad:?}");
        }
        assert!(check_address(&format!("{}@b", "a".repeat(300))).is_err());
    }
}
