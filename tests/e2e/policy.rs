//! What an administrator does not allow does not happen, whoever wants it.

use serde_json::Value;

use crate::harness::app::App;
use crate::harness::proxy::Proxy;
use crate::harness::registry::Registry;
use crate::harness::run::Machine;

/// What the audit log has of one kind of event.
fn events(machine: &Machine, kind: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(machine.audit_log()).unwrap_or_default();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line["event"] == kind).collect()
}

/// A machine under this policy.
fn under(policy: &str) -> Machine {
    let mut machine = Machine::new();
    let path = machine.write("policy.toml", format!("schema = 1\n{policy}\n"));
    machine.set("SPIN_DEPLOYER_POLICY", path);
    machine
}

#[test]
fn a_registry_that_the_policy_does_not_name_hears_nothing() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let reference = format!("http://{}/shop:v1", proxy.address());
    let machine = under("http.to = [\"https://registry.example.com\"]");
    let refused = machine.push(App::small().path(), &reference, &[]).fails(5);
    refused
        .says("policy.toml lets nothing out to")
        .says("http.to");
    assert_eq!(proxy.connections(), 0);
    let requests = events(&machine, "request");
    assert!(!requests.is_empty() && requests.iter().all(|line| line["refused"].is_string()));
    let allowed = under(&format!("http.to = [\"http://{}\"]", proxy.address()));
    allowed.push(App::small().path(), &reference, &[]).ok();
}

#[test]
fn a_method_that_the_policy_does_not_name_does_not_go_out() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let reference = format!("http://{}/shop:v1", proxy.address());
    let machine = under("http.methods = [\"GET\", \"HEAD\"]");
    machine
        .push(App::small().path(), &reference, &[])
        .fails(5)
        .says("lets no POST out");
    assert!(proxy.requests().iter().all(|request| !request.writes()));
}

#[test]
fn a_plugin_that_the_policy_does_not_name_does_not_run_built_in_or_not() {
    let machine = under(&format!(
        "plugins.digests = [\"sha256:{}\"]",
        "0".repeat(64)
    ));
    let app = App::small();
    let line = [
        "deploy",
        "-f",
        app.path().to_str().unwrap(),
        "-t",
        "local",
        "--output",
        "json",
    ];
    let refused = machine.run(line).fails(5).says("does not let the plugin");
    let refused = refused.says("that is plugin `local` ");
    assert_eq!(refused.json()["error"]["code"], "denied");
    assert!(events(&machine, "call").is_empty());
    let run = &events(&machine, "run")[0];
    assert_eq!(
        (&run["command"], &run["target"]),
        (&"deploy".into(), &"local".into())
    );
    let file = run["policies"][0]["file"].as_str().unwrap();
    assert!(file.ends_with("policy.toml"), "{run}");
    let denied = events(&machine, "denied");
    assert_eq!(denied[0]["plugin"], "local");
    let digest = denied[0]["digest"].as_str().unwrap();
    assert!(!app.path().join(".deployer").exists());
    under(&format!("plugins.digests = [\"{digest}\"]"))
        .run(line)
        .ok();
}

#[test]
fn the_flag_cannot_widen_what_the_variable_narrows() {
    let machine = under("limits.memory = \"100KiB\"");
    let wide = machine.write("wide.toml", "schema = 1\nlimits.memory = \"1GiB\"\n");
    let (app, wide) = (App::small(), wide.to_str().unwrap().to_owned());
    let line = [
        "deploy",
        "-f",
        app.path().to_str().unwrap(),
        "--policy",
        &wide,
    ];
    // The default is lowered without a word, and what the plugin needs is more.
    machine.run(line).fails(70).says("memory limit of 100 KiB");
    let more = line.into_iter().chain(["--max-memory", "200KiB"]);
    machine
        .run(more)
        .fails(5)
        .says("policy.toml allows 100KiB for `memory`");
}

#[test]
fn an_app_that_is_too_large_is_not_deployed() {
    let machine = under("limits.app-size = \"1KiB\"");
    let app = App::small();
    let line = ["deploy", "-f", app.path().to_str().unwrap()];
    machine.run(line).fails(5).says("1KiB for `app-size`");
    assert!(!app.path().join(".deployer").exists());
}

#[test]
fn what_an_app_refers_to_is_under_the_policy_too() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let app = App::empty();
    let url = format!("http://{}/app.wasm", proxy.address());
    let manifest = format!(
        "spin_manifest_version = 2\n[application]\nname = \"far\"\n[[trigger.http]]\nroute = \"/...\"\n\
         component = \"main\"\n[component.main]\nsource = {{ url = \"{url}\", digest = \"sha256:{}\" }}\n",
        "0".repeat(64)
    );
    app.write("spin.toml", manifest);
    let line = ["inspect", "-f", app.path().to_str().unwrap()];
    under("http.to = []")
        .run(line)
        .fails(5)
        .says("policy.toml lets nothing out to");
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn nothing_runs_under_a_policy_that_is_not_understood() {
    let app = App::small();
    let line = ["deploy", "-f", app.path().to_str().unwrap()];
    under("limits.requsts = 1")
        .run(line)
        .fails(2)
        .says("is not valid")
        .says("requsts");
    let mut machine = Machine::new();
    machine.set("SPIN_DEPLOYER_POLICY", machine.home().join("absent.toml"));
    machine
        .run(line)
        .fails(2)
        .says("absent.toml cannot be read");
    assert!(!app.path().join(".deployer").exists());
}

/// On a disk that is full.
#[test]
fn nothing_runs_whose_lines_are_lost_where_the_policy_wants_them() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let reference = format!("http://{}/shop:v1", proxy.address());
    let app = App::small();
    let on_a_full_disk = |machine: &Machine| {
        std::os::unix::fs::symlink("/dev/full", machine.audit_log()).unwrap();
        machine.push(app.path(), &reference, &[])
    };
    let refused = on_a_full_disk(&under("require.audit-log = true")).fails(1);
    refused
        .says("the audit log cannot be written, and a policy requires it")
        .says("No space left");
    assert_eq!(proxy.connections(), 0);
    // Where nobody wants them it goes on.
    on_a_full_disk(&under("")).ok();
}
