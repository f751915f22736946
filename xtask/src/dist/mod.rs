//! The plugin `deployer` as Spin installs it: an archive for this platform, its checksum, and the manifest that names both.
//!
//! The same commit makes the same bytes, wherever and whenever this runs with the same toolchain and linker: no path of
//! this machine gets into the program ([`program`]), and no clock, user or order of a folder into the archive
//! ([`archive`]). So anybody can check that a released archive is of the sources that it says.

mod archive;
mod commit;
mod licenses;
mod linked;
mod manifest;
mod platform;
mod program;
mod sbom;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::build;
use crate::shell::Shell;
use archive::Archive;
use commit::Commit;
use linked::Linked;
use manifest::{Manifest, Package, Place};
use platform::Platform;
use program::Built;
use toolchain::Part;

/// What Spin calls the plugin: `deploy` it reserves for itself.
const NAME: &str = "deployer";

/// The package whose program it is.
const PACKAGE: &str = "spin-deployer";

/// Where this builds, so that nothing of other builds gets in and none of them is thrown away.
const TARGET: &str = "target/dist";

/// What is packed, and where to.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder for archive, checksum and manifest; target/dist/out otherwise
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the archive will be downloaded from, for a release; otherwise the manifest names the file on this machine
    #[arg(long, value_name = "HTTPS URL")]
    url_base: Option<manifest::Base>,
    /// Pack what is not committed too: nobody can make the same again
    #[arg(long)]
    dirty: bool,
}

/// What the program is made of.
struct Sources {
    commit: Commit,
    platform: Platform,
    linked: Linked,
    toolchain: [Part; 2],
}

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let commit = Commit::of(shell)?;
    if !options.dirty {
        commit.check()?;
    }
    build::wasm_target(shell)?;
    let plugins = build::plugins(shell)?;
    let platform = Platform::of(shell)?;
    let sources = Sources {
        linked: Linked::of(shell, &platform.triple, &plugins)?,
        toolchain: toolchain::parts(shell, &platform)?,
        platform,
        commit,
    };
    // Before the build, which takes minutes: a package without a licence ends this.
    let mut archive = Archive::default();
    add_licenses(&mut archive, &sources)?;
    let built = program::build(shell, &plugins)?;
    ensure!(
        Commit::of(shell)? == sources.commit,
        "the work tree changed while this was built: run it again"
    );
    add_program(&mut archive, &sources, &built)?;
    // As Spin's own index wants it to be called.
    let license = fs::read(shell.path("LICENSE")).context("LICENSE")?;
    archive.add(&format!("{NAME}.license"), license)?;

    let out = match &options.out {
        Some(out) => std::path::absolute(out)?,
        None => shell.path(TARGET).join("out"),
    };
    let packed = archive.pack(sources.commit.seconds)?;
    write(&out, options.url_base.as_ref(), &sources, &packed)
}

fn add_licenses(archive: &mut Archive, sources: &Sources) -> Result<()> {
    for package in sources.linked.third_party() {
        archive.add_texts(&package.id.folder(), licenses::of(package)?)?;
    }
    for part in &sources.toolchain {
        archive.add_texts(&part.folder(), part.texts.clone())?;
    }
    Ok(())
}

/// The program, and what says what it is.
fn add_program(archive: &mut Archive, sources: &Sources, built: &Built) -> Result<()> {
    let program = fs::read(&built.program).with_context(|| built.program.display().to_string())?;
    let bill = sbom::write(sources, &Sha256::digest(&program).into(), &built.plugins)?;
    archive.add("sbom.cdx.json", bill)?;
    archive.add("README.txt", readme(sources)?)?;
    archive.add_program(&format!("{NAME}{}", std::env::consts::EXE_SUFFIX), program)
}

/// The three files, and on the terminal what to do with them.
fn write(
    out: &Path,
    base: Option<&manifest::Base>,
    sources: &Sources,
    packed: &[u8],
) -> Result<()> {
    let root = sources.linked.root()?;
    let file = sources.platform.archive(&root.id.version);
    let digest = hex(&Sha256::digest(packed));
    let place = match base {
        Some(base) => Place::Download(base, &file),
        None => Place::Here(out.join(&file)),
    };
    let package = Package::new(&sources.platform, &place, &digest)?;
    let manifest = Manifest::of(root, package)?.json()?;
    // As `sha256sum --check` reads it.
    let checksum = format!("{digest}  {file}\n");

    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let write = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        anyhow::Ok(path)
    };
    let archive = write(&file, packed)?;
    write(&format!("{file}.sha256"), checksum.as_bytes())?;
    let manifest = write(&format!("{NAME}.json"), manifest.as_bytes())?;

    println!("{}", archive.display());
    println!("  {} bytes, sha256 {digest}", packed.len());
    if base.is_none() {
        println!("\nTo use it:");
        println!("  spin plugins install --file {} --yes", manifest.display());
        println!("  export SPIN_DEPLOY_PLUGIN={NAME}");
    }
    Ok(())
}

/// What somebody reads who opens the archive.
fn readme(sources: &Sources) -> Result<Vec<u8>> {
    let Platform { os, arch, .. } = sources.platform;
    let version = &sources.linked.root()?.id.version;
    let commit = sources.commit.name();
    Ok(format!(
        "Spin Deployer {version} for {os} {arch}, of commit {commit}.\n\n\
         `spin deploy` runs it where SPIN_DEPLOY_PLUGIN={NAME} is set; it works alone too: {NAME} --help.\n\n\
         Its licence is {NAME}.license. What it is made of says sbom.cdx.json (CycloneDX); licences of that are in\n\
         licenses/, a folder for each package.\n",
    )
    .into_bytes())
}

/// Hexadecimal digits, as checksums are written.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
