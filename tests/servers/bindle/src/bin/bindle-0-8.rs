//! The bindle server 0.8.2.

fn main() -> anyhow::Result<()> {
    bindle_servers::main(bindle_servers::Version::V0_8)
}
