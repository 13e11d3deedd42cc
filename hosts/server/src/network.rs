//! Where a call comes from, and which networks are trusted with what.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What else proxies write that say that they are there.
const OTHER_MARKS: [&str; 3] = ["forwarded", "x-real-ip", "via"];
/// Proxies one behind the other that are followed back.
const HOPS_MAX: usize = 16;

/// Networks, as a list of CIDRs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// From `10.0.0.0/8, ::1/128`.
    ///
    /// # Errors
    /// What it must look like: an address without its length, or with bits behind it, is a slip that would trust others
    /// than were meant.
    pub fn parse(text: &str) -> Result<Self, String> {
        let network = |part: &str| part.trim().parse::<IpNet>().ok().filter(|net| net.trunc() == *net);
        let all: Option<Vec<IpNet>> = text.split(',').map(network).collect();
        all.map(Self).ok_or_else(|| "must be networks with commas between them, as in 10.0.0.0/8,fd00::/8".into())
    }

    /// Whether the address is in one of them. An IPv4 address is the same one where it is written as IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(IpNet::to_string).collect::<Vec<_>>().join(","))
    }
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The nearest address that is known: what rates count by.
    pub address: IpAddr,
    /// Whether it is where the call began. It is not where somebody says that it was forwarded and nobody vouches
    /// for that: what is open to certain networks stays shut then.
    pub known: bool,
}

impl Source {
    /// Follows `X-Forwarded-For` back from `peer` through trusted proxies, no further: whoever comes before the first
    /// that is not trusted may have written what stands there.
    pub fn of(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> Self {
        let mut hops = 0;
        let direct = trusted.contains(peer) || OTHER_MARKS.iter().all(|mark| !headers.contains_key(*mark));
        let mut source = Self { address: peer.to_canonical(), known: direct };
        for value in headers.get_all(FORWARDED_FOR).iter().rev() {
            for entry in value.to_str().unwrap_or_default().rsplit(',') {
                hops += 1;
                match address(entry.trim()) {
                    Some(before) if trusted.contains(source.address) && hops <= HOPS_MAX => source.address = before,
                    // Forwarded by somebody who is not trusted, or by somebody who is and says nothing one can read.
                    _ => return Self { known: hops > 1 && !trusted.contains(source.address), ..source },
                }
            }
        }
        source
    }
}

/// Some proxies write the port too.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()));
    bare.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, forwarded: &[&str], trusted: &str) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted = if trusted.is_empty() { Networks::default() } else { Networks::parse(trusted).unwrap() };
        let source = Source::of(peer.parse().unwrap(), &headers, &trusted);
        (source.address.to_string(), source.known)
    }

    #[test]
    fn t15_a_header_is_believed_only_from_a_trusted_peer() {
        let known = |address: &str| (address.to_owned(), true);
        let unknown = |address: &str| (address.to_owned(), false);
        assert_eq!(source("9.9.9.9", &[], ""), known("9.9.9.9"));
        assert_eq!(source("9.9.9.9", &["127.0.0.1"], ""), unknown("9.9.9.9"), "a header anybody can write");
        assert_eq!(source("127.0.0.1", &["127.0.0.1"], ""), unknown("127.0.0.1"), "a gateway that nobody named");
        for mark in OTHER_MARKS {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(mark), "127.0.0.1".parse().unwrap())]);
            let known = |trusted: Networks| Source::of("127.0.0.1".parse().unwrap(), &headers, &trusted).known;
            assert!(!known(Networks::default()) && known(Networks::parse("127.0.0.1/32").unwrap()), "{mark}");
        }
        assert_eq!(source("10.0.0.1", &["9.9.9.9"], "10.0.0.1/32"), known("9.9.9.9"));
        assert_eq!(source("10.0.0.1", &[], "10.0.0.1/32"), known("10.0.0.1"), "the gateway itself");
        assert_eq!(source("10.0.0.2", &["9.9.9.9"], "10.0.0.1/32"), unknown("10.0.0.2"));
        // What the client wrote stands on the left of what the gateway saw.
        assert_eq!(source("10.0.0.1", &["127.0.0.1, 9.9.9.9"], "10.0.0.1/32"), known("9.9.9.9"));
        assert_eq!(source("10.0.0.1", &["127.0.0.1", "9.9.9.9"], "10.0.0.1/32"), known("9.9.9.9"));
        // Two gateways, one behind the other.
        assert_eq!(source("10.0.0.1", &["127.0.0.1,9.9.9.9,10.0.0.2"], "10.0.0.0/30"), known("9.9.9.9"));
        assert_eq!(source("::ffff:10.0.0.1", &["[2001:db8::1]:443"], "10.0.0.1/32"), known("2001:db8::1"));
        assert_eq!(source("10.0.0.1", &["9.9.9.9:1234"], "10.0.0.1/32"), known("9.9.9.9"));
        for nonsense in ["", "unknown", "_hidden", "9.9.9.9.9", "9.9.9.9, ", "localhost"] {
            assert_eq!(source("10.0.0.1", &[nonsense], "10.0.0.1/32"), unknown("10.0.0.1"), "{nonsense:?}");
        }
        let long = vec!["10.0.0.1"; 5000].join(",");
        assert_eq!(source("10.0.0.1", &[&long], "10.0.0.1/32"), unknown("10.0.0.1"));
    }

    #[test]
    fn networks_are_exact() {
        let two = Networks::parse("10.0.0.0/8, ::1/128").unwrap();
        assert_eq!(two.to_string(), "10.0.0.0/8,::1/128");
        for (address, inside) in
            [("10.255.0.1", true), ("::ffff:10.1.1.1", true), ("11.0.0.0", false), ("::1", true), ("::2", false), ("127.0.0.1", false)]
        {
            assert_eq!(two.contains(address.parse().unwrap()), inside, "{address}");
        }
        for slip in ["", ",", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "x", "*", "0.0.0.0/-1"] {
            assert!(Networks::parse(slip).is_err(), "{slip:?}");
        }
    }
}
