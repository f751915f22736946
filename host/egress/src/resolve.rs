//! Names to checked addresses, inside the HTTP client: what is checked is what is connected to, so that a name cannot
//! answer one address to a check and another one to the connection.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::UNGUARDED;
use crate::address::{Special, special};

/// What a resolver lets pass.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// Public addresses only.
    Public,
    /// Of a host that the user named: local and private ones too.
    Named,
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
            let addresses = names.look_up(host).await?;
            check(host, &addresses, &reach)?;
            // Port 0 is replaced by the client with that of the URL.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// One address that may not be reached refuses all: a name with a public and a private address is not an accident.
fn check(host: &str, addresses: &[IpAddr], reach: &Reach) -> Result<(), AddressRefused> {
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
                &Reach::Named
            ),
            Ok(())
        );
        for address in ["169.254.169.254", "169.254.1.1", "0.0.0.0", "fd00:ec2::254"] {
            assert!(
                check("r.corp", &addresses(&[address]), &Reach::Named).is_err(),
                "{address}"
            );
        }
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
