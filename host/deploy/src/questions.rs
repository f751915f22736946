//! Questions to the user, each asked once a command: where it logs in and then goes on, options are resolved again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use spin_deployer_manifest::{OptionKind, OptionName, OptionSpec};

use crate::{Event, Observer};

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
