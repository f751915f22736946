//! Which addresses a request may reach: step 7.
//!
//! A name says nothing about where a connection ends, so that only addresses are judged. What is not listed here is
//! public. Sources: the IANA special-purpose registries (RFC 6890 and its updates) and the clouds' own documentation
//! for the metadata services that hide in public or private ranges.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// This machine.
    Loopback,
    /// The network segment of this machine.
    LinkLocal,
    /// The service that gives a cloud machine its credentials.
    Metadata,
    /// RFC 1918, or unique-local of IPv6.
    Private,
    /// Carrier-grade NAT, RFC 6598.
    CarrierGrade,
    /// `0.0.0.0/8` and `::`, which connect to this machine on most systems.
    Unspecified,
    /// To many machines at once.
    Multicast,
    /// Documentation and benchmarks.
    Documentation,
    /// An IPv4 address inside an IPv6 one: mapped, compatible, 6to4, Teredo, a NAT64 prefix of the network's own.
    Embedded,
    /// Reserved by the IETF.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata service",
            Self::Private => "a private address",
            Self::CarrierGrade => "a carrier-grade NAT address",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast address",
            Self::Documentation => "a documentation address",
            Self::Embedded => "an IPv4 address inside an IPv6 address",
            Self::Reserved => "a reserved address",
        })
    }
}

impl Special {
    /// Whether a *name* that the user gave may lead here. Who owns the name chooses the address, and nobody keeps a
    /// registry on a metadata service: there only the address itself counts as named.
    pub(crate) fn reachable_by_a_given_name(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::CarrierGrade)
    }
}

/// What is special about `address`; `None` is a public address.
pub(crate) fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

/// First match wins, so that the narrow ones stand first.
const V4: &[([u8; 4], u32, Special)] = &[
    ([169, 254, 169, 254], 32, Special::Metadata), // AWS, Azure, Google and most others
    ([169, 254, 170, 2], 32, Special::Metadata),   // AWS ECS
    ([169, 254, 170, 23], 32, Special::Metadata),  // AWS EKS pod identity
    ([100, 100, 100, 200], 32, Special::Metadata), // Alibaba
    ([168, 63, 129, 16], 32, Special::Metadata),   // Azure's wire server, in a public range
    ([192, 0, 0, 192], 32, Special::Metadata),     // Oracle, older machines
    ([0, 0, 0, 0], 8, Special::Unspecified),
    ([10, 0, 0, 0], 8, Special::Private),
    ([100, 64, 0, 0], 10, Special::CarrierGrade),
    ([127, 0, 0, 0], 8, Special::Loopback),
    ([169, 254, 0, 0], 16, Special::LinkLocal),
    ([172, 16, 0, 0], 12, Special::Private),
    ([192, 0, 0, 0], 24, Special::Reserved),
    ([192, 0, 2, 0], 24, Special::Documentation),
    ([192, 88, 99, 0], 24, Special::Reserved), // 6to4 relays, deprecated
    ([192, 168, 0, 0], 16, Special::Private),
    ([198, 18, 0, 0], 15, Special::Documentation), // benchmarks
    ([198, 51, 100, 0], 24, Special::Documentation),
    ([203, 0, 113, 0], 24, Special::Documentation),
    ([224, 0, 0, 0], 4, Special::Multicast),
    ([240, 0, 0, 0], 4, Special::Reserved),
];

