//! Opens the first NPU, sends it one command that does nothing, and shows how it ended.
//!
//! With no NPU at hand: `xdna sim -- cargo run -p xdna-driver --example hello`.

#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::time::Duration;

use xdna_driver::{Command, Cu, Deadline, Device, Error, Generation, Wait};

#[path = "../tests/support/images.rs"]
mod images;

fn main() -> Result<(), Error> {
    let device = Device::open_first()?;
    let chip = device.chip();
    println!(
        "{}: {} ({}), {}",
        device.node().display(),
        chip.name,
        device.generation(),
        chip.products
    );
    println!(
        "driver {}, firmware {}",
        device.driver_version(),
        device.firmware_version()?
    );

    // A place on the array, with one compute unit.
    let columns = 4;
    let context = device.context(columns).build()?;
    let image = images::empty_pdi();
    let pdi = device.create_dev_bo(image.len())?;
    pdi.write(0, &image)?;
    context.configure(&[Cu {
        pdi: &pdi,
        function: 0,
    }])?;
    println!(
        "context {}: {columns} of {} columns",
        context.id(),
        device.columns()
    );

    // What it shall do, and with what.
    let generation = if device.generation() == Generation::Xdna1 {
        3
    } else {
        4
    };
    let stream = images::empty_transaction(generation, columns as u8);
    let instructions = device.create_dev_bo(stream.len())?;
    instructions.write(0, &stream)?;
    let data = device.create_bo(4096)?;
    data.write(0, b"hello")?;
    println!(
        "instructions at {}, data at {}",
        instructions.device_addr(),
        data.device_addr()
    );

    let Some(cu) = context.cu(0) else { return Ok(()) };
    let command = Command::start_cu(&device, cu)
        .u64(3) // "run a transaction"
        .addr(&instructions)
        .u32(stream.len() as u32 / 4)
        .addr(&data)
        .build()?;
    println!("packet {:08x?}", command.words());

    let submission = context.submit(command)?;
    println!("command {} submitted", submission.seq().get());
    match submission.wait(Deadline::after(Duration::from_secs(5)))? {
        Wait::Ended(finished) => {
            println!("{} (state {})", finished.outcome, finished.command.state());
        }
        Wait::Pending(_) => println!("no end in sight: the context keeps what the command uses"),
    }
    Ok(())
}
