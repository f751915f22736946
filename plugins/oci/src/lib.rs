//! Pushes a Spin application to an OCI registry
