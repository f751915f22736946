//! The administrator's policies: where they come from, and what a run may have under them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use spin_deployer_egress as egress;
use spin_deployer_grants::{Ceiling, Policies, Policy, PolicyRefusal};
use spin_deployer_manifest::ByteSize;
use spin_deployer_sandbox as sandbox;
use spin_deployer_signature::PublicKey;

use crate::audit::{AuditLog, Line, PolicyFile, TargetLine};
use crate::target::sha256;
use crate::{Code, Environment, Error, Found, Target, bounded};

/// The machine's own policy, which nobody has to name.
const SYSTEM: &str = if cfg!(windows) {
    r"C:\ProgramData\spin-deployer\policy.toml"
} else {
    "/etc/spin-deployer/policy.toml"
};
/// Names one more, which `--policy` adds to and does not replace.
const VARIABLE: &str = "SPIN_DEPLOYER_POLICY";

/// In bytes.
const LARGEST: u64 = 1 << 20;

/// What the user asks for in place of the defaults. `None` is the default, which a policy lowers without a word.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The longest that one call of the plugin may take, everything counted.
    pub time: Option<Duration>,
    /// The most memory that the plugin may use.
    pub memory: Option<ByteSize>,
    /// The longest that the plugin may compute, host calls not counted.
    pub compute: Option<Duration>,
    /// The most requests of a call.
    pub requests: Option<u64>,
    /// The most that the bodies of all requests and answers of a call have together.
    pub bytes: Option<ByteSize>,
    /// The most that the body of one answer has.
    pub answer: Option<ByteSize>,
    /// The most that the headers of one request, or of one answer, have.
    pub headers: Option<ByteSize>,
    /// The most that the plugin may write to the user's directories. By default 1 GiB, or twice the app.
    pub written: Option<ByteSize>,
    /// The longest that compiling the plugin may take.
    pub compile: Option<Duration>,
}

/// Who watches over a run.
#[derive(Clone, Debug, Default)]
pub struct Oversight {
    /// What is run, for the audit log: `deploy`.
    pub command: &'static str,
    /// Where to append the audit log.
    pub audit_log: Option<PathBuf>,
    /// One more policy.
    pub policy: Option<PathBuf>,
}

impl Oversight {
    /// The policies and the log of a run that begins now.
    ///
    /// # Errors
    /// A policy that cannot be read, a log that cannot be written, or none where a policy requires one.
    pub(crate) fn begin(
        &self,
        environment: &Environment,
        target: Option<&Target>,
        from: Option<&str>,
    ) -> Result<(Policies, AuditLog), Error> {
        let (policies, files) = read(environment, self.policy.as_deref())?;
        policies
            .requires_audit_log(self.audit_log.is_some())
            .map_err(|refusal| denied(&refusal))?;
        let data = environment.directories.data();
        let required = policies.requires_audit_log(false).is_err();
        let audit = AuditLog::open(self.audit_log.as_deref(), data)?;
        audit.begin(&Line::Run {
            command: self.command,
            target: target.map(TargetLine::from),
            from,
            policies: &files,
        });
        Ok((policies, audit.required(required)))
    }

    /// Writes down that a target's plugin was not even loaded, because it is not what it should be. Other errors are not
    /// the sandbox's.
    pub fn refused(&self, environment: &Environment, target: Option<&str>, error: &Error) {
        if error.code != Code::Denied {
            return;
        }
        // What is wrong with a policy or the log, who runs it hears where the plugin is right.
        if let Ok((_, audit)) = self.begin(environment, None, None) {
            let detail = error.detail.as_deref().unwrap_or_default();
            audit.line(&Line::Denied {
                plugin: target.unwrap_or_default(),
                digest: "",
                why: format!("{}: {detail}", error.message),
            });
        }
    }
}

/// What one call gets.
#[derive(Clone, Debug)]
pub(crate) struct CallLimits {
    pub(crate) sandbox: sandbox::Limits,
    pub(crate) egress: egress::Limits,
    /// Where nobody asked for another limit of what is written: the most that it may become.
    written: Option<ByteSize>,
    /// What the policies have against more.
    most: spin_deployer_grants::Limits,
}

