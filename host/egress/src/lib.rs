//! The only way out: policy, addresses, credentials, audit
