//! Questions to the user, each asked once a command: where it logs in and then goes on, options are resolved again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use spin_deployer_grants::Values;
use spin_deployer_manifest::{OptionKind, OptionName, OptionSpec};

use crate::logins::origins;
use crate::{Event, Observer, Target};

/// Says who asks for what one logs in with, and who gets it. The question itself is the manifest's `help`, which can say
/// anything; this is the host's.
pub(crate) fn announce(
    observer: &dyn Observer,
    target: &Target,
    values: &Values,
    option: &OptionSpec,
) {
    let secret = option.kind == OptionKind::Secret;
    if !observer.can_ask() || !(secret || option.login) {
        return;
    }
    let (name, plugin) = (&option.name, &target.manifest.name);
    let fate = if secret {
        let places = origins(target, values, name);
        let places: Vec<String> = places.into_iter().collect();
        match places.is_empty() {
            true => "may go nowhere".to_owned(),
            false => format!("goes to {}", places.join(", ")),
        }
    } else if option.kind == OptionKind::SigningKey {
        "signs".to_owned()
    } else {
        "is seen by it".to_owned()
    };
    let text = format!("--{name} is asked for by plugin `{plugin}`, and {fate}");
    observer.event(Event::Asks(text));
}

/// The observer, with a memory for answers. What one logs in with is not kept.
pub(crate) struct Questions {
    observer: Arc<dyn Observer>,
    answers: Mutex<BTreeMap<OptionName, String>>,
}

impl Questions {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self {
            observer,
            answers: Mutex::default(),
        }
    }
}

impl Observer for Questions {
    fn event(&self, event: Event) {
        self.observer.event(event);
    }

    fn can_ask(&self) -> bool {
        self.observer.can_ask()
    }

    fn confirm(&self, question: &str) -> bool {
        self.observer.confirm(question)
    }

    fn ask(&self, option: &OptionSpec) -> Option<String> {
        if option.login || option.kind == OptionKind::Secret {
            return self.observer.ask(option);
        }
        // Held while the user types: nothing else asks meanwhile.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(&option.name) {
            return Some(answer.clone());
        }
        let answer = self.observer.ask(option)?;
        answers.insert(option.name.clone(), answer.clone());
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use spin_deployer_grants::{Resolved, ValueSource};
    use spin_deployer_manifest::OptionValue;

    use super::*;
    use crate::resolution::Found;

    /// Somebody at a terminal, or nobody.
    struct Reader(bool, Mutex<Vec<String>>);

    impl Observer for Reader {
        fn event(&self, event: Event) {
            if let Event::Asks(text) = event {
                let mut read = self.1.lock().unwrap_or_else(PoisonError::into_inner);
                read.push(text);
            }
        }

        fn can_ask(&self) -> bool {
            self.0
        }
    }

    fn read(somebody: bool, named: bool) -> Vec<String> {
        let manifest = r#"
            name = "demo"
            version = "0.1.0"
            description = "d"
            options = [
                { name = "url", type = "url", help = "Where" },
                { name = "user", type = "text", login = true, help = "Your password at GitHub" },
                { name = "word", type = "secret", help = "Your password at GitHub" },
            ]
            http = [{ to = "{url}", methods = ["POST"], sends = ["word"], why = "log in" }]
        "#;
        let manifest: spin_deployer_manifest::Manifest =
            manifest.parse().unwrap_or_else(|e| panic!("{e}"));
        let mut values = Values::new();
        if named {
            let option = &manifest.options[0];
            let value = option.parse(&["https://demo.example.com/x".to_owned()]);
            let value: OptionValue = value.unwrap_or_else(|e| panic!("{e}"));
            let source = ValueSource::Flag;
            values.insert(option.name.clone(), Resolved { value, source });
        }
        let target = Target {
            manifest,
            ..Target::sample(
                "name = \"demo\"\nversion = \"0.1.0\"\ndescription = \"d\"",
                Found::File,
            )
        };
        let reader = Reader(somebody, Mutex::default());
        for option in &target.manifest.options {
            announce(&reader, &target, &values, option);
        }
        reader
            .1
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[test]
    fn who_asks_for_what_one_logs_in_with_and_who_gets_it() {
        let user = "--user is asked for by plugin `demo`, and is seen by it";
        let word = "--word is asked for by plugin `demo`, and";
        assert_eq!(
            read(true, true),
            [
                user.to_owned(),
                format!("{word} goes to https://demo.example.com")
            ]
        );
        assert_eq!(
            read(true, false),
            [user.to_owned(), format!("{word} may go nowhere")]
        );
        assert!(read(false, true).is_empty());
    }
}
