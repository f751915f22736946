//! A release from nothing, the ones after it, and what is left alone.

use serde_json::json;
use spin_deployer_hippo::{Edits, Error, Released, Status, Wanted};

use crate::runner::run;
use crate::server::{Api, Doubt, Server, shop};

fn deploy(server: &Server, version: &str) -> Result<Released, Error> {
    let hippo = server.user();
    let wanted = shop(version);
    run(async {
        hippo.survey(&wanted).await?;
        hippo.release(&wanted, |_| {}).await
    })
}

#[test]
fn the_first_release_makes_an_app_a_revision_and_a_channel() {
    let server = Server::new(Api::Plural);
    let released = deploy(&server, "1.0.0+q1").unwrap();
    assert_eq!(released.revision.revision_number, "1.0.0+q1");
    assert_eq!(released.channel.domain, "spin-deploy.shop.hippofactory.io");
    assert_eq!(released.status, Some(Status::Running));
    server.is_tidy("1.0.0+q1");
    assert_eq!(server.job().1, 1);
    let made = [
        "POST /base/api/apps",
        "POST /base/api/revisions",
        "POST /base/api/channels",
    ];
    assert_eq!(server.writes(), made);
}

#[test]
fn what_hippo_imported_is_not_registered_again() {
    let server = Server::new(Api::Plural);
    server
        .imports
        .replace(vec!["0.9.0".into(), "1.0.0+q1".into()]);
    deploy(&server, "1.0.0+q1").unwrap();
    server.is_tidy("1.0.0+q1");
    assert_eq!(
        server.writes(),
        ["POST /base/api/apps", "POST /base/api/channels"]
    );
}

#[test]
fn every_release_after_that_starts_the_app_once() {
    let server = Server::new(Api::Plural);
    for (starts, version) in ["1.0.0+q1", "1.0.0+q2", "1.0.0+q3", "1.0.1+q4"]
        .into_iter()
        .enumerate()
    {
        deploy(&server, version).unwrap();
        server.is_tidy(version);
        assert_eq!(server.job().1, starts + 1);
    }
    assert_eq!(server.revisions.borrow().len(), 4);
}

#[test]
fn a_server_that_starts_what_is_patched_is_fine_too() {
    let server = Server::new(Api::Plural);
    server.doubts.replace(vec![Doubt::PatchStarts]);
    for version in ["1.0.0+q1", "1.0.0+q2", "1.0.0+q3"] {
        deploy(&server, version).unwrap();
        server.is_tidy(version);
    }
}

#[test]
fn an_app_that_did_not_change_is_left_alone() {
    let server = Server::new(Api::Plural);
    deploy(&server, "1.0.0+q1").unwrap();
    server.forget_requests();
    let again = deploy(&server, "1.0.0+q1").unwrap();
    assert_eq!(again.status, Some(Status::Running));
    assert!(server.writes().is_empty(), "{:?}", server.writes());
    let hippo = server.user();
    let survey = run(hippo.survey(&shop("1.0.0+q1"))).unwrap();
    let wanted = shop("1.0.0+q1");
    assert!(survey.edits(&wanted).unwrap().is_nothing());
    let released = survey.released(&wanted).unwrap();
    assert_eq!(released.revision.revision_number, "1.0.0+q1");
    server.jobs.borrow_mut().clear();
    let survey = run(hippo.survey(&wanted)).unwrap();
    assert!(survey.released(&wanted).is_none());
}

#[test]
fn a_channel_that_does_not_run_is_started() {
    let server = Server::new(Api::Plural);
    deploy(&server, "1.0.0+q1").unwrap();
    server.jobs.borrow_mut().clear();
    server.forget_requests();
    deploy(&server, "1.0.0+q1").unwrap();
    assert_eq!(server.writes().len(), 1, "{:?}", server.writes());
    let starts = |write: &String| write.ends_with("/desired-status");
    assert!(server.writes().iter().all(starts));
    server.is_tidy("1.0.0+q1");
}

#[test]
fn a_channel_with_a_rule_is_given_a_revision() {
    let server = Server::new(Api::Plural);
    deploy(&server, "1.0.0+q1").unwrap();
    {
        let mut channels = server.channels.borrow_mut();
        channels[0].specified = false;
        channels[0].range_rule = Some("*".into());
    }
    deploy(&server, "1.0.0+q1").unwrap();
    assert!(server.channels.borrow()[0].specified);
    server.is_tidy("1.0.0+q1");
}

