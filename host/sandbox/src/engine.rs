//! Compiling components and loading what was compiled.

use std::hash::{Hash as _, Hasher};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, OptLevel};

use crate::{Error, LimitKind, Limits, Plugin, shape};

/// How often a computing plugin is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Length of a SHA-256. In bytes.
const DIGEST: usize = 32;

/// Compiles and loads plugins. Cheap to make, cheap to clone; one a process is enough.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    ticker: Arc<OnceLock<()>>,
}

impl Engine {
    /// An engine for this machine.
    ///
    /// # Errors
    /// [`Error::Engine`] where wasmtime cannot run.
    pub fn new() -> Result<Self, Error> {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::Speed)
            .parallel_compilation(true)
            .epoch_interruption(true)
            .wasm_component_model(true)
            // What compilers make of Rust, JavaScript, Python and Go stays on. What they do not use is attack surface.
            .wasm_memory64(false)
            .wasm_tail_call(false)
            .wasm_relaxed_simd(false)
            // Nobody sees a backtrace of a plugin, and the tables for one are a third of the compiled code.
            .wasm_backtrace_max_frames(None)
            .generate_address_map(false)
            .native_unwind_info(cfg!(windows));
        // The reservation of memory stays at wasmtime's 4 GiB of addresses behind each memory: addresses cost nothing,
        // and it is what makes bounds checks disappear from the compiled code.
        let inner = wasmtime::Engine::new(&config).map_err(|e| Error::Engine(e.into()))?;
        Ok(Self {
            inner,
            ticker: Arc::default(),
        })
    }

    /// A hash of all that decides whether compiled code fits: wasmtime's version to the last digit, target, settings.
    /// Keep compiled code under the component's digest and this.
    pub fn compatibility(&self) -> [u8; DIGEST] {
        let mut hasher = Sha(Sha256::new());
        self.inner.precompile_compatibility_hash().hash(&mut hasher);
        hasher.0.finalize().into()
    }

    /// Compiles a component. Takes seconds for megabytes, on all cores; what comes out is for [`Verified`].
    ///
    /// A compiler cannot be interrupted: after [`Limits::compile`] its threads go on until the process ends, which is what
    /// the caller is expected to do then.
    ///
    /// # Errors
    /// [`Error::Compile`] for what is no component, [`Error::Shape`] for one that is not tried, [`Error::Limit`] for one
    /// that takes too long.
    pub fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Vec<u8>, Error> {
        shape::check(wasm)?;
        let (engine, wasm) = (self.inner.clone(), wasm.to_vec());
        let (done, compiled) = mpsc::channel();
        std::thread::Builder::new()
            .name("compiler".into())
            .spawn(move || done.send(engine.precompile_component(&wasm)))
            .map_err(|e| Error::Engine(e.into()))?;
        let code = match compiled.recv_timeout(limits.compile) {
            Ok(code) => code.map_err(|e| Error::Compile(e.into()))?,
            Err(RecvTimeoutError::Timeout) => return Err(limits.limit(LimitKind::Compile).into()),
            // Its panic has been told.
            Err(e @ RecvTimeoutError::Disconnected) => return Err(Error::Engine(e.into())),
        };
        let mut sealed = Sha256::digest(&code).to_vec();
        sealed.extend(code);
        Ok(sealed)
    }

    /// Makes a plugin out of compiled code. Does not run it.
    ///
    /// # Errors
    /// [`Error::Load`] for code of another engine, [`Error::Interface`] for a component that exports no `deployer` of
    /// this version or imports what no plugin gets.
    pub fn load(&self, code: Verified<'_>) -> Result<Plugin, Error> {
        let component = deserialize(&self.inner, code)?;
        Plugin::new(self.clone(), &component)
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Starts the thread that counts epochs, with the first call and for as long as there is an engine.
    pub(crate) fn tick(&self) {
        self.ticker.get_or_init(|| {
            let engine = self.inner.weak();
            std::thread::spawn(move || {
                while let Some(engine) = engine.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(TICK);
                }
            });
        });
    }
}

