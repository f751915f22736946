//! The bindle server 0.9.1.

fn main() -> anyhow::Result<()> {
    bindle_servers::main(bindle_servers::Version::V0_9)
}
