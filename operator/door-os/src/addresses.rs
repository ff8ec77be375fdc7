//! Which network addresses DOOR OS may be at, where the address comes from somebody who is not the
//! owner of this machine's network.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The network addresses that may be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Addresses {
    /// Any: whoever gave the address owns this machine.
    #[default]
    Any,
    /// Public ones, and these. An address that only means another one (IPv4 in IPv6) counts as what
    /// it means.
    PublicAnd(Vec<IpNet>),
}

/// An address that may not be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPermitted {
    /// The host as it was given.
    pub host: String,
}

impl fmt::Display for NotPermitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is, or resolves to, an address of a private, local or reserved network, which is not permitted: \
             list it in allowedAddresses of the connection if DOOR OS really is there",
            self.host
        )
    }
}

impl Error for NotPermitted {}

impl Addresses {
    /// Whether an address may be connected to.
    #[must_use]
    pub fn permit(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::PublicAnd(listed) => {
                let meant = meaning(address);
                is_public(meant) || listed.iter().any(|net| net.contains(&meant))
            }
        }
    }
}

/// The address that an address stands for: IPv4 in its IPv6 forms is IPv4.
fn meaning(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let [a, b, .., g, h] = v6.segments();
    let low = || {
        let [g1, g2] = g.to_be_bytes();
        let [h1, h2] = h.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(g1, g2, h1, h2))
    };
    // RFC 6052: 64:ff9b::/96 and 64:ff9b:1::/48 are translated to IPv4 by NAT64.
    if a == 0x64 && b == 0xff9b {
        return low();
    }
    match v6.to_ipv4() {
        Some(v4) if v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED => IpAddr::V4(v4),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            let reserved = a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || (a == 192 && b == 0 && c == 0);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_documentation()
                || reserved)
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            let reserved = (a & 0xfe00) == 0xfc00
                || (a & 0xffc0) == 0xfe80
                || (a & 0xffc0) == 0xfec0
                || a == 0x2002
                || (a == 0x2001 && (b < 0x200 || b == 0xdb8));
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || reserved)
        }
    }
}

/// Resolves names and drops what is not permitted, so that a name cannot lead where an address may
/// not.
#[derive(Clone, Debug)]
pub(crate) struct Guarded(pub(crate) Addresses);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let permitted: Vec<SocketAddr> =
                found.filter(|found| addresses.permit(found.ip())).collect();
            if permitted.is_empty() {
                return Err(Box::new(NotPermitted { host }) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(addresses: &Addresses, text: &str) -> bool {
        addresses.permit(text.parse().unwrap())
    }

    #[test]
    fn public_addresses_are_permitted_and_no_others() {
        let guarded = Addresses::PublicAnd(Vec::new());
        for text in ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"] {
            assert!(permits(&guarded, text), "{text}");
        }
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a00:1",
            "2002:a00:1::",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!permits(&guarded, text), "{text}");
            assert!(permits(&Addresses::Any, text), "{text}");
        }
    }

    #[test]
    fn a_listed_network_is_permitted_in_every_spelling() {
        let guarded = Addresses::PublicAnd(vec!["10.20.0.0/16".parse().unwrap()]);
        assert!(permits(&guarded, "10.20.3.4"));
        assert!(permits(&guarded, "::ffff:10.20.3.4"));
        assert!(!permits(&guarded, "10.21.0.1"));
    }
}
