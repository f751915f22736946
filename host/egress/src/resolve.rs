//! Names to checked addresses, inside the HTTP client: what is checked is what is connected to, so that a name cannot
//! answer one address to a check and another one to the connection.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use spin_deployer_manifest::Host;

use crate::UNGUARDED;
use crate::address::{Special, special};

/// What a resolver lets pass.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// Public addresses only.
    Public,
    /// Of a host that the user named: local and private ones too.
    Named,
    /// Of a host that servers named as their app's: public addresses, and of others those that such a server has itself.
    /// Each host with those who named it.
    Beside(Arc<RwLock<HashMap<String, BTreeSet<Host>>>>),
    /// The proxies that the environment names, and nothing else: who connects through a proxy leaves resolving to it.
    Proxies(Arc<RwLock<HashSet<String>>>),
}

/// A name that leads where this request may not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is at {address}, {special}")]
pub(crate) struct AddressRefused {
    pub(crate) host: String,
    pub(crate) address: std::net::IpAddr,
    pub(crate) special: Special,
}

/// Who knows where names lead. The program asks its system; a test makes up what a hostile name server would say.
pub trait Names: Send + Sync {
    /// The addresses of a host, asked once for each connection.
    fn look_up(&self, host: &str) -> Looking;
}

/// Addresses to come.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The system's own resolver.
pub(crate) struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, host: &str) -> Looking {
        let host = host.to_owned();
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, 0)).await?;
            Ok(addresses.map(|address| address.ip()).collect())
        })
    }
}

/// The resolver of one client.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) reach: Reach,
    pub(crate) names: Arc<dyn Names>,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { reach, names } = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            if let Reach::Proxies(known) = &reach
                && !known
                    .read()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(host)
            {
                return Err(format!("{host} is no proxy").into());
            }
            let mut addresses = look_up(&*names, host).await?;
            let mut beside = HashSet::new();
            if let Reach::Beside(known) = &reach {
                let by = {
                    let known = known.read().unwrap_or_else(PoisonError::into_inner);
                    known.get(host).cloned().unwrap_or_default()
                };
                beside = addresses_of(&*names, &by).await;
                // Nobody chose these: they are all that this machine has, and a server may have only one of them.
                if is_below_localhost(host) && addresses.iter().any(|ip| beside.contains(ip)) {
                    addresses.retain(|ip| beside.contains(ip));
                }
            }
            check(host, &addresses, &reach, &beside)?;
            // Port 0 is replaced by the client with that of the URL.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// Whether a name is this machine, without asking anybody (RFC 6761, section 6.3).
pub(crate) fn is_below_localhost(host: &str) -> bool {
    host.ends_with(".localhost")
}