impl CallLimits {
    /// Those of the sandbox for an app of this size, in bytes, which a plugin may have to write twice: as it is, and packed.
    pub(crate) fn for_app(&self, size: u64) -> sandbox::Limits {
        let mut limits = self.sandbox.clone();
        if let Some(most) = self.written {
            limits.written = limits.written.max(size.saturating_mul(2)).min(most.0);
        }
        limits
    }

    /// What a policy says to a call for an app of this size that broke the limit of this word.
    pub(crate) fn ceiling(&self, word: &str, size: u64) -> Option<Ceiling> {
        let (sandbox, egress, most) = (self.for_app(size), &self.egress, &self.most);
        match word {
            "memory" => most.memory.ceiling(memory(&sandbox)),
            "compute" => most.compute.ceiling(sandbox.compute),
            "time" => most.time.ceiling(sandbox.wall),
            "requests" => most.requests.ceiling(egress.requests),
            "bytes" => most.bytes.ceiling(ByteSize(egress.bytes)),
            "answer" => most.answer.ceiling(ByteSize(egress.answer)),
            "written" => most.written.ceiling(ByteSize(sandbox.written)),
            "compile" => most.compile.ceiling(sandbox.compile),
            _ => None,
        }
    }
}

fn memory(limits: &sandbox::Limits) -> ByteSize {
    ByteSize(u64::try_from(limits.memory).unwrap_or(u64::MAX))
}

/// All policies that there are: the machine's, the variable's, the flag's.
///
/// # Errors
/// One that is named and not there, or that cannot be understood. Nothing runs then: it could have been narrower.
fn read(
    environment: &Environment,
    flag: Option<&Path>,
) -> Result<(Policies, Vec<PolicyFile>), Error> {
    let named = environment.var(VARIABLE).map(PathBuf::from);
    read_all(Path::new(SYSTEM), named.as_deref(), flag)
}

fn read_all(
    system: &Path,
    variable: Option<&Path>,
    flag: Option<&Path>,
) -> Result<(Policies, Vec<PolicyFile>), Error> {
    let mut policies = Policies::default();
    let mut files = Vec::new();
    let is_absent = |path: &Path| {
        std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
    };
    let system = (!is_absent(system)).then_some(system);
    for path in [system, variable, flag].into_iter().flatten() {
        let name = path.display().to_string();
        let unreadable = |e: std::io::Error| {
            Error::new(Code::Usage, format!("the policy {name} cannot be read"))
                .detail(e.to_string())
        };
        let bytes = bounded::read(path, LARGEST).map_err(unreadable)?;
        files.push(PolicyFile {
            file: name.clone(),
            digest: sha256(&bytes),
        });
        let text = String::from_utf8(bytes)
            .map_err(std::io::Error::other)
            .map_err(unreadable)?;
        let policy: Policy = text.parse().map_err(|error| {
            Error::new(Code::Usage, format!("the policy {name} is not valid"))
                .detail(format!("{error}"))
        })?;
        policies = policies.with(name, policy);
    }
    Ok((policies, files))
}

/// Whether the policies let a plugin run that this publisher signed. What came with the program nobody else signed. Of
/// all others the signature that lies beside the component is checked, each time: a lock that names a signer is no more
/// than what whoever wrote it says.
///
/// # Errors
/// The first that does not. It stands in the audit log.
pub(crate) fn admit_signer(
    policies: &Policies,
    target: &Target,
    audit: &AuditLog,
) -> Result<(), Error> {
    if target.found == Found::BuiltIn {
        return Ok(());
    }
    let name = target.manifest.name.as_str();
    let proven = |key: &PublicKey| {
        let proof = target.proof.as_ref();
        proof.is_some_and(|proof| proof.verify(key, &target.wasm).is_ok())
    };
    let signers = policies.signers().into_iter().filter(proven);
    let admitted = signers
        .map(|key| policies.admits_signer(name, Some(&key)))
        .find(Result::is_ok)
        .unwrap_or_else(|| policies.admits_signer(name, None));
    admitted.map_err(|refusal| {
        audit.line(&Line::Denied {
            plugin: name,
            digest: target.digest.as_str(),
            why: refusal.to_string(),
        });
        denied(&refusal)
    })
}

