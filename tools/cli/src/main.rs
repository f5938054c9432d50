//! `xdna`: speech-to-text on AMD Ryzen AI NPUs, and tools for the device.
#![forbid(unsafe_code)]

fn main() {}
