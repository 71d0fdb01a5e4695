//! Which proxy to use for an API server, from the environment, as Go's programs decide it, so that
//! the worker reaches a cluster exactly where the suite does.
//!
//! The client library applies `NO_PROXY` to the proxy's own address instead of the server's.

use std::net::IpAddr;

/// The proxy for `https://host:port`, given the values of `HTTPS_PROXY` and `NO_PROXY`.
pub(crate) fn proxy_for(
    host: &str,
    port: u16,
    https_proxy: &str,
    no_proxy: &str,
) -> Option<String> {
    let https_proxy = https_proxy.trim();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if https_proxy.is_empty() || host == "localhost" || address.is_some_and(|a| a.is_loopback()) {
        return None;
    }
    if no_proxy
        .split(',')
        .any(|entry| excluded(&entry.trim().to_ascii_lowercase(), &host, port, address))
    {
        return None;
    }
    Some(if https_proxy.contains("://") {
        https_proxy.to_owned()
    } else {
        format!("http://{https_proxy}")
    })
}

fn excluded(entry: &str, host: &str, port: u16, address: Option<IpAddr>) -> bool {
    if entry.is_empty() {
        return false;
    }
    if entry == "*" {
        return true;
    }
    if let (Some((network, bits)), Some(address)) = (entry.split_once('/'), address) {
        return match (network.parse::<IpAddr>(), bits.parse::<u32>()) {
            (Ok(network), Ok(bits)) => in_network(address, network, bits),
            _ => false,
        };
    }
    if let (Ok(entry), Some(address)) = (entry.trim_matches(['[', ']']).parse::<IpAddr>(), address)
    {
        return entry == address;
    }
    let name = match entry.rsplit_once(':') {
        Some((name, wanted)) if wanted.bytes().all(|b| b.is_ascii_digit()) => {
            if wanted.parse() != Ok(port) {
                return false;
            }
            name
        }
        _ => entry,
    };
    let name = name.strip_prefix('*').unwrap_or(name);
    match name.strip_prefix('.') {
        Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
        None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
    }
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let wide = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((address, width), (network, network_width)) = (wide(address), wide(network));
    if width != network_width || bits > width {
        return false;
    }
    let mask = if bits == 0 { 0 } else { u128::MAX << (128 - bits) };
    address & mask == network & mask
}

#[cfg(test)]
mod tests {
    use super::proxy_for;

    fn uses_proxy(host: &str, no_proxy: &str) -> bool {
        proxy_for(host, 6443, "http://proxy:3128", no_proxy).is_some()
    }

    #[test]
    fn loopback_is_never_proxied() {
        for host in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(!uses_proxy(host, ""), "{host}");
        }
        assert!(uses_proxy("10.0.0.1", ""));
    }

    #[test]
    fn no_proxy_matches_names_addresses_and_networks() {
        for (host, no_proxy) in [
            ("api.example.com", "example.com"),
            ("api.example.com", "x,.example.com"),
            ("api.example.com", "*.example.com"),
            ("api.example.com", "api.example.com:6443"),
            ("API.example.com.", "api.EXAMPLE.com"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", " 10.1.2.3 "),
            ("fd00::5", "fd00::/64"),
            ("anything", "*"),
        ] {
            assert!(!uses_proxy(host, no_proxy), "{host} {no_proxy}");
        }
        for (host, no_proxy) in [
            ("api.example.com", "ample.com"),
            ("example.com", ".example.com"),
            ("api.example.com", "api.example.com:443"),
            ("11.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.0.0.0/99"),
            ("10.1.2.3", "fd00::/8"),
            ("api.example.com", ",,"),
        ] {
            assert!(uses_proxy(host, no_proxy), "{host} {no_proxy}");
        }
    }

    #[test]
    fn a_bare_address_becomes_a_url() {
        assert_eq!(proxy_for("h", 1, "proxy:3128", "").as_deref(), Some("http://proxy:3128"));
        assert_eq!(proxy_for("h", 1, "", ""), None);
    }
}
