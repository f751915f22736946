//! What Hippo says about itself and what it depends on.
//!
//! A JSON document since 0.18, the word `Healthy` or `Unhealthy` before, and before 0.10 no answer at all.

use std::fmt;

use http::StatusCode;
use serde::Deserialize;
use spin_deployer_publish::quote;

/// That something is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What Hippo depends on that is not well, in Hippo's names: `Nomad`, `Bindle`. Empty where it does not say.
    pub ailing: Vec<String>,
    /// What it says about that, on one line; may be empty.
    pub said: String,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ailing[..] {
            // So do those before 0.18, and name nothing.
            [] if self.said.is_empty() => {
                return f.write_str(
                    "Hippo says that it is not healthy, and not what is: its Nomad or its Bindle server",
                );
            }
            [] => f.write_str("Hippo says that it is not healthy")?,
            ailing => {
                let verb = if ailing.len() == 1 { "is" } else { "are" };
                write!(
                    f,
                    "Hippo says that {} {verb} not healthy",
                    ailing.join(" and ")
                )?;
            }
        }
        if self.said.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.said)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(default)]
    service_name: Option<String>,
    status: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    subservices: Option<Vec<Service>>,
}

impl Service {
    fn is_unhealthy(&self) -> bool {
        self.status.eq_ignore_ascii_case("unhealthy")
    }

    fn ailing(&self, into: &mut Health) {
        let below: Vec<&Self> = self
            .subservices
            .iter()
            .flatten()
            .filter(|s| s.is_unhealthy())
            .collect();
        for service in &below {
            service.ailing(into);
        }
        // Whoever only repeats what is below says nothing.
        if below.is_empty() {
            into.ailing.push(
                self.service_name
                    .clone()
                    .map(|n| quote(&n))
                    .unwrap_or_default(),
            );
            if let Some(said) = self.description.as_deref().filter(|said| !said.is_empty()) {
                into.said = quote(said);
            }
        }
    }
}

/// What an answer to `/healthz` says: `None` where all is well, or where it says nothing.
pub(crate) fn read(status: StatusCode, body: &[u8]) -> Option<Health> {
    let mut health = Health {
        ailing: Vec::new(),
        said: String::new(),
    };
    if let Ok(service) = serde_json::from_slice::<Service>(body) {
        if !service.is_unhealthy() {
            return None;
        }
        // Hippo's own name tells nobody anything.
        if service
            .subservices
            .iter()
            .flatten()
            .any(Service::is_unhealthy)
        {
            service.ailing(&mut health);
            health.ailing.retain(|name| !name.is_empty());
            health.ailing.dedup();
        } else {
            health.said = service
                .description
                .map(|said| quote(&said))
                .unwrap_or_default();
        }
        return Some(health);
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.eq_ignore_ascii_case("unhealthy") {
        return Some(health);
    }
    if text.eq_ignore_ascii_case("healthy") {
        return None;
    }
    (status == StatusCode::SERVICE_UNAVAILABLE).then(|| {
        health.said = quote(text);
        health
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        200,
        r#"{"ServiceName":"Hippo","Description":"","Status":"Healthy","Subservices":[]}"#
    )]
    #[case(200, r#"{"ServiceName":"Hippo","Status":"Degraded","Subservices":[{"ServiceName":"Nomad","Status":"Degraded"}]}"#)]
    #[case(200, "Healthy")]
    #[case(200, "<html>a page for every path</html>")]
    #[case(404, "")]
    #[case(500, "")]
    fn what_is_well_or_silent_does_not_stop_anything(#[case] status: u16, #[case] body: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(read(status, body.as_bytes()), None);
    }

    #[test]
    fn what_ails_is_named() {
        let body = r#"{"ServiceName":"Hippo","Description":"","Status":"Unhealthy","Subservices":[
            {"ServiceName":"ApplicationDbContext","Status":"Healthy","Subservices":[]},
            {"ServiceName":"Bindle","Status":"Unhealthy","Description":null},
            {"ServiceName":"Nomad","Status":"Unhealthy","Description":"Connection refused"}]}"#;
        let health = read(StatusCode::SERVICE_UNAVAILABLE, body.as_bytes()).unwrap();
        assert_eq!(health.ailing, ["Bindle", "Nomad"]);
        assert_eq!(
            health.to_string(),
            "Hippo says that Bindle and Nomad are not healthy: Connection refused"
        );
    }

    #[rstest]
    #[case(503, "Unhealthy", "")]
    #[case(200, "Unhealthy", "")]
    #[case(503, "<b>maintenance</b>", "<b>maintenance</b>")]
    fn a_word_is_enough(#[case] status: u16, #[case] body: &str, #[case] said: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let health = read(status, body.as_bytes()).unwrap();
        assert!(health.ailing.is_empty());
        assert_eq!(health.said, said);
    }
}
