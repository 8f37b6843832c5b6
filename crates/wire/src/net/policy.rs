//! Which addresses may be connected to: a table over the resolved address, nothing else (no sockets, no names).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Policy;

/// What a connection is for; each has its own rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// IMAP or SMTP under TLS: mail servers may be private.
    Mail,
    /// IMAP or SMTP without TLS: loopback only.
    PlainMail,
    /// HTTPS to an address that somebody typed or a document named.
    Https,
    /// HTTP without TLS: the practice provider on loopback only.
    PlainHttp,
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Public,
    Private,
    Loopback,
    /// Never, for anybody; with the reason.
    Never(&'static str),
}

/// `Err` says why not, as the end of the sentence "the address … is not used, because …".
pub(crate) fn check(policy: &Policy, purpose: Purpose, address: IpAddr) -> Result<(), &'static str> {
    let address = canonical(address);
    let listed = policy.http_allow.iter().any(|allowed| canonical(*allowed) == address);
    match (purpose, zone(address)) {
        (_, Zone::Never(why)) => Err(why),
        (Purpose::Mail, _) | (Purpose::Https, Zone::Public) | (Purpose::PlainMail, Zone::Loopback) => Ok(()),
        (Purpose::PlainMail, _) => Err("a link without TLS is only allowed to this machine itself"),
        (Purpose::PlainHttp, Zone::Loopback) if policy.practice => Ok(()),
        (Purpose::PlainHttp, _) => Err("http without TLS is only allowed to the practice provider"),
        (Purpose::Https, Zone::Loopback) if policy.practice || listed => Ok(()),
        (Purpose::Https, Zone::Private) if listed => Ok(()),
        (Purpose::Https, Zone::Loopback) => {
            Err("it is this machine itself and the configuration does not list it")
        }
        (Purpose::Https, Zone::Private) => {
            Err("it is a private address and the configuration does not list it")
        }
    }
}

/// IPv4 hidden in IPv6 counts as that IPv4: mapped, compatible, NAT64 (RFC 6052), 6to4.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else { return address };
    let [a, b, c, d, e, f, g, h] = six.segments();
    let four = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(w, x, y, z))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, 0, 0, 0, 0) => four(g, h),
        (0, 0, 0, 0, 0, 0) if g != 0 => four(g, h),
        (0x2002, ..) => four(b, c),
        _ => address,
    }
}

fn zone(address: IpAddr) -> Zone {
    match address {
        IpAddr::V4(four) => zone_v4(four),
        IpAddr::V6(six) => zone_v6(six),
    }
}

