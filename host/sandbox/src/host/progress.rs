//! `progress`: what the user watches.

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::spin_deployer::api::progress::{Host, HostStep};
use crate::error::Stop;
use crate::state::State;
use crate::{Progress, StepEvent};

/// The longest text of a step. In characters.
const LONGEST: usize = 500;

/// The contract's resource `step`. However it goes, dropping it before it is done shows it as failed: the plugin's own
/// drop, a trap, the end of the call.
#[allow(unreachable_pub)] // `bindgen!` names it in a public module.
pub struct Step {
    id: u32,
    progress: Arc<dyn Progress>,
    done: bool,
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.done {
            self.progress.step(self.id, StepEvent::Failed);
        }
    }
}

impl Host for State {
    fn device_code(&mut self, url: String, code: String) -> wasmtime::Result<()> {
        let (url, code) = (cut(url), cut(code));
        match self.progress.device_code(&url, &code) {
            true => Ok(()),
            false => Err(Stop::Refused(format!(
                "wants the user to log in at {url}, which is none of the places that it may talk to"
            ))
            .into()),
        }
    }
}

impl HostStep for State {
    fn new(&mut self, label: String) -> wasmtime::Result<Resource<Step>> {
        let id = self.step;
        self.step = id.wrapping_add(1);
        let step = self.table.push(Step {
            id,
            progress: self.progress.clone(),
            done: false,
        })?;
        self.progress.step(id, StepEvent::Started(cut(label)));
        Ok(step)
    }

    fn detail(&mut self, step: Resource<Step>, text: String) -> wasmtime::Result<()> {
        self.tell(&step, StepEvent::Detail(cut(text)))
    }

    fn expect(&mut self, step: Resource<Step>, bytes: u64) -> wasmtime::Result<()> {
        self.tell(&step, StepEvent::Expect(bytes))
    }

    fn skip(&mut self, step: Resource<Step>, bytes: u64) -> wasmtime::Result<()> {
        self.tell(&step, StepEvent::Skip(bytes))
    }

    fn done(&mut self, step: Resource<Step>, text: Option<String>) -> wasmtime::Result<()> {
        self.tell(&step, StepEvent::Done(text.map(cut)))?;
        self.table.get_mut(&step)?.done = true;
        Ok(())
    }

    fn drop(&mut self, step: Resource<Step>) -> wasmtime::Result<()> {
        self.table.delete(step)?;
        Ok(())
    }
}

impl State {
    /// What a step says after it is done is not heard.
    fn tell(&mut self, step: &Resource<Step>, event: StepEvent) -> wasmtime::Result<()> {
        let step = self.table.get(step)?;
        if !step.done {
            step.progress.step(step.id, event);
        }
        Ok(())
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}
