//! Keeps releases of a Spin application in an OCI image layout on disk
