//! The binary at a terminal, and somebody who answers its questions.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::DEADLINE;
use super::run::{Finished, Machine, collect};

/// Standard input and error are a terminal, standard output is not.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    pieces: mpsc::Receiver<Vec<u8>>,
    shown: Vec<u8>,
    /// How much of it was waited for.
    read: usize,
    stdout: mpsc::Receiver<String>,
    started: Instant,
}

impl Terminal {
    pub(crate) fn start(machine: &Machine, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let slave = rustix::fs::open(&name, flags, Mode::empty()).unwrap();
        let stdio = |slave: &OwnedFd| Stdio::from(slave.try_clone().unwrap());
        let mut command = machine.command(arguments);
        command.stdin(stdio(&slave)).stderr(stdio(&slave));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        // From now on the terminal ends where the binary does.
        drop((command, slave));
        let master = File::from(master);
        Self {
            stdout: collect(child.stdout.take().unwrap()),
            pieces: pieces(master.try_clone().unwrap()),
            child,
            master,
            shown: Vec::new(),
            read: 0,
            started: Instant::now(),
        }
    }

    /// Waits until this is shown, after what was waited for before.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        loop {
            let new = String::from_utf8_lossy(&self.shown[self.read..]).into_owned();
            if let Some(at) = new.find(text) {
                self.read += at + text.len();
                return;
            }
            match self.pieces.recv_timeout(self.left()) {
                Ok(piece) => self.shown.extend(piece),
                Err(why) => panic!("{why}: no {text:?} in\n{}", self.all()),
            }
        }
    }

    /// Types a line where this is asked.
    #[track_caller]
    pub(crate) fn answers(&mut self, question: &str, line: &str) {
        self.shows(question);
        writeln!(self.master, "{line}").unwrap();
    }

    /// The same where nothing of it may be shown: once the terminal repeats nothing any more.
    #[track_caller]
    pub(crate) fn answers_secretly(&mut self, question: &str, line: &str) {
        self.shows(question);
        let repeats = |terminal: &File| {
            let modes = tcgetattr(terminal).unwrap().local_modes;
            modes.contains(LocalModes::ECHO)
        };
        while repeats(&self.master) {
            assert!(
                !self.left().is_zero(),
                "what is typed is shown\n{}",
                self.all()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        writeln!(self.master, "{line}").unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn finish(mut self) -> Finished {
        loop {
            match self.pieces.recv_timeout(self.left()) {
                Ok(piece) => self.shown.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end\n{}", self.all()),
            }
        }
        Finished {
            stdout: self.stdout.recv_timeout(self.left()).unwrap(),
            status: self.child.wait().unwrap(),
            stderr: self.all(),
        }
    }

    fn all(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    fn left(&self) -> Duration {
        DEADLINE.saturating_sub(self.started.elapsed())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where it has ended there is nothing to kill, and nothing to do about it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What is written to a terminal; ends when nobody has it open any more.
fn pieces(mut master: File) -> mpsc::Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // The end of a terminal is an error of reading it.
        while let Ok(length @ 1..) = master.read(&mut buffer) {
            if tell.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    told
}