#[test]
fn only_what_differs_is_patched_and_the_environment_is_replaced_whole() {
    let server = Server::new(Api::Plural);
    server
        .certificates
        .borrow_mut()
        .push(("cert-1".into(), "shop-cert".into()));
    deploy(&server, "1.0.0+q1").unwrap();
    server.channels.borrow_mut()[0].environment = vec![("OLD".into(), "x".into())];
    server.forget_requests();
    let mut wanted = shop("1.0.0+q1");
    wanted.environment = vec![("B".into(), "2".into()), ("A".into(), "1".into())];
    wanted.domain = Some("shop.example.com".into());
    wanted.certificate = Some("shop-cert".into());
    let hippo = server.user();
    let survey = run(hippo.survey(&wanted)).unwrap();
    let edits = Edits {
        environment: true,
        domain: true,
        certificate: true,
        ..Edits::default()
    };
    assert_eq!(survey.edits(&wanted), Some(edits));
    assert!(server.writes().is_empty());
    run(hippo.release(&wanted, |_| {})).unwrap();
    let bodies = server.bodies.borrow();
    let patch = bodies
        .iter()
        .find(|body| body.get("domain").is_some())
        .unwrap();
    let variables = json!([{ "key": "B", "value": "2" }, { "key": "A", "value": "1" }]);
    assert_eq!(
        *patch,
        json!({
            "environmentVariables": variables,
            "domain": "shop.example.com",
            "certificateId": "cert-1",
            "rangeRule": "1.0.0+q1",
        })
    );
    drop(bodies);
    assert_eq!(server.channels.borrow()[0].environment.len(), 2);
    assert_eq!(server.job().1, 2);
    server.forget_requests();
    run(hippo.release(&wanted, |_| {})).unwrap();
    assert!(server.writes().is_empty());
}

#[test]
fn a_new_channel_gets_its_environment_and_runs_with_it() {
    let server = Server::new(Api::Plural);
    let mut wanted = shop("1.0.0+q1");
    wanted.environment = vec![("A".into(), "1".into())];
    wanted.domain = Some("shop.example.com".into());
    let hippo = server.user();
    let released = run(hippo.release(&wanted, |_| {})).unwrap();
    assert_eq!(released.channel.domain, "shop.example.com");
    assert_eq!(
        server.channels.borrow()[0].environment,
        [("A".into(), "1".into())]
    );
    assert_eq!(server.job().1, 2);
    server.is_tidy("1.0.0+q1");
}

#[test]
fn a_certificate_that_is_not_there_stops_everything() {
    let server = Server::new(Api::Plural);
    server
        .certificates
        .borrow_mut()
        .push(("cert-1".into(), "other".into()));
    let mut wanted = shop("1.0.0");
    wanted.certificate = Some("shop-cert".into());
    let error = run(server.user().survey(&wanted)).unwrap_err();
    assert!(matches!(error, Error::NoCertificate { known, .. } if known == ["other"]));
    assert!(server.writes().is_empty());
}

#[test]
fn a_server_that_is_not_well_is_not_written_to() {
    let server = Server::new(Api::Plural);
    server.nomad.set(false);
    let error = deploy(&server, "1.0.0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Hippo says that Nomad is not healthy: Connection refused"
    );
    assert!(matches!(error, Error::Unhealthy(_)));
    assert_eq!(server.requests.borrow().len(), 1);
}

#[test]
fn an_app_of_another_bindle_is_not_touched() {
    let server = Server::new(Api::Plural);
    server.add_app("shop", "acme");
    let hippo = server.user();
    let errors = [
        deploy(&server, "1.0.0").unwrap_err(),
        run(hippo.removal("shop", "shop")).unwrap_err(),
        run(hippo.rollback(&shop("1.0.0"))).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::OtherBindle { theirs, .. } if theirs == "acme"));
    }
    assert!(server.writes().is_empty());
}

