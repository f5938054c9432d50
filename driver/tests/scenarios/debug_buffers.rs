//! Debug buffers: memory the firmware dumps into.

use xdna_driver::{Error, Outcome};

use super::{Scenario, scenario};
use crate::support::{context, device, outcome};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "trap/debug_buffers_stay_where_they_can_not_be_detached",
            "--kernel 7.0",
            debug_buffer_stays,
        ),
        scenario("contexts/debug_buffers_attach_and_detach", "", debug_buffer),
        scenario(
            "contexts/no_debug_buffer_before_6_19",
            "--kernel 6.18",
            no_debug_buffer,
        ),
    ]
}

fn debug_buffer() {
    let device = device();
    let context = context(&device);
    let bo = device.create_dev_bo(4096).unwrap();
    let attached = context.attach_debug_buffer(&bo).unwrap();
    assert!(matches!(bo.write(0, &[1]), Err(Error::InFlight(_))));
    let other = context.attach_debug_buffer(&bo).unwrap_err();
    assert_eq!(other.errno(), Some(libc::EBUSY));
    attached.read(0, &mut [0; 4096]).unwrap();
    assert!(matches!(
        attached.read(1, &mut [0; 4096]),
        Err(Error::OutOfRange { .. })
    ));
    drop(attached);
    bo.write(0, &[1]).unwrap();
    assert_eq!(outcome(&context), Outcome::Completed);
}

fn debug_buffer_stays() {
    let device = device();
    let context = context(&device);
    let bo = device.create_dev_bo(4096).unwrap();
    drop(context.attach_debug_buffer(&bo).unwrap());
    assert!(
        matches!(bo.write(0, &[1]), Err(Error::InFlight(_))),
        "6.19 and 7.0 can't detach"
    );
    drop(context);
    bo.write(0, &[1]).unwrap();
}

fn no_debug_buffer() {
    let device = device();
    let context = context(&device);
    let bo = device.create_dev_bo(4096).unwrap();
    assert!(matches!(
        context.attach_debug_buffer(&bo),
        Err(Error::Unsupported { .. })
    ));
}
