//! Another program that uses the NPU.

use std::io::{Read, Write};
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use xdna_driver::{Command, Cu, Deadline, Device, Generation, Priority, Qos, Wait};

use super::roles;

/// Opens the NPU, creates contexts, runs three commands on the first, says so, and waits for the end of its input.
///
/// `args`: how many contexts; whether it waits for its commands (`idle`) or leaves one under way (`hang`); its name.
pub fn hold(args: &[String]) -> ExitCode {
    // Its own name, which does not depend on the build.
    let name = args.get(2).map_or("holder", String::as_str);
    std::fs::write("/proc/self/comm", name).expect("a name");
    let contexts: usize = args.first().and_then(|n| n.parse().ok()).unwrap_or(1);
    let device = Device::open_first().expect("the simulated device opens");
    let qos = Qos {
        priority: Priority::Normal,
        ..Qos::default()
    };
    let all: Vec<_> = (0..contexts)
        .map(|_| device.context(4).qos(qos).build().expect("a context"))
        .collect();
    let image = xdna_device::nothing::empty_pdi();
    let pdi = device.create_dev_bo(image.len()).expect("a DEV buffer");
    pdi.write(0, &image).expect("its content");
    all[0]
        .configure(&[Cu {
            pdi: &pdi,
            function: 0,
        }])
        .expect("its compute unit");
    let data = device.create_bo(1 << 20).expect("a buffer");
    let stream = xdna_device::nothing::empty_transaction(device.generation() == Generation::Xdna1);
    let code = device.create_dev_bo(stream.len()).expect("a DEV buffer");
    code.write(0, &stream).expect("its content");
    let hang = args.get(1).is_some_and(|word| word == "hang");
    for _ in 0..if hang { 1 } else { 3 } {
        let command = Command::start_cu(&device, all[0].cu(0).expect("a compute unit"))
            .u64(3)
            .addr(&code)
            .u32(stream.len() as u32 / 4)
            .addr(&data)
            .build()
            .expect("a command");
        let submission = all[0].submit(command).expect("it is submitted");
        if hang {
            // The command stays under way until this process is told to end, which ends it.
            println!("ready");
            std::io::stdout().flush().expect("stdout");
            std::io::stdin().read_to_end(&mut Vec::new()).expect("stdin");
            std::process::exit(0);
        }
        let wait = submission.wait(Deadline::after(Duration::from_secs(20)));
        assert!(matches!(wait, Ok(Wait::Ended(_))), "{wait:?}");
    }
    println!("ready");
    std::io::stdout().flush().expect("stdout");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("stdin");
    ExitCode::SUCCESS
}

/// A started holder; it ends when this is dropped.
pub struct Holder(Child);

impl Holder {
    /// Starts a holder of `contexts` contexts, with a command that does not end if `hang`, and waits until it is ready.
    pub fn start(contexts: usize, hang: bool) -> Self {
        Self::named("holder", contexts, hang)
    }

    /// The same of another name.
    pub fn named(name: &str, contexts: usize, hang: bool) -> Self {
        let mut command = roles::me("--hold");
        command
            .args([
                contexts.to_string().as_str(),
                if hang { "hang" } else { "idle" },
                name,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the holder starts");
        let mut ready = [0; 6];
        let stdout = child.stdout.as_mut().expect("its stdout");
        stdout.read_exact(&mut ready).expect("the holder is ready");
        Self(child)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}
