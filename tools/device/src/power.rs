//! `xdna power`: the power mode.

use std::fs;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use xdna_driver::Device;
use xdna_driver::query::PowerMode;
use xdna_terminal::{Exit, Out, Table};

use crate::Common;
use crate::processes::{CAP_SYS_ADMIN, has_capability};
use crate::show::{self, View};
use crate::target::Target;

/// The first driver level that sets low and medium.
const LOW_AND_MEDIUM: i32 = 9;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  xdna power
  xdna power set high --dry-run
  sudo xdna power set high")]
pub struct Power {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the power mode; what happens without an action, too
    #[command(after_help = "Example:\n  xdna power get --json")]
    Get(Common),
    /// Set the power mode of the NPU, for all programs
    #[command(after_help = "\
Needs the capability CAP_SYS_ADMIN: run it with sudo. The mode holds until it is set again or the
driver is reloaded.

Example:
  sudo xdna power set turbo")]
    Set {
        /// Mode to set
        mode: Mode,
        /// Say what would happen, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
}

/// The modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The clock that the programs' requests ask for
    Default,
    /// The lowest clock (Linux 7.2)
    Low,
    /// Half of the top level (Linux 7.2)
    Medium,
    /// The top clock
    High,
    /// The top clock, never gated; refused while a context lives
    Turbo,
}

#[derive(Debug, Serialize)]
struct State {
    mode: String,
}

#[derive(Debug, Serialize)]
struct Change {
    from: String,
    to: String,
    dry_run: bool,
    changed: bool,
    privilege: &'static str,
    privileged: bool,
    obstacles: Vec<String>,
}

/// The name of a power mode.
pub(crate) fn name(mode: PowerMode) -> String {
    match mode {
        PowerMode::Other(n) => format!("number {n}"),
        mode => format!("{mode:?}").to_lowercase(),
    }
}

/// Shows or sets the power mode.
pub(crate) fn run(args: &Power, out: &mut Out) -> anyhow::Result<Exit> {
    let common = match &args.action {
        None => args.common,
        Some(Action::Get(common)) => *common,
        Some(Action::Set {
            mode,
            dry_run,
            common,
        }) => return set(*mode, *dry_run, *common, out),
    };
    let target = Target::open(common)?;
    let state = State {
        mode: name(target.device.power_mode()?),
    };
    show::print(&state, common.json, out)?;
    Ok(Exit::Done)
}

fn set(mode: Mode, dry_run: bool, common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    let target = Target::open(common)?;
    let device = &target.device;
    let wanted = PowerMode::from(mode);
    let from = device.power_mode()?;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let privileged = has_capability(&status, CAP_SYS_ADMIN).unwrap_or(false);
    let mut obstacles = obstacles(device, mode)?;
    if !privileged {
        obstacles.insert(0, "needs CAP_SYS_ADMIN: run it with sudo".into());
    }
    if !dry_run {
        device.set_power_mode(wanted).map_err(|e| match &obstacles[..] {
            [] => anyhow::Error::from(e),
            list => anyhow::Error::from(e).context(format!(
                "the power mode stays {}: {}",
                name(from),
                list.join("; ")
            )),
        })?;
    }
    let change = Change {
        from: name(from),
        to: name(wanted),
        dry_run,
        changed: !dry_run && from != wanted,
        privilege: "CAP_SYS_ADMIN",
        privileged,
        obstacles,
    };
    let fails = dry_run && !change.obstacles.is_empty();
    show::print(&change, common.json, out)?;
    Ok(if fails { Exit::Failed } else { Exit::Done })
}

/// Why the driver would refuse, but for the privilege.
fn obstacles(device: &Device, mode: Mode) -> anyhow::Result<Vec<String>> {
    let mut list = Vec::new();
    let level = device.driver_version().level();
    if matches!(mode, Mode::Low | Mode::Medium) && level < LOW_AND_MEDIUM {
        list.push("this mode needs Linux 7.2".to_owned());
    }
    if mode == Mode::Turbo {
        let live = device.contexts()?.len();
        if live > 0 {
            list.push(format!(
                "turbo is refused while contexts live: {live} do (see `xdna contexts`)"
            ));
        }
    }
    Ok(list)
}

impl From<Mode> for PowerMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Default => Self::Default,
            Mode::Low => Self::Low,
            Mode::Medium => Self::Medium,
            Mode::High => Self::High,
            Mode::Turbo => Self::Turbo,
        }
    }
}

impl View for State {
    const SCHEMA: &'static str = "xdna.power/1";

    fn text(&self) -> String {
        format!("power mode: {}\n", self.mode)
    }
}

impl View for Change {
    const SCHEMA: &'static str = "xdna.power-set/1";

    fn text(&self) -> String {
        let mut table = Table::untitled();
        let verb = if self.dry_run { "would be set" } else { "set" };
        let what = if self.from == self.to {
            format!("{} already: nothing changes", self.to)
        } else {
            format!("{verb} from {} to {}, for all programs", self.from, self.to)
        };
        table.pair("power mode", what);
        let have = if self.privileged {
            "this process has it"
        } else {
            "this process lacks it: use sudo"
        };
        table.pair("privilege", format!("{} ({have})", self.privilege));
        for obstacle in &self.obstacles {
            table.pair("obstacle", obstacle);
        }
        table.to_string()
    }
}
