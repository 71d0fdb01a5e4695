//! What can be wrong with the network, and how the router is told.

/// Something that is wrong between hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault<'a> {
    /// Nothing passes from or to the host.
    Isolated(&'a str),
    /// What the host sends arrives, but nothing reaches the host.
    Deaf(&'a str),
    /// Nothing passes between the host and each of the others.
    Apart(&'a str, &'a [&'a str]),
    /// So many of a hundred packets between the host and each of the others are lost.
    Lossy(&'a str, &'a [&'a str], u32),
}

impl Fault<'_> {
    /// The rules of the router for it; `address` knows the hosts.
    fn rules(self, address: &impl Fn(&str) -> String) -> Vec<String> {
        let between = |one: &str, others: &[&str], then: &str| {
            let others: Vec<String> = others.iter().map(|other| address(other)).collect();
            let (one, others) = (address(one), others.join(", "));
            vec![
                format!("ip saddr {one} ip daddr {{ {others} }} {then}"),
                format!("ip daddr {one} ip saddr {{ {others} }} {then}"),
            ]
        };
        match self {
            Self::Isolated(host) => {
                let host = address(host);
                vec![format!("ip saddr {host} drop"), format!("ip daddr {host} drop")]
            }
            Self::Deaf(host) => vec![format!("ip daddr {} drop", address(host))],
            Self::Apart(one, others) => between(one, others, "drop"),
            Self::Lossy(one, others, percent) => {
                between(one, others, &format!("numgen random mod 100 < {percent} drop"))
            }
        }
    }
}

/// What makes exactly these faults be: nft carries all of it out at once, so no packet sees half.
pub(crate) fn script(faults: &[Fault<'_>], address: &impl Fn(&str) -> String) -> String {
    let chain = "ip lab forward";
    let mut script = format!(
        "add table ip lab\nadd chain {chain} {{ type filter hook forward priority 0; }}\nflush chain {chain}\n"
    );
    for rule in faults.iter().flat_map(|fault| fault.rules(address)) {
        script.push_str(&format!("add rule {chain} {rule}\n"));
    }
    script
}
