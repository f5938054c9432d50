//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::axes::{Device, Firmware, Kernel, Known, Mode};

/// A flag as `--help` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// What its value is called, if it takes one.
    pub value: Option<&'static str>,
    /// One line.
    pub help: &'static str,
}

const fn flag(name: &'static str, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag { name, value, help }
}

/// What to do.
pub const FLAGS: &[Flag] = &[
    flag(
        "check",
        None,
        "Compare with the table of expected outcomes, print the differences",
    ),
    flag(
        "list",
        None,
        "Print the table (name | section and evidence | allowed outcomes) and do nothing",
    ),
    flag("json", None, "One JSON object instead of lines"),
    flag(
        "only",
        Some("PREFIX"),
        "Only checks whose name begins with PREFIX",
    ),
    flag(
        "node",
        Some("PATH"),
        "Device node [default: the first NPU under /dev/accel]",
    ),
    flag("run", None, "Also hand empty commands to the firmware"),
    flag(
        "hang",
        None,
        "Also hand over commands that never end: each holds its context for 2 s (60 s to kernel 7.1)",
    ),
    flag("slow", None, "Also idle 16 s, to see suspend and resume"),
    flag(
        "change",
        None,
        "Also switch power mode and preemption, as root; both are restored",
    ),
];

/// What the machine cannot tell; every value left open is allowed.
pub const AXES: &[Flag] = &[
    flag(
        "device",
        Some("NAME"),
        "npu1, npu4, npu5, npu6 [default: by PCI ids]",
    ),
    flag(
        "kernel",
        Some("VERSION"),
        "6.14 ... 7.3, staging, oot [default: by driver version and uname]",
    ),
    flag(
        "firmware",
        Some("PROTOCOL"),
        "5.7, 5.8, 6.12, 6.15, 6.18, 6.19, 6.24, 7.0 [default: open]",
    ),
    flag(
        "iommu",
        Some("MODE"),
        "sva, iova, carveout [default: by module parameter, else open]",
    ),
    flag(
        "force-cmdlist",
        Some("YN"),
        "yes or no [default: by module parameter, else the kernel's default]",
    ),
];

/// What the marks in the table mean.
pub const EVIDENCE: &str = "\
Evidence: nothing = read in the driver's source, C computed, I inferred, D vendor documentation,
R observed on the real kernel module, U read in vendor user space.";

/// What a run does to the machine.
pub const NOTES: &str = "\
Each check runs in a process of its own with its own open file; what it creates goes away with it.
Checks that count contexts take them all for some milliseconds: other users of the NPU may be refused meanwhile.";

/// Exit codes.
pub const EXIT: &str = "Exit: 0 done; 1 differences, or the device could not be used; 2 usage; 3 no device.";

/// Arguments worth an example.
pub const EXAMPLE: &str = "--check --kernel 7.3 --firmware 6.24";

/// What `--help` prints.
pub fn help() -> String {
    let lines = |flags: &[Flag]| -> String {
        let line = |f: &Flag| {
            let name = format!("--{} {}", f.name, f.value.unwrap_or(""));
            format!("  {name:<20} {}\n", f.help)
        };
        flags.iter().map(line).collect()
    };
    format!(
        "Walks the ioctl surface of an amdxdna NPU and prints one line per check: name | outcome\n\n\
         Usage: xdna-conformance [OPTIONS]\n\n{}\n\
         What the machine cannot tell (every value left open is allowed):\n{}\n\
         {EVIDENCE}\n\n{NOTES}\n\n{EXIT}\n\nExample: xdna-conformance {EXAMPLE}\n",
        lines(FLAGS),
        lines(AXES)
    )
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Run and print outcomes.
    Run,
    /// Run and compare.
    Compare,
    /// Print the table.
    List,
    /// Print [`help`].
    Help,
}

