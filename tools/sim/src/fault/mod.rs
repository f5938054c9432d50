//! Fault scripts: what goes wrong, and when.
//!
//! A script is a list of `EVENT:WHEN:EFFECT`, separated by commas, spaces or new lines; `#` starts a comment.
//!
//! | EVENT | counts |
//! |---|---|
//! | `exec_cmd`, `create_bo`, ... | calls of that ioctl that reach the driver |
//! | `command` | commands that reach firmware |
//! | `create`, `config` | contexts created, compute units configured by firmware |
//! | `resume` | resumes from suspend |
//!
//! | WHEN | |
//! |---|---|
//! | `3` | the third |
//! | `3+` | the third and every later one |
//! | `3/10` | the third and every tenth after it |
//! | `*` | all |
//!
//! | EFFECT | of |
//! |---|---|
//! | an errno such as `ENOMEM` | ioctls, `resume`: fails with it and does nothing |
//! | `unplug`, `reset`, `suspend`, `steal`, `async` | ioctls: happens before the call is answered |
//! | `error`, `error=STATUS`, `error@INDEX` | `command`: firmware error; STATUS of firmware, INDEX in a chain |
//! | `hang`, `hang@INDEX`, `mute` | `command`: never ends, with or without a health record |
//! | `lost` | `command`: done, but firmware does not say so |
//! | `slow=MILLISECONDS` | `command`: takes that much longer |
//! | `error` | `create`, `config`: refused by firmware |

mod parse;

use nix::errno::Errno;

pub use parse::ScriptError;

/// What an entry waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A call of the ioctl of this name.
    Ioctl(&'static str),
    /// A command that reaches firmware.
    Command,
    /// Firmware creating a context.
    Create,
    /// Firmware configuring compute units.
    Config,
    /// A resume.
    Resume,
}

/// Which of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When {
    first: u64,
    /// 0: only the first.
    every: u64,
}

impl When {
    fn hits(self, n: u64) -> bool {
        match (n.checked_sub(self.first), self.every) {
            (None, _) => false,
            (Some(0), _) => true,
            (Some(_), 0) => false,
            (Some(past), every) => past.is_multiple_of(every),
        }
    }
}

/// What happens to the device before a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The device is gone for good.
    Unplug,
    /// Firmware is restarted: running commands are aborted.
    Reset,
    /// The device suspends as soon as nothing runs.
    Suspend,
    /// Another process takes a context of the firmware.
    Steal,
    /// The array reports an error.
    Async,
}

/// How a command goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandFault {
    /// Firmware fails it.
    Error {
        /// Index in a chain.
        index: u32,
        /// Firmware's status.
        status: u32,
    },
    /// It never ends.
    Hang {
        /// Index in a chain.
        index: u32,
        /// Firmware can still report health.
        health: bool,
    },
    /// It ends, and firmware does not say so.
    Lost,
    /// It takes longer by so many nanoseconds.
    Slow(u64),
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call fails.
    Errno(Errno),
    /// Something happens to the device.
    Mishap(Mishap),
    /// A command goes wrong.
    Command(CommandFault),
    /// Firmware refuses.
    Refuse,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    event: Event,
    when: When,
    effect: Effect,
    seen: u64,
}

/// A fault script and how far it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    entries: Vec<Entry>,
}

impl Faults {
    /// Counts an event; what the script has for it.
    fn next(&mut self, event: &Event) -> Option<Effect> {
        let mut found = None;
        for entry in self.entries.iter_mut().filter(|e| e.event == *event) {
            entry.seen += 1;
            if found.is_none() && entry.when.hits(entry.seen) {
                found = Some(entry.effect);
            }
        }
        found
    }

    /// Counts a call of the ioctl `name`.
    pub fn ioctl(&mut self, name: &'static str) -> Option<Effect> {
        self.next(&Event::Ioctl(name))
    }

    /// Counts a command that reaches firmware.
    pub fn command(&mut self) -> Option<CommandFault> {
        match self.next(&Event::Command)? {
            Effect::Command(fault) => Some(fault),
            _ => None,
        }
    }

    /// Counts a context creation; true if firmware refuses.
    pub fn create(&mut self) -> bool {
        self.next(&Event::Create).is_some()
    }

    /// Counts a configuration; true if firmware refuses.
    pub fn config(&mut self) -> bool {
        self.next(&Event::Config).is_some()
    }

    /// Counts a resume; the errno it fails with.
    pub fn resume(&mut self) -> Option<Errno> {
        match self.next(&Event::Resume)? {
            Effect::Errno(e) => Some(e),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_hit_when_they_say() {
        let mut f: Faults = "create_bo:2:ENOMEM command:1/3:hang resume:*:EIO"
            .parse()
            .unwrap();
        let calls: Vec<bool> = (0..4).map(|_| f.ioctl("create_bo").is_some()).collect();
        assert_eq!(calls, [false, true, false, false]);
        let commands: Vec<bool> = (0..7).map(|_| f.command().is_some()).collect();
        assert_eq!(commands, [true, false, false, true, false, false, true]);
        assert_eq!((f.resume(), f.resume()), (Some(Errno::EIO), Some(Errno::EIO)));
    }
}
