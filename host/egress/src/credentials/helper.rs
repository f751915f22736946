//! `docker-credential-X get`: the server's name goes in, JSON comes out.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use spin_deployer_manifest::Secret;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use zeroize::Zeroizing;

use super::{Credential, CredentialError};
use crate::Environment;

/// A helper may ask the user to unlock a keychain; one that hangs must not hang a pipeline.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Zeroizing<String>,
}

/// Asks the helper. `None` where it knows nothing of `server`.
pub(super) async fn get(
    name: &str,
    server: &str,
    path: &Path,
    environment: &Environment,
) -> Result<Option<Credential>, CredentialError> {
    let program = format!("docker-credential-{name}");
    let failed = |problem: String| CredentialError::Helper {
        program: program.clone(),
        server: server.to_owned(),
        path: path.to_owned(),
        problem,
    };
    // The name comes out of a file, and joined to a prefix it must stay the name of a program on the PATH.
    if !name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    {
        return Err(failed("has a name that cannot be a program's".into()));
    }
    match tokio::time::timeout(LIMIT, run(&program, server, environment)).await {
        Err(_) => Err(failed(format!(
            "did not answer within {} seconds",
            LIMIT.as_secs()
        ))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(failed("is not on the PATH".into()))
        }
        Ok(Err(error)) => Err(failed(format!("could not be run: {error}"))),
        Ok(Ok(output)) if output.status.success() => {
            let answer: Answer = serde_json::from_slice(&Zeroizing::new(output.stdout))
                .map_err(|_| failed("answered with something that is no credential".into()))?;
            Ok(credential(answer))
        }
        // The protocol has no code for "nothing there": it is this sentence, on standard output.
        Ok(Ok(output)) if contains(&output.stdout, "credentials not found") => Ok(None),
        // What it printed may hold what it was to keep, so only its status is told.
        Ok(Ok(output)) => Err(failed(format!("failed with {}", output.status))),
    }
}

async fn run(
    program: &str,
    server: &str,
    environment: &Environment,
) -> std::io::Result<std::process::Output> {
    let mut child = Command::new(program)
        .arg("get")
        .env_clear()
        .envs(&environment.vars)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(server.as_bytes()).await {
            // It may answer without having read the question.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output().await
}

fn credential(answer: Answer) -> Option<Credential> {
    let secret = Secret::new(answer.secret.to_string());
    match answer.username.as_str() {
        _ if secret.expose().is_empty() => None,
        "<token>" => Some(Credential::IdentityToken { token: secret }),
        _ => Some(Credential::Password {
            username: answer.username,
            password: secret,
        }),
    }
}

fn contains(output: &[u8], sentence: &str) -> bool {
    String::from_utf8_lossy(output)
        .to_lowercase()
        .contains(sentence)
}
