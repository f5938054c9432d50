//! One check: what it does, what the page says it should see, and how its outcome reads.

use std::fmt;

use nix::errno::Errno;
use xdna_uapi::request;

use crate::axes::{Rules, When};
use crate::env::Env;

/// What a check saw, as one stable line; or why it saw nothing.
pub type Outcome = Result<String, Fail>;

/// A step of a check that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fail {
    /// An ioctl on the way to what is checked.
    Call {
        /// Its request number.
        request: u32,
        /// Its errno.
        errno: Errno,
    },
    /// Anything else on that way.
    Step {
        /// What was tried.
        what: &'static str,
        /// How it failed.
        errno: Errno,
    },
    /// The check cannot run here: what it needs.
    Needs(&'static str),
    /// The check is about something this program does not have.
    NotOurs,
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { request, errno } => match request::ALL.iter().find(|(_, known)| known == request) {
                Some((name, _)) => write!(f, "setup: {} {errno:?}", short(name)),
                None => write!(f, "setup: request {request:#x} {errno:?}"),
            },
            Self::Step { what, errno } => write!(f, "setup: {what} {errno:?}"),
            Self::Needs(what) => write!(f, "skip: needs {what}"),
            Self::NotOurs => write!(f, "n/a: client"),
        }
    }
}

fn short(name: &str) -> &str {
    name.trim_start_matches("DRM_IOCTL_")
        .trim_start_matches("AMDXDNA_")
}

/// The outcome of the call under test: `ok`, or its errno's name.
pub fn said<T>(result: Result<T, Fail>) -> Outcome {
    match result {
        Ok(_) => Ok("ok".into()),
        Err(Fail::Call { errno, .. } | Fail::Step { errno, .. }) => Ok(format!("{errno:?}")),
        Err(other) => Err(other),
    }
}

/// As [`said`], with what the call returned instead of `ok`.
pub fn told<T: fmt::Display>(result: Result<T, Fail>) -> Outcome {
    match result {
        Ok(value) => Ok(value.to_string()),
        Err(other) => said(Err::<(), _>(other)),
    }
}

/// `yes` or `no`.
pub fn yes(fact: bool) -> Outcome {
    Ok(if fact { "yes" } else { "no" }.into())
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// `area.subject.case`: the stable name.
    pub name: &'static str,
    /// Section of the page and evidence mark: unmarked (read), C, I, D, R or U.
    pub source: &'static str,
    /// The row of section 16 that this check is, if it is one.
    pub row: Option<&'static str>,
    /// Does it.
    pub run: fn(&Env) -> Outcome,
    /// What it should see.
    pub rules: Rules,
}

/// A check that stands for itself.
pub const fn check(
    name: &'static str,
    source: &'static str,
    run: fn(&Env) -> Outcome,
    rules: Rules,
) -> Check {
    Check {
        name,
        source,
        row: None,
        run,
        rules,
    }
}

impl Check {
    /// The same check as a row of section 16.
    pub const fn row(mut self, row: &'static str) -> Self {
        self.row = Some(row);
        self
    }
}

/// A row of section 16 about a client library's own behaviour.
pub const fn client_row(name: &'static str, row: &'static str) -> Check {
    check(name, row_source(row), |_| Err(Fail::NotOurs), CLIENT).row(row)
}

/// A row of section 16 that needs a core to execute.
pub const fn core_row(name: &'static str, row: &'static str) -> Check {
    check(
        name,
        row_source(row),
        |_| Err(Fail::Needs("a core that executes")),
        CORE,
    )
    .row(row)
}

const fn row_source(row: &'static str) -> &'static str {
    // Rows are written `16.3 title`; the section is their first four bytes.
    row.split_at(4).0
}

const CLIENT: Rules = &[(When::Any, "n/a: client")];
const CORE: Rules = &[(When::Any, "skip: needs a core that executes")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_names_the_call() {
        let fail = Fail::Call {
            request: request::DRM_IOCTL_AMDXDNA_CREATE_BO,
            errno: Errno::ENOSPC,
        };
        assert_eq!(fail.to_string(), "setup: CREATE_BO ENOSPC");
        assert_eq!(said::<()>(Err(fail)).unwrap(), "ENOSPC");
        assert_eq!(Fail::Needs("root").to_string(), "skip: needs root");
    }

    #[test]
    fn errnos_print_by_the_names_of_the_page() {
        let names = [
            Errno::ETIME,
            Errno::EOPNOTSUPP,
            Errno::EAGAIN,
            Errno::EALREADY,
            Errno::E2BIG,
        ];
        let said: Vec<_> = names.iter().map(|errno| format!("{errno:?}")).collect();
        assert_eq!(said, ["ETIME", "EOPNOTSUPP", "EAGAIN", "EALREADY", "E2BIG"]);
    }
}