#[test]
fn a_bindle_that_hippo_does_not_see_is_said_so() {
    let server = Server::new(Api::Plural);
    server.seen_in_bindle.set(false);
    let error = deploy(&server, "1.0.0").unwrap_err();
    let Error::Invalid { problems, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(problems[0].property, "StorageId");
    assert!(server.apps.borrow().is_empty());
}

#[test]
fn an_earlier_revision_runs_again() {
    let server = Server::new(Api::Plural);
    deploy(&server, "1.0.0+q1").unwrap();
    deploy(&server, "1.1.0+q2").unwrap();
    let hippo = server.user();
    let released = run(hippo.rollback(&shop("1.0.0+q1"))).unwrap();
    assert_eq!(released.revision.revision_number, "1.0.0+q1");
    server.is_tidy("1.0.0+q1");
    let error = run(hippo.rollback(&shop("2.0.0"))).unwrap_err();
    assert!(matches!(error, Error::NoRevision { known, .. } if known == ["1.1.0+q2", "1.0.0+q1"]));
    let nothing = Wanted {
        app: "nothing".into(),
        ..shop("2.0.0")
    };
    let error = run(hippo.rollback(&nothing)).unwrap_err();
    assert!(matches!(error, Error::NoApp(_)));
}

#[test]
fn the_beginning_of_a_number_is_enough_where_it_begins_one_only() {
    let server = Server::new(Api::Plural);
    for version in ["0.1.0+q1a", "0.1.0+q2b", "0.10.0+q3c", "0.2.0-a.1+q4"] {
        deploy(&server, version).unwrap();
    }
    let hippo = server.user();
    let found = |id: &str| {
        let released = run(hippo.rollback(&shop(id)))?;
        Ok::<_, Error>(released.revision.revision_number)
    };
    for (id, number) in [
        ("0.10.0", "0.10.0+q3c"),
        ("0.10", "0.10.0+q3c"),
        ("0.1.0+q1", "0.1.0+q1a"),
        ("0.2.0", "0.2.0-a.1+q4"),
        ("0.2.0-a", "0.2.0-a.1+q4"),
    ] {
        assert_eq!(found(id).unwrap(), number, "{id}");
        server.is_tidy(number);
    }
    for id in ["0.1.0", "0.1", "0"] {
        let error = found(id).unwrap_err();
        assert!(
            matches!(&error, Error::Ambiguous { matching, .. } if matching.len() > 1),
            "{id}: {error}"
        );
    }
    for id in ["", "0.1.", "0.1.0-", "0.2.0-a.1+q5", "0.10.00", "q1a"] {
        let error = found(id).unwrap_err();
        assert!(matches!(error, Error::NoRevision { .. }), "{id}: {error}");
    }
    server.is_tidy("0.2.0-a.1+q4");
}

#[test]
fn a_change_that_fails_inside_is_no_complaint_about_what_was_left_out() {
    for doubts in [vec![], vec![Doubt::PatchFailsAs400]] {
        let server = Server::new(Api::Plural);
        deploy(&server, "1.0.0+q1").unwrap();
        server.doubts.replace(doubts);
        server.full.set(true);
        let error = deploy(&server, "1.0.0+q2").unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        server.full.set(false);
        deploy(&server, "1.0.0+q2").unwrap();
        server.is_tidy("1.0.0+q2");
    }
}

#[test]
fn a_bindle_that_hippo_could_not_read_comes_last() {
    let server = Server::new(Api::Plural);
    deploy(&server, "1.0.0+q1").unwrap();
    let app = server.apps.borrow()[0].id.clone();
    server.add_revision(&app, "1.1.0+q2");
    server.add_revision(&app, "1.1.0+q3");
    server.unread.replace(vec!["1.1.0+q3".into()]);
    let numbers = || {
        let history = run(server.user().history("shop", "spin-deploy"));
        let revisions = history.unwrap().unwrap().revisions.into_iter();
        revisions.map(|it| it.revision_number).collect::<Vec<_>>()
    };
    assert_eq!(numbers(), ["1.1.0+q2", "1.0.0+q1", "1.1.0+q3"]);
    // What runs stays where it is.
    deploy(&server, "1.1.0+q3").unwrap();
    assert_eq!(numbers(), ["1.1.0+q3", "1.1.0+q2", "1.0.0+q1"]);
}

#[test]
fn history_is_that_of_the_app_newest_first() {
    let server = Server::new(Api::Plural);
    let other = server.add_app("other", "other");
    server.add_revision(&other, "7.0.0");
    deploy(&server, "1.0.0+q1").unwrap();
    deploy(&server, "1.1.0+q2").unwrap();
    let hippo = server.user();
    let history = run(hippo.history("shop", "spin-deploy")).unwrap().unwrap();
    let numbers = history.revisions.iter().map(|r| r.revision_number.as_str());
    assert_eq!(numbers.collect::<Vec<_>>(), ["1.1.0+q2", "1.0.0+q1"]);
    let active = history.channel.unwrap().active_revision.unwrap();
    assert_eq!(active.revision_number, "1.1.0+q2");
    assert_eq!(history.status, Some(Status::Running));
    let elsewhere = run(hippo.history("shop", "other")).unwrap().unwrap();
    assert!(elsewhere.channel.is_none());
    assert!(
        run(hippo.history("absent", "spin-deploy"))
            .unwrap()
            .is_none()
    );
}

#[test]
fn an_app_is_removed_with_what_belongs_to_it() {
    let server = Server::new(Api::Plural);
    deploy(&server, "1.0.0+q1").unwrap();
    let hippo = server.user();
    let (app, revisions) = run(hippo.removal("shop", "shop")).unwrap().unwrap();
    assert_eq!((app.channels.len(), revisions.len()), (1, 1));
    // Nomad goes first, and without it nothing goes.
    server.nomad.set(false);
    let error = run(hippo.destroy(&app)).unwrap_err();
    let error = run(hippo.diagnosed(error));
    assert!(
        matches!(&error, Error::Broken { health: Some(health), .. } if health.ailing == ["Nomad"])
    );
    assert_eq!(server.apps.borrow().len(), 1);
    server.nomad.set(true);
    run(hippo.destroy(&app)).unwrap();
    assert!(server.apps.borrow().is_empty());
    assert!(run(hippo.removal("shop", "shop")).unwrap().is_none());
    // Somebody else was faster.
    run(hippo.destroy(&app)).unwrap();
}
