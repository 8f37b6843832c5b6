//! What the addresses and the numbers of providers' pages are, by their form.

use url::{Host, Url};

/// Whether an address leads to this machine alone: `localhost`, or a loopback address.
#[must_use]
pub fn is_on_this_machine(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The form of a GUID: Microsoft's tenants, clients and secret ids have it.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_and_its_addresses() {
        for (address, here) in [
            ("http://localhost:8080/", true),
            ("http://LOCALHOST/", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://localhost.example.org/", false),
            ("http://10.0.0.1/", false),
            ("data:x", false),
        ] {
            assert_eq!(is_on_this_machine(&Url::parse(address).unwrap()), here, "{address}");
        }
    }

    #[test]
    fn a_guid_has_five_groups_of_digits() {
        assert!(is_guid("9188040d-6c67-4c5b-b112-36a304b66dad"));
        for other in ["", "9188040d6c674c5bb11236a304b66dad", "9188040g-6c67-4c5b-b112-36a304b66dad"] {
            assert!(!is_guid(other), "{other}");
        }
    }
}
