//! A process that outlives the supervisor if that is killed, and then ends the program and all that it started: without
//! a supervisor their calls would fail for ever.
//!
//! They are known by their mount namespace, which nobody else is in.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, process, thread};

use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, setsid};

use super::sys;

/// How often those that were told to end are looked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// The supervisor's end of it.
#[derive(Debug)]
pub struct Guardian {
    process: Pid,
    _alive: PipeWriter,
}

impl Guardian {
    /// Starts one for the mount namespace of `program`.
    ///
    /// # Errors
    /// When there is no process or pipe to be had.
    pub fn new(program: Pid) -> io::Result<Self> {
        let namespace = fs::read_link(namespace_of(program.as_raw()))?;
        // As long as it is held, no other one gets its number.
        let held = fs::File::open(namespace_of(program.as_raw()))?;
        let (alive, alive_here) = io::pipe()?;
        match sys::fork().map_err(io::Error::from)? {
            Some(process) => Ok(Self {
                process,
                _alive: alive_here,
            }),
            None => {
                drop(alive_here);
                watch(alive, &namespace, &held)
            }
        }
    }

    /// Its process.
    pub fn process(&self) -> Pid {
        self.process
    }

    /// It is not needed any more.
    pub fn dismiss(self) {
        // It is a child that was not waited for: the number is still its own.
        let _ = sys::send_signal(self.process.as_raw(), libc::SIGKILL);
        let _ = waitpid(self.process, None);
    }
}

fn namespace_of(process: i32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}/ns/mnt"))
}

/// The guardian of a namespace that it holds: sleeps until the supervisor is gone.
fn watch(mut alive: PipeReader, namespace: &PathBuf, _held: &fs::File) -> ! {
    // A session of its own: what ends the supervisor's group spares it.
    let _ = setsid();
    let _ = alive.read(&mut [0]);
    loop {
        let left = inhabitants(namespace);
        if left.is_empty() {
            process::exit(0);
        }
        for process in left {
            // One that is gone meanwhile is what is wanted.
            let _ = sys::send_signal(process, libc::SIGKILL);
        }
        thread::sleep(AGAIN);
    }
}

/// The processes in a mount namespace.
fn inhabitants(namespace: &PathBuf) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let numbers = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|&process| fs::read_link(namespace_of(process)).is_ok_and(|n| n == *namespace))
        .collect()
}