/// Compiled code that is byte for byte what [`Engine::compile`] returned.
pub struct Verified<'a>(&'a [u8]);

impl<'a> Verified<'a> {
    /// Compares the code with the digest that [`Engine::compile`] put before it. That tells damaged code; whoever may
    /// write the code may write its digest, so keep it where only the user can write.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn new(sealed: &'a [u8]) -> Result<Self, Error> {
        match sealed.split_at_checked(DIGEST) {
            Some((digest, code)) if Sha256::digest(code)[..] == *digest => Ok(Self(code)),
            _ => Err(Error::Damaged),
        }
    }
}

#[allow(unsafe_code)]
fn deserialize(engine: &wasmtime::Engine, code: Verified<'_>) -> Result<Component, Error> {
    // SAFETY: compiled code runs as it is, so it has to be an engine's own output. `Verified` is that, unchanged, read
    // from memory that nobody else can write; wasmtime itself compares version, target and settings.
    unsafe { Component::deserialize(engine, code.0) }.map_err(|e| Error::Load(e.into()))
}

/// Feeds what wasmtime hashes into a hash whose collisions nobody can make.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn damaged_code_is_never_loaded() {
        let engine = Engine::new().unwrap();
        let empty_component = b"\0asm\x0d\0\x01\0";
        let code = engine.compile(empty_component, &Limits::default()).unwrap();
        assert!(Verified::new(&code).is_ok());
        for position in [0, DIGEST, code.len() / 2, code.len() - 1] {
            let mut damaged = code.clone();
            damaged[position] ^= 1;
            assert!(
                matches!(Verified::new(&damaged), Err(Error::Damaged)),
                "at {position}"
            );
        }
        assert!(matches!(
            Verified::new(&code[..code.len() - 1]),
            Err(Error::Damaged)
        ));
        assert!(matches!(Verified::new(&[]), Err(Error::Damaged)));
    }

    #[test]
    fn a_component_that_is_no_plugin_is_told_what_it_lacks() {
        let engine = Engine::new().unwrap();
        let code = engine
            .compile(b"\0asm\x0d\0\x01\0", &Limits::default())
            .unwrap();
        let error = engine.load(Verified::new(&code).unwrap()).err().unwrap();
        assert!(
            error
                .to_string()
                .contains("exports no spin-deployer:api/deployer"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_component_does_not_compile() {
        let engine = Engine::new().unwrap();
        for wasm in [&b"\0asm\x01\0\0\0"[..], b"", b"#!/bin/sh"] {
            let compiled = engine.compile(wasm, &Limits::default());
            assert!(matches!(compiled, Err(Error::Compile(_))));
        }
    }

    #[test]
    fn what_takes_too_long_ends_and_says_so() {
        // Within what is tried, and hours of work all the same.
        let (variables, loops) = (900, 1_000);
        let body: String = (0..variables)
            .map(|n| format!("local.get {n} i32.const 1 i32.add local.set {n} "))
            .collect();
        let wasm = wat::parse_str(format!(
            "(component (core module (func (local {}) {} {body} {})))",
            "i32 ".repeat(variables),
            "loop ".repeat(loops),
            "local.get 0 br_if 0 end ".repeat(loops)
        ));
        let limits = Limits {
            compile: Duration::from_millis(300),
            ..Limits::default()
        };
        let began = std::time::Instant::now();
        let error = Engine::new().unwrap().compile(&wasm.unwrap(), &limits);
        assert_eq!(
            error.unwrap_err().to_string(),
            "exceeded its compiling time limit of 0.3 s"
        );
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn engines_of_one_build_share_compiled_code() {
        assert_eq!(
            Engine::new().unwrap().compatibility(),
            Engine::new().unwrap().compatibility()
        );
    }
}
