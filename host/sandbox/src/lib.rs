//! Runs a plugin in wasmtime with nothing but what the contract names