async fn look_up(names: &dyn Names, host: &str) -> io::Result<Vec<IpAddr>> {
    if is_below_localhost(host) {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    names.look_up(host).await
}

/// All addresses of some hosts. One that cannot be found has none.
async fn addresses_of(names: &dyn Names, hosts: &BTreeSet<Host>) -> HashSet<IpAddr> {
    let mut all = HashSet::new();
    for host in hosts {
        match (host.ip(), host.domain()) {
            (Some(ip), _) => all.extend([ip]),
            (_, Some(name)) => all.extend(look_up(names, name).await.unwrap_or_default()),
            _ => {}
        }
    }
    all
}

/// As the resolver does it for a host that `by` named, for one that is an address and is never resolved.
pub(crate) async fn check_beside(
    names: &dyn Names,
    address: IpAddr,
    by: &BTreeSet<Host>,
) -> Result<(), AddressRefused> {
    let beside = addresses_of(names, by).await;
    let reach = Reach::Beside(Arc::default());
    check(&address.to_string(), &[address], &reach, &beside)
}

/// One address that may not be reached refuses all: a name with a public and a private address is not an accident.
/// `beside`: where those are who named a host.
fn check(
    host: &str,
    addresses: &[IpAddr],
    reach: &Reach,
    beside: &HashSet<IpAddr>,
) -> Result<(), AddressRefused> {
    if UNGUARDED {
        return Ok(());
    }
    for address in addresses {
        let Some(special) = special(*address) else {
            continue;
        };
        let allowed = match reach {
            Reach::Public => false,
            Reach::Named => special.reachable_by_a_given_name(),
            Reach::Beside(_) => special.reachable_by_a_given_name() && beside.contains(address),
            Reach::Proxies(_) => true,
        };
        if !allowed {
            return Err(AddressRefused {
                host: host.to_owned(),
                address: *address,
                special,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn resolver(reach: Reach) -> Checked {
        Checked {
            reach,
            names: Arc::new(SystemNames),
        }
    }

    #[test]
    fn one_private_address_among_public_ones_refuses_the_name() {
        let error = check(
            "a.example",
            &addresses(&["8.8.8.8", "10.0.0.1"]),
            &Reach::Public,
            &HashSet::new(),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.example is at 10.0.0.1, a private address"
        );
    }

    #[test]
    fn a_named_host_may_be_private_but_never_the_metadata_service() {
        assert_eq!(
            check(
                "r.corp",
                &addresses(&["10.0.0.1", "127.0.0.1"]),
                &Reach::Named,
                &HashSet::new()
            ),
            Ok(())
        );
        for address in ["169.254.169.254", "169.254.1.1", "0.0.0.0", "fd00:ec2::254"] {
            assert!(
                check(
                    "r.corp",
                    &addresses(&[address]),
                    &Reach::Named,
                    &HashSet::new()
                )
                .is_err(),
                "{address}"
            );
        }
    }

    #[test]
    fn beside_a_server_is_only_what_is_at_the_same_address() {
        let reach = Reach::Beside(Arc::default());
        let beside = HashSet::from_iter(addresses(&["10.0.0.1", "169.254.169.254", "8.8.8.8"]));
        let check = |texts: &[&str]| check("app.corp", &addresses(texts), &reach, &beside).is_ok();
        assert!(check(&["10.0.0.1"]) && check(&["9.9.9.9", "10.0.0.1"]));
        for elsewhere in [&["10.0.0.2"][..], &["127.0.0.1"], &["10.0.0.1", "10.0.0.2"]] {
            assert!(!check(elsewhere), "{elsewhere:?}");
        }
        assert!(!check(&["169.254.169.254"]), "whoever has it");
    }

    #[tokio::test]
    async fn what_is_below_localhost_is_this_machine_and_nobody_is_asked() {
        struct Nobody;
        impl Names for Nobody {
            fn look_up(&self, host: &str) -> Looking {
                panic!("asked for {host}");
            }
        }
        let resolver = |reach| Checked {
            reach,
            names: Arc::new(Nobody),
        };
        let found = |reach| async move {
            let name = "app.localhost".parse().unwrap();
            let found = resolver(reach).resolve(name).await.ok()?;
            Some(found.map(|address| address.ip()).collect::<Vec<_>>())
        };
        assert_eq!(found(Reach::Public).await, None);
        assert_eq!(
            found(Reach::Named).await,
            Some(addresses(&["127.0.0.1", "::1"]))
        );
        let beside = |by: &str| {
            let by = BTreeSet::from([by.parse().unwrap()]);
            let known = HashMap::from([("app.localhost".to_owned(), by)]);
            Reach::Beside(Arc::new(RwLock::new(known)))
        };
        assert_eq!(
            found(beside("127.0.0.1")).await,
            Some(addresses(&["127.0.0.1"]))
        );
        assert_eq!(found(beside("10.0.0.1")).await, None);
    }

    #[tokio::test]
    async fn the_resolver_of_public_places_does_not_hand_out_this_machine() {
        let error = resolver(Reach::Public)
            .resolve("localhost".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert!(error.is::<AddressRefused>(), "{error}");
        assert!(
            resolver(Reach::Named)
                .resolve("localhost".parse().unwrap())
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn the_resolver_of_the_proxied_client_knows_only_proxies() {
        let known = Arc::new(RwLock::new(HashSet::from(["localhost".to_owned()])));
        let resolver = resolver(Reach::Proxies(known));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_ok());
        assert!(
            resolver
                .resolve("example.com".parse().unwrap())
                .await
                .is_err()
        );
    }
}
