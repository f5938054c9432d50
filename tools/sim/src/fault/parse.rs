//! Reading fault scripts.

use std::str::FromStr;

use nix::errno::Errno;

use super::{CommandFault, Effect, Entry, Event, Faults, Mishap, When};
use crate::kmd::IOCTL_NAMES;

/// Why a fault script makes no sense.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("fault {entry:?}: {reason}")]
pub struct ScriptError {
    entry: String,
    reason: String,
}

/// A firmware status that is an ordinary application error.
const APPLICATION_ERROR: u32 = 0x300_0001;
/// Second names of errnos.
const ALIASES: [(&str, Errno); 3] = [
    ("ENOTSUP", Errno::EOPNOTSUPP),
    ("EWOULDBLOCK", Errno::EAGAIN),
    ("EDEADLOCK", Errno::EDEADLK),
];
/// The largest number of an errno.
const LAST_ERRNO: i32 = 133;

impl FromStr for Faults {
    type Err = ScriptError;
    fn from_str(script: &str) -> Result<Self, ScriptError> {
        let lines = script.lines().map(|l| l.split('#').next().unwrap_or_default());
        let words = lines
            .flat_map(|l| l.split([',', ' ', '\t', ';']))
            .filter(|w| !w.is_empty());
        let entries = words.map(|w| {
            entry(w).map_err(|reason| ScriptError {
                entry: w.to_owned(),
                reason,
            })
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
        })
    }
}

fn entry(word: &str) -> Result<Entry, String> {
    let mut parts = word.splitn(3, ':');
    let (Some(event), Some(when), Some(effect)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("write EVENT:WHEN:EFFECT".into());
    };
    let event = match event {
        "command" => Event::Command,
        "create" => Event::Create,
        "config" => Event::Config,
        "resume" => Event::Resume,
        name => match IOCTL_NAMES.iter().find(|n| n.eq_ignore_ascii_case(name)) {
            Some(name) => Event::Ioctl(name),
            None => return Err(format!("no event is called {name:?}")),
        },
    };
    let when = self::when(when).ok_or_else(|| format!("{when:?} is no count: write 3, 3+, 3/10 or *"))?;
    let effect = self::effect(effect).ok_or_else(|| format!("no effect is called {effect:?}"))?;
    let fits = matches!(
        (&event, effect),
        (Event::Ioctl(_), Effect::Errno(_) | Effect::Mishap(_))
            | (Event::Command, Effect::Command(_))
            | (
                Event::Create | Event::Config,
                Effect::Command(CommandFault::Error { .. })
            )
            | (Event::Resume, Effect::Errno(_))
    );
    if !fits {
        return Err("this event cannot go wrong that way".into());
    }
    let effect = if matches!(event, Event::Create | Event::Config) {
        Effect::Refuse
    } else {
        effect
    };
    Ok(Entry {
        event,
        when,
        effect,
        seen: 0,
    })
}

fn when(s: &str) -> Option<When> {
    if s == "*" {
        return Some(When { first: 1, every: 1 });
    }
    let (first, every) = match (s.strip_suffix('+'), s.split_once('/')) {
        (Some(first), _) => (first.parse().ok()?, 1),
        (_, Some((first, every))) => (first.parse().ok()?, every.parse().ok().filter(|&e| e > 0)?),
        _ => (s.parse().ok()?, 0),
    };
    (first > 0).then_some(When { first, every })
}

fn effect(s: &str) -> Option<Effect> {
    let mishap = match s {
        "unplug" => Some(Mishap::Unplug),
        "reset" => Some(Mishap::Reset),
        "suspend" => Some(Mishap::Suspend),
        "steal" => Some(Mishap::Steal),
        "async" => Some(Mishap::Async),
        _ => None,
    };
    if let Some(mishap) = mishap {
        return Some(Effect::Mishap(mishap));
    }
    let alias = ALIASES.iter().find(|(name, _)| *name == s);
    if let Some((_, errno)) = alias {
        return Some(Effect::Errno(*errno));
    }
    let mut errnos = (1..=LAST_ERRNO).map(Errno::from_raw);
    if let Some(errno) = errnos.find(|e| *e != Errno::UnknownErrno && format!("{e:?}") == s) {
        return Some(Effect::Errno(errno));
    }
    let (head, index) = match s.split_once('@') {
        Some((head, index)) => (head, index.parse().ok()?),
        None => (s, 0),
    };
    let (name, value) = head.split_once('=').map_or((head, None), |(n, v)| (n, Some(v)));
    let fault = match (name, value) {
        ("error", None) => CommandFault::Error {
            index,
            status: APPLICATION_ERROR,
        },
        ("error", Some(v)) => CommandFault::Error {
            index,
            status: number(v)?,
        },
        ("hang", None) => CommandFault::Hang { index, health: true },
        ("mute", None) => CommandFault::Hang { index, health: false },
        ("lost", None) => CommandFault::Lost,
        ("slow", Some(v)) => CommandFault::Slow(v.parse::<u64>().ok()?.checked_mul(1_000_000)?),
        _ => return None,
    };
    Some(Effect::Command(fault))
}

fn number(s: &str) -> Option<u32> {
    match s.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => s.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_say_what_is_wrong_with_them() {
        for (script, part) in [
            ("exec", "EVENT:WHEN:EFFECT"),
            ("exec_cmd:0:EIO", "is no count"),
            ("exec_cmd:1:EFOO", "no effect"),
            ("frobnicate:1:EIO", "no event"),
            ("command:1:EIO", "cannot go wrong that way"),
        ] {
            let text = script.parse::<Faults>().unwrap_err().to_string();
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn errnos_have_second_names() {
        for (alias, name) in [
            ("ENOTSUP", "EOPNOTSUPP"),
            ("EWOULDBLOCK", "EAGAIN"),
            ("EDEADLOCK", "EDEADLK"),
        ] {
            let effect = |name: &str| {
                let mut faults: Faults = format!("get_cap:1:{name}").parse().unwrap();
                faults.ioctl("get_cap")
            };
            assert_eq!(effect(alias), effect(name));
            assert!(effect(alias).is_some());
        }
    }

    #[test]
    fn every_ioctl_may_fail_with_every_errno() {
        let known = (1..=LAST_ERRNO)
            .map(Errno::from_raw)
            .filter(|e| *e != Errno::UnknownErrno);
        let mut count = 0;
        for errno in known {
            for name in IOCTL_NAMES {
                let mut faults: Faults = format!("{name}:2:{errno:?}").parse().unwrap();
                let seen = [faults.ioctl(name), faults.ioctl(name), faults.ioctl(name)];
                assert_eq!(seen, [None, Some(Effect::Errno(errno)), None], "{name} {errno:?}");
            }
            count += 1;
        }
        assert!(count > 130, "{count}");
    }

    #[test]
    fn effects_carry_their_numbers() {
        let f: Faults = "# nothing\ncommand:2:error=0x2000003@1, command:3+:slow=5"
            .parse()
            .unwrap();
        let error = CommandFault::Error {
            index: 1,
            status: 0x200_0003,
        };
        assert_eq!(f.entries[0].effect, Effect::Command(error));
        assert_eq!(
            f.entries[1].effect,
            Effect::Command(CommandFault::Slow(5_000_000))
        );
        assert_eq!(f.entries[1].when, When { first: 3, every: 1 });
    }
}