fn zone_v4(address: Ipv4Addr) -> Zone {
    const METADATA: &str = "cloud providers keep machine secrets there";
    match address.octets() {
        [0, ..] => Zone::Never("it is the unspecified network"),
        [169, 254, 169, 254] => Zone::Never(METADATA),
        // Alibaba, Oracle (classic), Azure's wire server.
        [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => Zone::Never(METADATA),
        [169, 254, ..] => Zone::Never("it is link-local"),
        [224..=239, ..] => Zone::Never("it is a multicast address"),
        [240..=255, ..] => Zone::Never("it is reserved or a broadcast address"),
        [127, ..] => Zone::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Zone::Private,
        // Carrier NAT (RFC 6598), protocol assignments, benchmarks (RFC 2544), documentation (RFC 5737).
        [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] => Zone::Private,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Zone::Private,
        _ => Zone::Public,
    }
}

fn zone_v6(address: Ipv6Addr) -> Zone {
    let [a, b, ..] = address.segments();
    if address.is_unspecified() {
        return Zone::Never("it is the unspecified address");
    }
    if address.is_loopback() {
        return Zone::Loopback;
    }
    // Amazon's and Google's metadata servers in the unique local range.
    if address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
    {
        return Zone::Never("cloud providers keep machine secrets there");
    }
    match (a, b) {
        (0xff00..=0xffff, _) => Zone::Never("it is a multicast address"),
        (0xfe80..=0xfebf, _) => Zone::Never("it is link-local"),
        // Unique local, site-local, discard, local NAT64, documentation, and what is not global unicast.
        (0xfc00..=0xfdff | 0xfec0..=0xfeff, _) | (0x2001, 0xdb8) | (0x3fff, 0..=0xfff) => Zone::Private,
        // Teredo wraps an IPv4 address of somebody's choice.
        (0x2001, 0) => Zone::Private,
        (0x2000..=0x3fff, _) => Zone::Public,
        _ => Zone::Private,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Purpose::{Https, Mail, PlainHttp, PlainMail};

    /// address | Mail, PlainMail, Https, PlainHttp by default | the same four in practice
    const TABLE: &[(&str, &str, &str)] = &[
        ("93.184.216.34", "y-y-", "y-y-"),
        ("2606:2800:220:1::1", "y-y-", "y-y-"),
        ("127.0.0.1", "yy--", "yyyy"),
        ("127.9.9.9", "yy--", "yyyy"),
        ("::1", "yy--", "yyyy"),
        ("::ffff:127.0.0.1", "yy--", "yyyy"),
        ("::127.0.0.1", "yy--", "yyyy"),
        ("64:ff9b::127.0.0.1", "yy--", "yyyy"),
        ("2002:7f00:1::", "yy--", "yyyy"),
        ("10.1.2.3", "y---", "y---"),
        ("172.16.0.1", "y---", "y---"),
        ("172.31.255.255", "y---", "y---"),
        ("172.32.0.1", "y-y-", "y-y-"),
        ("192.168.0.1", "y---", "y---"),
        ("100.64.0.1", "y---", "y---"),
        ("198.18.0.1", "y---", "y---"),
        ("::ffff:10.1.2.3", "y---", "y---"),
        ("64:ff9b::c0a8:1", "y---", "y---"),
        ("fd12:3456::1", "y---", "y---"),
        ("fec0::1", "y---", "y---"),
        ("64:ff9b:1::1", "y---", "y---"),
        ("2001::1", "y---", "y---"),
        ("100::1", "y---", "y---"),
        ("169.254.169.254", "----", "----"),
        ("169.254.1.1", "----", "----"),
        ("::ffff:169.254.169.254", "----", "----"),
        ("64:ff9b::169.254.169.254", "----", "----"),
        ("2002:a9fe:a9fe::", "----", "----"),
        ("100.100.100.200", "----", "----"),
        ("168.63.129.16", "----", "----"),
        ("fd00:ec2::254", "----", "----"),
        ("fe80::1", "----", "----"),
        ("0.0.0.0", "----", "----"),
        ("0.1.2.3", "----", "----"),
        ("::", "----", "----"),
        ("::ffff:0.0.0.0", "----", "----"),
        ("224.0.0.1", "----", "----"),
        ("255.255.255.255", "----", "----"),
        ("240.0.0.1", "----", "----"),
        ("ff02::1", "----", "----"),
    ];

    fn verdicts(policy: &Policy, address: &str) -> String {
        let address = address.parse().unwrap();
        let letter = |purpose| if check(policy, purpose, address).is_ok() { 'y' } else { '-' };
        [Mail, PlainMail, Https, PlainHttp].into_iter().map(letter).collect()
    }

    #[test]
    fn every_address_of_the_table_is_judged_as_written() {
        let practice = Policy { practice: true, ..Policy::default() };
        for (address, usual, practicing) in TABLE {
            assert_eq!(verdicts(&Policy::default(), address), *usual, "{address}");
            assert_eq!(verdicts(&practice, address), *practicing, "{address} in practice");
        }
    }

    #[test]
    fn a_listed_address_opens_itself_alone_and_never_a_forbidden_one() {
        let list = ["10.1.2.3", "169.254.169.254", "::1"];
        let policy = Policy { http_allow: list.map(|a| a.parse().unwrap()).to_vec(), ..Policy::default() };
        for (address, expected) in [
            ("10.1.2.3", "y-y-"),
            ("::ffff:10.1.2.3", "y-y-"),
            ("10.1.2.4", "y---"),
            ("::1", "yyy-"),
            ("127.0.0.1", "yy--"),
            ("169.254.169.254", "----"),
        ] {
            assert_eq!(verdicts(&policy, address), expected, "{address}");
        }
    }
}