const V6: &[([u16; 8], u32, Special)] = &[
    (
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        128,
        Special::Metadata,
    ), // AWS
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128, Special::Metadata), // AWS EKS pod identity
    ([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128, Special::Metadata), // Google
    ([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128, Special::Metadata),  // Scaleway
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Special::Unspecified),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Special::Loopback),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, Special::Embedded), // IPv4-compatible
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, Special::Embedded), // IPv4-mapped
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, Special::Embedded), // IPv4-translated
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, Special::Embedded), // NAT64, local
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Special::Reserved), // discard
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, Special::Embedded), // Teredo
    (
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        Special::Documentation,
    ),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Special::Reserved), // IETF protocols
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, Special::Embedded), // 6to4
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Special::Documentation),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, Special::Reserved), // segment routing
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Special::Private),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Special::LinkLocal),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Special::Private), // site-local, deprecated
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Special::Multicast),
];

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    let bits = address.to_bits();
    V4.iter()
        .find(|(network, length, _)| {
            (bits ^ Ipv4Addr::from(*network).to_bits()).leading_zeros() >= *length
        })
        .map(|(.., special)| *special)
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    // The well-known prefix of NAT64 is how an IPv6-only network reaches IPv4: what counts is the address inside.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return special_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    let bits = address.to_bits();
    V6.iter()
        .find(|(network, length, _)| {
            (bits ^ Ipv6Addr::from(*network).to_bits()).leading_zeros() >= *length
        })
        .map(|(.., special)| *special)
        // Only 2000::/3 is given out; the rest is nobody's yet.
        .or((bits >> 125 != 0b001).then_some(Special::Reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_the_policy_is_known_at_both_ends_of_its_range() {
        for (address, expected) in [
            ("0.0.0.0", Special::Unspecified),
            ("0.255.255.255", Special::Unspecified),
            ("10.0.0.0", Special::Private),
            ("10.255.255.255", Special::Private),
            ("100.64.0.0", Special::CarrierGrade),
            ("100.127.255.255", Special::CarrierGrade),
            ("100.100.100.200", Special::Metadata),
            ("127.0.0.1", Special::Loopback),
            ("127.255.255.255", Special::Loopback),
            ("169.254.0.1", Special::LinkLocal),
            ("169.254.169.254", Special::Metadata),
            ("169.254.170.2", Special::Metadata),
            ("168.63.129.16", Special::Metadata),
            ("172.16.0.0", Special::Private),
            ("172.31.255.255", Special::Private),
            ("192.0.2.1", Special::Documentation),
            ("192.168.255.255", Special::Private),
            ("198.19.255.255", Special::Documentation),
            ("198.51.100.7", Special::Documentation),
            ("203.0.113.255", Special::Documentation),
            ("224.0.0.1", Special::Multicast),
            ("239.255.255.255", Special::Multicast),
            ("240.0.0.1", Special::Reserved),
            ("255.255.255.255", Special::Reserved),
            ("::", Special::Unspecified),
            ("::1", Special::Loopback),
            ("::7f00:1", Special::Embedded),
            ("::ffff:127.0.0.1", Special::Embedded),
            ("::ffff:8.8.8.8", Special::Embedded),
            ("64:ff9b::127.0.0.1", Special::Loopback),
            ("64:ff9b::169.254.169.254", Special::Metadata),
            ("64:ff9b:1::1", Special::Embedded),
            ("2001::1", Special::Embedded),
            ("2001:db8::1", Special::Documentation),
            ("2002:7f00:1::", Special::Embedded),
            ("3fff::1", Special::Documentation),
            ("fc00::1", Special::Private),
            ("fdff::1", Special::Private),
            ("fd00:ec2::254", Special::Metadata),
            ("fd00:ec2::23", Special::Metadata),
            ("fd20:ce::254", Special::Metadata),
            ("fd00:42::42", Special::Metadata),
            ("192.0.0.192", Special::Metadata),
            ("169.254.170.23", Special::Metadata),
            ("192.88.99.1", Special::Reserved),
            ("192.0.0.1", Special::Reserved),
            ("::ffff:0:7f00:1", Special::Embedded),
            ("64:ff9b::10.0.0.1", Special::Private),
            ("100::1", Special::Reserved),
            ("2001:1::1", Special::Reserved),
            ("5f00::1", Special::Reserved),
            ("fec0::1", Special::Private),
            ("fe80::1", Special::LinkLocal),
            ("febf::1", Special::LinkLocal),
            ("ff02::1", Special::Multicast),
            ("4000::1", Special::Reserved),
        ] {
            assert_eq!(
                special(address.parse().unwrap()),
                Some(expected),
                "{address}"
            );
        }
    }

    #[test]
    fn neighbours_of_special_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "198.17.255.255",
            "223.255.255.255",
            "8.8.8.8",
            "2606:4700::1111",
            "2a00::1",
            "2001:4860:4860::8888",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(special(address.parse().unwrap()), None, "{address}");
        }
    }
}