/// What a policy refuses, as the user is told.
pub(crate) fn denied(refusal: &PolicyRefusal) -> Error {
    let error = Error::new(Code::Denied, refusal.to_string());
    error.help(refusal.help())
}

impl Asked {
    /// # Errors
    /// More is asked for than a policy allows.
    pub(crate) fn under(&self, policies: &Policies) -> Result<CallLimits, Error> {
        self.within(policies).map_err(|refusal| denied(&refusal))
    }

    fn within(&self, policies: &Policies) -> Result<CallLimits, PolicyRefusal> {
        let most = policies.limits();
        let (sandbox, egress) = (sandbox::Limits::default(), egress::Limits::default());
        let time = most.time.within(self.time, sandbox.wall)?;
        let memory = most.memory.within(self.memory, memory(&sandbox))?.0;
        let headers = self.headers.map_or(egress.headers, |asked| asked.0);
        let written = most.written.within(self.written, ByteSize(u64::MAX))?;
        Ok(CallLimits {
            egress: egress::Limits {
                requests: most.requests.within(self.requests, egress.requests)?,
                bytes: most.bytes.within(self.bytes, ByteSize(egress.bytes))?.0,
                answer: most.answer.within(self.answer, ByteSize(egress.answer))?.0,
                headers,
                time,
            },
            sandbox: sandbox::Limits {
                wall: time,
                memory: usize::try_from(memory).unwrap_or(usize::MAX),
                compute: most.compute.within(self.compute, sandbox.compute)?,
                header_fields: usize::try_from(headers).unwrap_or(usize::MAX),
                written: match self.written {
                    Some(_) => written.0,
                    None => sandbox.written.min(written.0),
                },
                compile: most.compile.within(self.compile, sandbox.compile)?,
                ..sandbox
            },
            written: self.written.is_none().then_some(written),
            most,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        }

        fn absent(&self) -> PathBuf {
            self.0.path().join("absent.toml")
        }
    }

    fn allowing(requests: u64) -> String {
        format!("schema = 1\nlimits.requests = {requests}\n")
    }

    #[test]
    fn the_flag_adds_to_the_variable_and_both_to_the_machines() {
        let machine = Machine::new();
        let (system, variable, flag) = (
            machine.write("system.toml", &allowing(30)),
            machine.write("variable.toml", &allowing(20)),
            machine.write("flag.toml", &allowing(10)),
        );
        let requests = |policies: Policies| {
            let limits = Asked::default().under(&policies).unwrap();
            limits.egress.requests
        };
        let absent = machine.absent();
        let read = |system: &Path, variable, flag| read_all(system, variable, flag).unwrap().0;
        assert_eq!(
            requests(read(&absent, None, None)),
            egress::Limits::default().requests
        );
        assert_eq!(requests(read(&system, None, None)), 30);
        assert_eq!(requests(read(&system, Some(&variable), None)), 20);
        assert_eq!(requests(read(&system, Some(&variable), Some(&flag))), 10);
        // A wider one does not win over a narrower one, wherever it comes from.
        assert_eq!(requests(read(&flag, None, Some(&system))), 10);
    }

    #[test]
    fn where_a_policy_wants_a_log_nothing_begins_without_one() {
        let machine = Machine::new();
        let policy = machine.write("flag.toml", "schema = 1\nrequire.audit-log = true\n");
        let environment = Environment {
            vars: std::collections::BTreeMap::new(),
            cwd: machine.0.path().to_owned(),
            directories: spin_deployer_store::Directories::default(),
            started: std::time::Instant::now(),
        };
        let mut oversight = Oversight {
            command: "deploy",
            audit_log: None,
            policy: Some(policy),
        };
        let error = oversight.begin(&environment, None, None).err().unwrap();
        assert_eq!(error.code, Code::Denied);
        assert!(error.help.unwrap().contains("--audit-log"));
        let log = machine.0.path().join("audit.jsonl");
        oversight.audit_log = Some(log.clone());
        assert!(oversight.begin(&environment, None, Some("shop")).is_ok());
        // What began, and under what.
        let line: serde_json::Value = serde_json::from_slice(&std::fs::read(log).unwrap()).unwrap();
        assert_eq!(
            (&line["event"], &line["command"], &line["from"]),
            (&"run".into(), &"deploy".into(), &"shop".into())
        );
        let policy = &line["policies"][line["policies"].as_array().unwrap().len() - 1];
        assert!(policy["file"].as_str().unwrap().ends_with("flag.toml"));
        assert_eq!(
            policy["digest"],
            sha256(b"schema = 1\nrequire.audit-log = true\n")
        );
    }

    #[test]
    fn more_than_a_policy_allows_is_an_error_that_names_it() {
        let machine = Machine::new();
        let flag = machine.write("flag.toml", &allowing(10));
        let (policies, _) = read_all(&machine.absent(), None, Some(&flag)).unwrap();
        let asked = Asked {
            requests: Some(11),
            ..Asked::default()
        };
        let error = asked.under(&policies).unwrap_err();
        assert_eq!(error.code, Code::Denied);
        assert!(error.message.contains("flag.toml"), "{error}");
        assert!(error.help.unwrap().contains("requests = 11"));
    }

    #[test]
    fn what_may_be_written_grows_with_the_app_up_to_what_a_policy_allows() {
        let written = |asked: Option<&str>, policy: &str, size: u64| {
            let policy = format!("schema = 1\n{policy}").parse().unwrap();
            let asked = Asked {
                written: asked.map(|text| text.parse().unwrap()),
                ..Asked::default()
            };
            let limits = asked.under(&Policies::default().with("policy.toml", policy));
            limits.map(|limits| limits.for_app(size).written)
        };
        let gib = 1 << 30;
        assert_eq!(written(None, "", 1_000).unwrap(), gib);
        assert_eq!(written(None, "", 10 * gib).unwrap(), 20 * gib);
        assert_eq!(written(Some("1MiB"), "", 10 * gib).unwrap(), 1 << 20);
        let policy = "limits.written = \"2GiB\"";
        assert_eq!(written(None, policy, 10 * gib).unwrap(), 2 * gib);
        assert_eq!(written(Some("1GiB"), policy, 10 * gib).unwrap(), gib);
        let error = written(Some("3GiB"), policy, 0).unwrap_err();
        assert_eq!(error.code, Code::Denied);
    }

    #[test]
    fn whatever_a_policy_lowers_says_so() {
        let policy = "schema = 1\nlimits = { memory = \"1MiB\", compute = \"1s\", time = \"1s\", requests = 1, \
                      bytes = \"1MiB\", answer = \"1KiB\", written = \"1KiB\", compile = \"1s\" }";
        let policies = Policies::default().with("policy.toml", policy.parse().unwrap());
        let limits = Asked::default().under(&policies).unwrap();
        for key in [
            "memory", "compute", "time", "requests", "bytes", "answer", "written", "compile",
        ] {
            let ceiling = limits.ceiling(key, 0).unwrap();
            assert_eq!((ceiling.key, ceiling.is_reached), (key, true));
        }
        assert_eq!(limits.ceiling("headers", 0), None);
    }

    #[test]
    fn headers_are_raised_for_the_plugin_and_for_the_network() {
        let asked = Asked {
            headers: Some("128KiB".parse().unwrap()),
            ..Asked::default()
        };
        let limits = asked.under(&Policies::default()).unwrap();
        assert_eq!(limits.egress.headers, 128 << 10);
        assert_eq!(limits.sandbox.header_fields, 128 << 10);
    }

    #[test]
    fn a_policy_that_is_not_understood_stops_everything() {
        let machine = Machine::new();
        let typo = machine.write("typo.toml", "schema = 1\nlimits.request = 10\n");
        let folder = machine.0.path();
        for (system, flag) in [
            (typo.as_path(), None),
            (&machine.absent(), Some(typo.as_path())),
            (&machine.absent(), Some(machine.absent().as_path())),
            (folder, None),
        ] {
            let error = read_all(system, None, flag).unwrap_err();
            assert_eq!(error.code, Code::Usage);
            assert!(error.detail.is_some(), "{error}");
        }
    }
}
