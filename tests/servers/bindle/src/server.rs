//! The same few lines for two releases, whose types have the same names and are not the same types.

macro_rules! server {
    ($version:ident, $bindle:ident) => {
        pub(crate) mod $version {
            use anyhow::Context as _;
            use $bindle::authn::always::AlwaysAuthenticate;
            use $bindle::authn::http_basic::HttpBasic;
            use $bindle::authz::always::AlwaysAuthorize;
            use $bindle::authz::anonymous_get::AnonymousGet;
            use $bindle::provider::Provider;
            use $bindle::provider::embedded::EmbeddedProvider;
            use $bindle::provider::file::FileProvider;
            use $bindle::search::StrictEngine;
            use $bindle::server::server;
            use $bindle::signature::{KeyEntry, KeyRing, SecretKeyEntry, SecretKeyFile};
            use $bindle::{SignatureRole, VerificationStrategy};

            use crate::Settings;

            pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
                let index = StrictEngine::default();
                let directory = &settings.directory;
                if settings.embedded_db {
                    let store = EmbeddedProvider::new(directory, index.clone()).await?;
                    stored(store, index, &settings).await
                } else {
                    let store = FileProvider::new(directory, index.clone()).await;
                    stored(store, index, &settings).await
                }
            }

            async fn stored<P>(
                store: P,
                index: StrictEngine,
                settings: &Settings,
            ) -> anyhow::Result<()>
            where
                P: Provider + Clone + Send + Sync + 'static,
            {
                let mut keyring = match &settings.keyring {
                    Some(file) => {
                        let text = std::fs::read_to_string(file);
                        let text = text.with_context(|| file.display().to_string())?;
                        toml::from_str(&text).with_context(|| file.display().to_string())?
                    }
                    None => KeyRing::default(),
                };
                // The server signs what it takes, and its own program puts that key among those that are known.
                let host = SecretKeyEntry::new("host".into(), vec![SignatureRole::Host]);
                keyring.key.push(KeyEntry::try_from(&host)?);
                let keys = SecretKeyFile {
                    version: keyring.version.clone(),
                    key: vec![host],
                };
                let listen = settings.listen;
                let strategy = VerificationStrategy::default();
                match &settings.htpasswd {
                    Some(file) => {
                        let users = HttpBasic::from_file(file).await;
                        let users = users.with_context(|| file.display().to_string())?;
                        let everybody = AnonymousGet;
                        server(
                            store, index, users, everybody, listen, None, keys, strategy, keyring,
                        )
                        .await
                    }
                    None => {
                        let (who, what) = (AlwaysAuthenticate, AlwaysAuthorize);
                        server(
                            store, index, who, what, listen, None, keys, strategy, keyring,
                        )
                        .await
                    }
                }
            }
        }
    };
}

server!(v0_8, bindle_0_8);
server!(v0_9, bindle_0_9);