/// The parsed command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to do.
    pub task: Task,
    /// JSON instead of lines.
    pub json: bool,
    /// Prefix of the names to run.
    pub only: String,
    /// The node, if given.
    pub node: Option<PathBuf>,
    /// Hand commands to the firmware.
    pub run: bool,
    /// Hand over commands that hang.
    pub hang: bool,
    /// Take many seconds.
    pub slow: bool,
    /// Change and restore device state.
    pub change: bool,
    /// Axes given by flags.
    pub known: Known,
}

/// Parses the arguments behind the program's name.
///
/// # Errors
/// A sentence for the user.
pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let mut options = Options {
        task: Task::Run,
        json: false,
        only: String::new(),
        node: None,
        run: false,
        hang: false,
        slow: false,
        change: false,
        known: Known::default(),
    };
    let mut args = args.map(|arg| arg.into_string().map_err(|arg| format!("{arg:?} is not UTF-8")));
    while let Some(arg) = args.next() {
        let arg = arg?;
        let (flag, inline) = match arg.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
            _ => (arg, None),
        };
        let mut value = || match &inline {
            Some(value) => Ok(value.clone()),
            None => args
                .next()
                .unwrap_or_else(|| Err(format!("{flag} needs a value"))),
        };
        match flag.as_str() {
            "--help" | "-h" => options.task = Task::Help,
            "--check" => options.task = Task::Compare,
            "--list" => options.task = Task::List,
            "--json" => options.json = true,
            "--run" => options.run = true,
            "--hang" => options.hang = true,
            "--slow" => options.slow = true,
            "--change" => options.change = true,
            "--only" => options.only = value()?,
            "--node" => options.node = Some(value()?.into()),
            "--device" => options.known.device = Some(named(&flag, &value()?, &Device::ALL)?),
            "--iommu" => options.known.mode = Some(named(&flag, &value()?, &Mode::ALL)?),
            "--force-cmdlist" => {
                options.known.list = Some(named(&flag, &value()?, &[(true, "yes"), (false, "no")])?);
            }
            "--kernel" => {
                let text = value()?;
                let kernel =
                    Kernel::parse(&text).ok_or_else(|| format!("--kernel: no column for {text:?}"))?;
                options.known.kernel = Some(kernel);
            }
            "--firmware" => {
                let text = value()?;
                let firmware =
                    Firmware::parse(&text).ok_or_else(|| format!("--firmware: no protocol {text:?}"))?;
                options.known.firmware = Some(firmware);
            }
            _ => return Err(format!("unknown argument {flag:?}; see --help")),
        }
    }
    Ok(options)
}

fn named<T: Copy>(flag: &str, text: &str, all: &[(T, &str)]) -> Result<T, String> {
    let found = all
        .iter()
        .find(|(_, name)| *name == text)
        .map(|(value, _)| *value);
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|(_, name)| *name).collect();
        format!("{flag}: {text:?} is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Options, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_flag_of_the_help_is_understood() {
        for flag in FLAGS.iter().chain(AXES) {
            let value = flag.value.map(|_| "=7.3");
            let given = of(&format!("--{}{}", flag.name, value.unwrap_or("")));
            let known = given.map_or_else(|e| !e.contains("unknown argument"), |_| true);
            assert!(
                known && help().contains(&format!("--{} ", flag.name)),
                "{}",
                flag.name
            );
        }
    }

    #[test]
    fn axes_come_from_flags() {
        let options = of("--check --kernel 6.19.6 --firmware=6.20 --iommu sva --device npu6 --json").unwrap();
        assert_eq!(options.task, Task::Compare);
        assert_eq!(options.known.kernel, Some(Kernel::V6_19));
        assert_eq!(options.known.firmware, Some(Firmware(6, 19)));
        assert_eq!(options.known.device, Some(Device::Npu6));
        assert!(options.json);
    }

    #[test]
    fn a_wrong_value_is_named_with_its_choices() {
        let said = of("--iommu off").unwrap_err();
        assert_eq!(said, "--iommu: \"off\" is none of sva, iova, carveout");
        assert!(of("--firmware").unwrap_err().contains("needs a value"));
        assert!(of("--frobnicate").is_err());
    }
}
