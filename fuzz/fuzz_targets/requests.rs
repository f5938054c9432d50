//! Any requests are refused or understood, and leave nothing behind.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use xdna_fuzz::npu::{Requests, Target};

fuzz_target!(|bytes: &[u8]| {
    thread_local! {
        static DRIVER: RefCell<Requests> = RefCell::default();
    }
    DRIVER.with_borrow_mut(|driver| driver.feed(bytes));
});
