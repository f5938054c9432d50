//! Which open device stands behind which descriptor: what is known of it survives dup, fork and exec as the file does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::client::Client;
use super::process::Process;

/// What is known of an open device; descriptors of one open share it.
pub(super) type Shared = Rc<RefCell<Client>>;

/// Open devices by process and descriptor.
#[derive(Debug, Default)]
pub(super) struct Descriptors(BTreeMap<(Process, i32), Shared>);

/// What a system call does to descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The one that it returns is another of this one.
    Copied(i32),
    /// These are gone.
    Closed(i32, i32),
}

impl Change {
    /// What a call will change if it succeeds.
    pub(super) fn of(number: i64, args: [u64; 3]) -> Option<Self> {
        let [a, b, c] = args;
        Some(match number {
            libc::SYS_close => Self::Closed(a as i32, a as i32),
            libc::SYS_close_range if c & u64::from(libc::CLOSE_RANGE_CLOEXEC) == 0 => {
                let number = |n: u64| i32::try_from(n as u32).unwrap_or(i32::MAX);
                Self::Closed(number(a), number(b))
            }
            libc::SYS_dup | libc::SYS_dup2 | libc::SYS_dup3 => Self::Copied(a as i32),
            libc::SYS_fcntl if [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].contains(&(b as i32)) => {
                Self::Copied(a as i32)
            }
            _ => return None,
        })
    }
}

impl Descriptors {
    /// The open device behind a descriptor.
    pub(super) fn client(&mut self, process: Process, fd: i32) -> Shared {
        self.0.entry((process, fd)).or_default().clone()
    }

    /// A call changed descriptors, and returned this.
    pub(super) fn change(&mut self, process: Process, change: Change, returned: i32) {
        match change {
            Change::Closed(first, last) => self
                .0
                .retain(|(owner, fd), _| *owner != process || !(first..=last).contains(fd)),
            Change::Copied(from) if from == returned => {}
            Change::Copied(from) => {
                // What was there before is closed.
                self.0.remove(&(process, returned));
                if let Some(client) = self.0.get(&(process, from)).cloned() {
                    self.0.insert((process, returned), client);
                }
            }
        }
    }

    /// `child` has the descriptors of `parent`.
    pub(super) fn forked(&mut self, parent: Process, child: Process) {
        let of_parent = self.0.iter().filter(|((owner, _), _)| *owner == parent);
        let copies: Vec<_> = of_parent
            .map(|((_, fd), client)| ((child, *fd), client.clone()))
            .collect();
        self.0.extend(copies);
    }

    /// Forgets what is open no more: after an exec, or the end of a process.
    pub(super) fn retain(&mut self, process: Process, is_open: impl Fn(i32) -> bool) {
        self.0.retain(|(owner, fd), _| *owner != process || is_open(*fd));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_follows_the_open_file() {
        let (parent, child) = (Process(1), Process(2));
        let mut all = Descriptors::default();
        let first = all.client(parent, 3);
        let is_first = |all: &mut Descriptors, process, fd| Rc::ptr_eq(&all.client(process, fd), &first);
        all.change(parent, Change::Copied(3), 7);
        assert!(is_first(&mut all, parent, 7));
        all.forked(parent, child);
        all.change(parent, Change::Closed(3, 5), 0);
        assert!(is_first(&mut all, child, 3) && !is_first(&mut all, parent, 3));
        all.change(parent, Change::Copied(9), 7);
        assert!(!is_first(&mut all, parent, 7));
        all.retain(child, |fd| fd == 7);
        assert!(is_first(&mut all, child, 7) && !is_first(&mut all, child, 3));
    }

    #[test]
    fn calls_that_change_descriptors_are_known() {
        let of = |number, args| Change::of(number, args);
        assert_eq!(of(libc::SYS_close, [4, 0, 0]), Some(Change::Closed(4, 4)));
        let all = u64::from(u32::MAX);
        assert_eq!(
            of(libc::SYS_close_range, [3, all, 0]),
            Some(Change::Closed(3, i32::MAX))
        );
        let later = u64::from(libc::CLOSE_RANGE_CLOEXEC);
        assert_eq!(of(libc::SYS_close_range, [3, all, later]), None);
        assert_eq!(of(libc::SYS_dup2, [4, 9, 0]), Some(Change::Copied(4)));
        assert_eq!(
            of(libc::SYS_fcntl, [4, libc::F_DUPFD_CLOEXEC as u64, 0]),
            Some(Change::Copied(4))
        );
        assert_eq!(of(libc::SYS_fcntl, [4, libc::F_GETFL as u64, 0]), None);
        assert_eq!(of(libc::SYS_read, [4, 0, 0]), None);
    }
}
