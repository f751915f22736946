//! What would happen, one line a thing.

use spin_deployer_hippo::{App, Edits, Revision, Survey, Wanted};
use spin_deployer_sdk::{Action, Change};

/// What a deploy changes on Hippo.
pub(crate) fn changes(wanted: &Wanted, survey: &Survey) -> Vec<Change> {
    let mut changes = vec![
        match survey.app {
            Some(_) => Change::new(Action::Keep, "app", &wanted.app),
            None => Change::new(Action::Create, "app", &wanted.app),
        },
        match survey.revision {
            Some(_) => Change::new(Action::Keep, "revision", &wanted.version),
            None => Change::new(Action::Create, "revision", &wanted.version),
        },
    ];
    let channel = |action| Change::new(action, "channel", &wanted.channel);
    let Some(edits) = survey.edits(wanted) else {
        changes.push(channel(Action::Create).detail(format!("runs {}", wanted.version)));
        return changes;
    };
    let said = differences(wanted, survey, edits);
    if said.is_empty() && !edits.stopped && !edits.unstarted {
        changes.push(channel(Action::Keep).detail(format!("runs {}", wanted.version)));
        return changes;
    }
    if !survey.in_place {
        let why = match said.is_empty() {
            true => "it was made and perhaps not started".to_owned(),
            false => said.join(", "),
        };
        changes.push(channel(Action::Update).detail(format!("removed and made anew: {why}")));
    } else if !said.is_empty() {
        changes.push(channel(Action::Update).detail(said.join(", ")));
    }
    if survey.in_place {
        let state = match survey.status {
            _ if edits.unstarted => Some("it was changed and not started since".to_owned()),
            Some(status) => Some(format!("it is {status}")),
            None => None,
        };
        let start = Change::new(Action::Update, "start", &wanted.channel);
        changes.push(match state {
            Some(state) if said.is_empty() => start.detail(state),
            _ => start,
        });
    }
    changes
}

/// What removing the app removes, and what it leaves.
pub(crate) fn removal(app: &App, revisions: &[Revision]) -> Vec<Change> {
    let channels = app
        .channels
        .iter()
        .map(|channel| ("channel", &channel.name));
    let revisions = revisions
        .iter()
        .map(|revision| ("revision", &revision.revision_number));
    let mut changes: Vec<Change> = channels
        .chain(revisions)
        .chain([("app", &app.name)])
        .map(|(kind, name)| Change::new(Action::Delete, kind, name))
        .collect();
    let bindle = app.storage_id.as_ref().unwrap_or(&app.name);
    let stays = "all versions stay on the Bindle server, which removes nothing";
    changes.push(Change::new(Action::Keep, "bindle", bindle).detail(stays));
    changes
}

fn differences(wanted: &Wanted, survey: &Survey, edits: Edits) -> Vec<String> {
    let active = survey
        .channel
        .as_ref()
        .and_then(|channel| channel.active_revision.as_ref());
    let from = active.map_or("nothing", |active| active.revision_number.as_str());
    let said = [
        (
            edits.revision,
            match from == wanted.version {
                true => format!("{from} and no other by itself"),
                false => format!("{from} -> {}", wanted.version),
            },
        ),
        (edits.environment, "environment".to_owned()),
        (
            edits.domain,
            format!("domain {}", wanted.domain.as_deref().unwrap_or_default()),
        ),
        (edits.certificate, "certificate".to_owned()),
    ];
    said.into_iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, said)| said)
        .collect()
}

#[cfg(test)]
mod tests {
    use spin_deployer_hippo::Status;

    use super::*;

    fn shop() -> Wanted {
        Wanted {
            app: "shop".into(),
            storage_id: "shop".into(),
            version: "1.1.0".into(),
            channel: "spin-deploy".into(),
            environment: Vec::new(),
            domain: None,
            certificate: None,
        }
    }

    fn lines(survey: &Survey) -> Vec<String> {
        let changes = changes(&shop(), survey).into_iter();
        changes
            .map(|c| {
                format!("{:?} {} {}", c.action, c.kind, c.detail.unwrap_or_default()).to_lowercase()
            })
            .map(|line| line.replace("action::", ""))
            .collect()
    }

    /// A channel that runs `number`.
    fn survey(number: &str, status: Status) -> Survey {
        let id = number.replace('.', "-");
        let revision = format!(r#"{{"id":"{id}","appId":"a","revisionNumber":"{number}"}}"#);
        let channel = format!(
            r#"{{"id":"c","appId":"a","name":"spin-deploy","domain":"d.test","activeRevision":{revision},
                "revisionSelectionStrategy":"UseSpecifiedRevision"}}"#
        );
        Survey {
            app: serde_json::from_str(r#"{"id":"a","name":"shop"}"#).ok(),
            revision: (number == "1.1.0")
                .then(|| serde_json::from_str(&revision).ok())
                .flatten(),
            channel: serde_json::from_str(&channel).ok(),
            status: Some(status),
            in_place: true,
            ..Survey::default()
        }
    }

    #[test]
    fn a_plan_has_a_line_for_each_thing() {
        let nothing = lines(&Survey::default());
        assert_eq!(
            nothing,
            [
                "create app ",
                "create revision ",
                "create channel runs 1.1.0"
            ]
        );
        let other = lines(&survey("1.0.0", Status::Running));
        let update = [
            "keep app ",
            "create revision ",
            "update channel 1.0.0 -> 1.1.0",
            "update start ",
        ];
        assert_eq!(other, update);
        let stopped = lines(&survey("1.1.0", Status::Dead));
        assert_eq!(
            stopped,
            ["keep app ", "keep revision ", "update start it is dead"]
        );
        let same = lines(&survey("1.1.0", Status::Running));
        assert_eq!(
            same,
            ["keep app ", "keep revision ", "keep channel runs 1.1.0"]
        );
        let mut old = survey("1.0.0", Status::Running);
        (old.in_place, old.status) = (false, None);
        assert_eq!(
            lines(&old)[2],
            "update channel removed and made anew: 1.0.0 -> 1.1.0"
        );
    }

    /// A range rule on a channel with a fixed revision: a mark, or what another client left where there are none.
    #[test]
    fn a_channel_that_was_not_started_has_a_line() {
        let mut marked = survey("1.1.0", Status::Running);
        marked.marks = true;
        let channel = marked.channel.as_mut().expect("a channel");
        channel.range_rule = Some("1.1.0".to_owned());
        assert_eq!(
            lines(&marked)[2..],
            ["update start it was changed and not started since"]
        );
        (marked.in_place, marked.status) = (false, None);
        assert_eq!(
            lines(&marked)[2..],
            ["update channel removed and made anew: it was made and perhaps not started"]
        );
        marked.marks = false;
        assert_eq!(lines(&marked)[2..], ["keep channel runs 1.1.0"]);
    }

    #[test]
    fn a_removal_says_what_stays() {
        let app = r#"{"id":"a","name":"shop","storageId":"shop","channels":[{"id":"c","name":"spin-deploy"}]}"#;
        let app: App = serde_json::from_str(app).expect("an app");
        let kinds: Vec<(Action, String)> = removal(&app, &[])
            .into_iter()
            .map(|change| (change.action, change.kind))
            .collect();
        let expected = [
            (Action::Delete, "channel"),
            (Action::Delete, "app"),
            (Action::Keep, "bindle"),
        ];
        assert_eq!(
            kinds,
            expected.map(|(action, kind)| (action, kind.to_owned()))
        );
    }
}
