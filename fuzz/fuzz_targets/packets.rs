//! Any words in command buffers end in a state of the driver's, and harm nothing.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use xdna_fuzz::npu::{Packets, Target};

fuzz_target!(|bytes: &[u8]| {
    thread_local! {
        static DRIVER: RefCell<Packets> = RefCell::default();
    }
    DRIVER.with_borrow_mut(|driver| driver.feed(bytes));
});
