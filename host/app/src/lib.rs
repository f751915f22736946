//! spin.toml or an OCI layout to an application and its contents
