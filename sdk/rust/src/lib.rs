//! Write a deploy target for Spin Deployer in Rust
