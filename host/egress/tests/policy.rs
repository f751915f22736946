//! A policy is asked before everything that goes out, whoever announced the place.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use http::Method;
use spin_deployer_egress::*;
use spin_deployer_grants::{Grant, Phase, Policies};
use spin_deployer_manifest::Origin;

const FILE: &str = "/etc/spin-deployer/policy.toml";

fn only(server: &Server, methods: &str) -> Policies {
    let origin: Origin = server.url("").parse().unwrap();
    let text = format!("schema = 1\nhttp = {{ to = [\"{origin}\"], methods = {methods} }}");
    Policies::default().with(FILE, text.parse().unwrap())
}

fn run_under(registry: &Server, policies: &Policies) -> Run {
    let options = [("reference", registry.url("/acme/shop:v1"))];
    let grant = grant_under(REGISTRY, &options, policies);
    run_with(direct(), grant, Phase::Deploy, Limits::default())
}

#[track_caller]
fn refused_by_policy(line: &RefusalLine, to_add: &str) {
    assert!(
        line.reason
            .starts_with(&format!("the policy {FILE} lets no")),
        "{line}"
    );
    let suggestion = line.suggestion.as_deref().unwrap_or_default();
    assert!(
        suggestion.starts_with("# only an administrator can") && suggestion.ends_with(to_add),
        "{suggestion}"
    );
}

#[tokio::test]
async fn a_registry_leads_nowhere_where_the_policy_does_not_lead() {
    let elsewhere = Server::start(ok).await;
    let (upload, realm) = (elsewhere.url("/up/1"), elsewhere.url("/token"));
    let registry = Server::start(move |seen| match seen.method.as_str() {
        "POST" => answer(&format!("202 Accepted\nlocation: {upload}"), ""),
        _ => answer(
            &format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}\",service=\"r\""),
            "",
        ),
    })
    .await;
    let run = run_under(&registry, &only(&registry, "[\"GET\", \"POST\", \"PUT\"]"));
    let uploads = registry.url("/v2/acme/shop/blobs/uploads/");
    run.send(request(Method::POST, &uploads, &[], ""))
        .await
        .unwrap();
    run.get(&registry.url("/v2/")).await.unwrap();
    let entry = format!("\"{}\",", elsewhere.url("").trim_end_matches('/'));
    let put = request(Method::PUT, &elsewhere.url("/up/1"), &[], "blob");
    refused_by_policy(&refused(run.send(put).await), &entry);
    refused_by_policy(
        &refused(run.get(&elsewhere.url("/token?service=r")).await),
        &entry,
    );
    // Nobody announced this one, so that no line of a policy would help.
    let line = refused(run.get(&elsewhere.url("/other")).await);
    assert!(
        line.reason.contains(FILE) && line.suggestion.is_none(),
        "{line}"
    );
    assert_eq!(elsewhere.connections(), 0);
    // Without the policy both go out.
    let run = run_under(&registry, &Policies::default());
    run.send(request(Method::POST, &uploads, &[], ""))
        .await
        .unwrap();
    run.get(&elsewhere.url("/up/1")).await.unwrap();
}

#[tokio::test]
async fn an_upload_goes_on_by_no_method_that_the_policy_does_not_have() {
    let storage = Server::start(ok).await;
    let upload = storage.url("/up/1");
    let registry =
        Server::start(move |_| answer(&format!("202 Accepted\nlocation: {upload}"), "")).await;
    let text = "schema = 1\nhttp.methods = [\"POST\", \"PATCH\"]"
        .parse()
        .unwrap();
    let run = run_under(&registry, &Policies::default().with(FILE, text));
    let uploads = registry.url("/v2/acme/shop/blobs/uploads/");
    run.send(request(Method::POST, &uploads, &[], ""))
        .await
        .unwrap();
    let put = request(Method::PUT, &storage.url("/up/1"), &[], "blob");
    refused_by_policy(&refused(run.send(put).await), "\"PUT\",");
    let patch = request(Method::PATCH, &storage.url("/up/1"), &[], "blob");
    run.send(patch).await.unwrap();
    assert_eq!(storage.connections(), 1);
}

#[tokio::test]
async fn loading_and_probes_stay_where_the_policy_leads() {
    let (last, other) = (Server::start(ok).await, Server::start(ok).await);
    let to = last.url("/b");
    let first = Server::start(move |_| answer(&format!("302 Found\nlocation: {to}"), "")).await;
    let origin: Origin = first.url("").parse().unwrap();
    let grant = Grant::loading(origin.clone(), &[origin.host], &only(&first, "[\"GET\"]"));
    let run = run_with(direct(), grant, Phase::Load, Limits::default());
    run.get(&first.url("/a")).await.unwrap();
    let entry = format!("\"{}\",", last.url("").trim_end_matches('/'));
    refused_by_policy(&refused(run.get(&last.url("/b")).await), &entry);

    let options = [("reference", other.url("/acme/shop:v1"))];
    let grant = grant_under(REGISTRY, &options, &only(&first, "[\"GET\"]"));
    let probes = grant.only_reading();
    let run = run_with(direct(), probes, Phase::Status, Limits::default());
    let entry = format!("\"{}\",", other.url("").trim_end_matches('/'));
    refused_by_policy(&refused(run.get(&other.url("/v2/")).await), &entry);
    assert_eq!((last.connections(), other.connections()), (0, 0));
}
