//! What happens while a command runs, on standard error.
//!
//! On a terminal the running steps stand below, with a bar where bytes are expected, and scroll up as a line when they
//! end. Without one there is a plain line a step, when it has ended.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use spin_deployer_deploy::{Event, Observer};
use spin_deployer_manifest::OptionSpec;

use super::step::{Step, spinner};
use super::{errors, escape, prompt};

/// How much of it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawing {
    /// Lines that change in place.
    Bars,
    /// One line a step.
    Lines,
    /// Nothing but what the user must read.
    Nothing,
}

/// More steps than this at once get no line of their own: how many there are is up to the plugin.
const MOST_LINES: usize = 8;
/// Lines that stay and that the plugin caused. It may make steps without end, and a runner keeps every line.
const MOST_TOLD: usize = 1000;
const REDRAW: Duration = Duration::from_millis(100);

/// Shows events and asks for options.
pub(crate) struct Progress {
    drawing: Drawing,
    verbose: bool,
    interactive: bool,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    steps: BTreeMap<u32, Step>,
    /// The line for what the host does itself: compiling, waiting.
    host: Option<ProgressBar>,
    /// What the plugin wrote to standard error, for the case that it crashed.
    stderr: String,
    /// Lines that the plugin caused.
    told: usize,
}

impl Progress {
    pub(crate) fn new(drawing: Drawing, verbose: bool, interactive: bool) -> Self {
        let target = match drawing {
            Drawing::Bars => ProgressDrawTarget::stderr(),
            Drawing::Lines | Drawing::Nothing => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        Self {
            drawing,
            verbose,
            interactive,
            bars,
            state: Mutex::default(),
        }
    }

    /// Writes above what is drawn. Text that is not ours is escaped by now.
    pub(crate) fn say(&self, text: &str) {
        // Nobody is left to be told when standard error is gone.
        self.bars
            .suspend(|| drop(std::io::stderr().write_all(text.as_bytes())));
    }

    /// Writes a line that the plugin caused, unless there were too many.
    fn tell(&self, line: &str) {
        let told = {
            let mut state = self.state();
            state.told += 1;
            state.told
        };
        if told <= MOST_TOLD {
            self.say(line);
        } else if told == MOST_TOLD + 1 {
            self.say(&format!(
                "the plugin has more to tell than {MOST_TOLD} lines, and the rest is not shown\n"
            ));
        }
    }

    /// Takes away what is drawn, and draws no more.
    pub(crate) fn clear(&self) {
        let _ = self.bars.clear();
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// The end of what the plugin wrote to standard error, escaped, if it was not shown yet.
    pub(crate) fn last_words(&self) -> Option<String> {
        const LINES: usize = 20;
        let stderr = std::mem::take(&mut self.state().stderr);
        let lines: Vec<&str> = stderr.trim_end().lines().collect();
        (!lines.is_empty()).then(|| quoted(&lines[lines.len().saturating_sub(LINES)..]))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line without bytes, for the host's own doing.
    fn host_line(&self, text: &str) {
        match self.drawing {
            Drawing::Bars => {
                let bar = self
                    .bars
                    .add(ProgressBar::new_spinner().with_style(spinner()));
                bar.set_message(text.to_owned());
                bar.enable_steady_tick(REDRAW);
                if let Some(old) = self.state().host.replace(bar) {
                    old.finish_and_clear();
                }
            }
            Drawing::Lines => self.say(&format!("{text}\n")),
            Drawing::Nothing => {}
        }
    }

    fn host_line_ends(&self) {
        if let Some(bar) = self.state().host.take() {
            bar.finish_and_clear();
        }
    }

    fn start(&self, id: u32, label: &str) {
        self.host_line_ends();
        let mut state = self.state();
        let bar = if self.drawing == Drawing::Bars && state.steps.len() < MOST_LINES {
            let bar = self
                .bars
                .add(ProgressBar::new_spinner().with_style(spinner()));
            bar.enable_steady_tick(REDRAW);
            bar
        } else {
            ProgressBar::hidden()
        };
        let step = Step {
            label: escape::line(label).into_owned(),
            detail: String::new(),
            expected: 0,
            sent: 0,
            skipped: 0,
            began: Instant::now(),
            bar,
        };
        step.redraw();
        state.steps.insert(id, step);
    }

    fn change(&self, id: u32, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.state().steps.get_mut(&id) {
            change(step);
            step.redraw();
        }
    }

    fn transferred(&self, bytes: u64) {
        let mut left = bytes;
        // Events do not say for which step: the oldest that still expects bytes has them.
        for step in self.state().steps.values_mut() {
            let part = left.min(step.expected - step.sent);
            if part > 0 {
                step.sent += part;
                left -= part;
                step.redraw();
            }
        }
    }

    fn end(&self, id: u32, text: Option<&str>, failed: bool) {
        // By itself, so that the state is free for the line that is told.
        let step = self.state().steps.remove(&id);
        let Some(step) = step else {
            return;
        };
        step.bar.finish_and_clear();
        let line = step.ended(text, failed);
        match self.drawing {
            Drawing::Bars if failed => {
                self.tell(&format!(
                    "{} {line}\n",
                    Style::new().for_stderr().red().apply_to('✗')
                ));
            }
            Drawing::Bars => {
                let took = format!("{:.1} s", step.began.elapsed().as_secs_f64());
                self.tell(&format!(
                    "{} {line} {}\n",
                    Style::new().for_stderr().green().apply_to('✓'),
                    Style::new().for_stderr().dim().apply_to(took)
                ));
            }
            Drawing::Lines => self.tell(&format!("{line}\n")),
            Drawing::Nothing => {}
        }
    }

    fn output(&self, stdout: &str, stderr: String) {
        if self.verbose {
            for text in [stdout, &stderr] {
                let lines: Vec<&str> = text.lines().collect();
                self.say(&quoted(&lines));
            }
        } else {
            self.state().stderr = stderr;
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        match event {
            Event::Finding(finding) if self.drawing != Drawing::Nothing => {
                self.say(&errors::finding(&finding));
            }
            Event::Finding(_) => {}
            Event::Building { component, command } => {
                // No line that changes: the build writes to the same terminal.
                if self.drawing != Drawing::Nothing {
                    let command = escape::line(&command);
                    self.say(&match component {
                        Some(id) => format!("Build {}: {command}\n", escape::line(&id)),
                        None => format!("Build: {command}\n"),
                    });
                }
            }
            Event::Compiling { plugin } => {
                self.host_line(&format!("Compile plugin {}, once", escape::line(&plugin)));
            }
            Event::StepStarted { id, label } => self.start(id, &label),
            Event::StepDetail { id, text } => {
                self.change(id, |step| step.detail = escape::line(&text).into_owned());
            }
            Event::StepExpect { id, bytes } => {
                self.change(id, |step| {
                    step.expected = step.expected.saturating_add(bytes)
                });
            }
            Event::StepSkip { id, bytes } => {
                self.change(id, |step| step.skipped = step.skipped.saturating_add(bytes));
            }
            Event::StepDone { id, text } => self.end(id, text.as_deref(), false),
            Event::StepFailed { id } => self.end(id, None, true),
            Event::Transferred { bytes } => self.transferred(bytes),
            Event::DeviceCode { url, code } => self.tell(&format!(
                "Open {} and type the code {}\n",
                escape::line(&url),
                Style::new()
                    .for_stderr()
                    .bold()
                    .apply_to(escape::line(&code))
            )),
            Event::Refused(refused) => self.say(&errors::message(
                errors::Kind::Warning,
                &format!("the plugin {refused}"),
                None,
                refused.suggestion.as_deref(),
            )),
            Event::Consent { consent, agreed } => {
                // Who has agreed already and wants to read nothing that they need not.
                if !(agreed && self.drawing == Drawing::Nothing) {
                    self.host_line_ends();
                    self.say(&super::consent::consent(&consent));
                    if agreed {
                        self.say("Agreed to by --yes\n");
                    }
                }
            }
            Event::Locked(text) => {
                if self.drawing != Drawing::Nothing {
                    self.host_line_ends();
                    self.say(&format!("Lock {}\n", escape::line(&text)));
                }
            }
            Event::Note(text) => {
                self.say(&errors::message(errors::Kind::Warning, &text, None, None));
            }
            Event::Login(text) | Event::Asks(text) => {
                self.host_line_ends();
                self.say(&format!("{}\n", escape::line(&text)));
            }
            Event::Output { stdout, stderr } => self.output(&stdout, stderr),
            Event::Waiting { url } => {
                self.host_line(&format!("Wait until {} answers", escape::line(&url)));
            }
            Event::PluginStarted { after } => {
                self.host_line_ends();
                if self.verbose {
                    let after = after.as_secs_f64() * 1000.0;
                    self.say(&format!(
                        "first instruction of the plugin after {after:.1} ms\n"
                    ));
                }
            }
        }
    }

    fn can_ask(&self) -> bool {
        self.interactive
    }

    fn ask(&self, option: &OptionSpec) -> Option<String> {
        if !self.interactive {
            return None;
        }
        // Not within `suspend`: its lock would keep an interrupted command from its last words.
        self.host_line_ends();
        prompt::option(option)
    }

    fn confirm(&self, question: &str) -> bool {
        self.host_line_ends();
        self.interactive && prompt::confirm(question)
    }
}

/// The plugin's own lines, marked as such.
fn quoted(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| format!("  plugin | {}\n", escape::line(line)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(events: &[Event]) -> String {
        let progress = Progress::new(Drawing::Nothing, false, false);
        progress.event(Event::StepStarted {
            id: 7,
            label: "Push layers".into(),
        });
        for event in events {
            progress.event(event.clone());
        }
        let state = progress.state();
        state
            .steps
            .get(&7)
            .map(|s| s.ended(None, false))
            .unwrap_or_default()
    }

    #[test]
    fn a_step_says_what_was_sent_and_what_was_there() {
        let line = step(&[
            Event::StepExpect {
                id: 7,
                bytes: 2_000_000,
            },
            Event::StepSkip {
                id: 7,
                bytes: 500_000,
            },
            Event::Transferred { bytes: 1_500_000 },
            Event::Transferred { bytes: 500_000 },
        ]);
        assert_eq!(line, "Push layers: 2.00 MB, 500.00 kB skipped");
    }

    #[test]
    fn bytes_go_to_the_steps_that_expect_them() {
        let line = step(&[
            Event::StepStarted {
                id: 8,
                label: "Other".into(),
            },
            Event::StepExpect { id: 8, bytes: 10 },
            Event::Transferred { bytes: 4 },
        ]);
        assert_eq!(line, "Push layers");
    }

    #[test]
    fn a_plugin_that_counts_wrongly_breaks_nothing() {
        let line = step(&[
            Event::StepExpect {
                id: 7,
                bytes: u64::MAX,
            },
            Event::StepExpect {
                id: 7,
                bytes: u64::MAX,
            },
            Event::StepDone { id: 9, text: None },
            Event::Transferred { bytes: u64::MAX },
            Event::Transferred { bytes: u64::MAX },
        ]);
        assert!(line.starts_with("Push layers: "), "{line}");
    }

    #[test]
    fn a_label_cannot_draw() {
        let progress = Progress::new(Drawing::Nothing, false, false);
        progress.event(Event::StepStarted {
            id: 1,
            label: "\u{1b}[2JPush\n".into(),
        });
        assert_eq!(progress.state().steps[&1].label, "\\u{1b}[2JPush\\u{a}");
    }

    #[test]
    fn the_last_words_of_a_crashed_plugin_are_kept_once() {
        let progress = Progress::new(Drawing::Lines, false, false);
        let stderr = "panicked\u{7}\nat x".to_owned();
        progress.event(Event::Output {
            stdout: String::new(),
            stderr,
        });
        assert_eq!(
            progress.last_words().as_deref(),
            Some("  plugin | panicked\\u{7}\n  plugin | at x\n")
        );
        assert_eq!(progress.last_words(), None);
    }
}
