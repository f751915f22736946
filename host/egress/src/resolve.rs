//! Names to checked addresses, inside the HTTP client: what is checked is what is connected to, so that a name cannot
//! answer one address to a check and another one to the connection.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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

/// The resolver of one client.
#[derive(Debug, Clone)]
pub(crate) struct Checked(pub(crate) Reach);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
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
            // Port 0 is replaced by the client with that of the URL.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            check(host, &addresses, &reach)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// One address that may not be reached refuses all: a name with a public and a private address is not an accident.
fn check(host: &str, addresses: &[SocketAddr], reach: &Reach) -> Result<(), AddressRefused> {
    for address in addresses {
        let Some(special) = special(address.ip()) else {
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
                address: address.ip(),
                special,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts
            .iter()
            .map(|text| SocketAddr::new(text.parse().unwrap(), 0))
            .collect()
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
        let error = Checked(Reach::Public)
            .resolve("localhost".parse().unwrap())
            .await
            .err()
            .unwrap();
        assert!(error.is::<AddressRefused>(), "{error}");
        assert!(
            Checked(Reach::Named)
                .resolve("localhost".parse().unwrap())
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn the_resolver_of_the_proxied_client_knows_only_proxies() {
        let known = Arc::new(RwLock::new(HashSet::from(["localhost".to_owned()])));
        let resolver = Checked(Reach::Proxies(known));
        assert!(resolver.resolve("localhost".parse().unwrap()).await.is_ok());
        assert!(
            resolver
                .resolve("example.com".parse().unwrap())
                .await
                .is_err()
        );
    }
}
