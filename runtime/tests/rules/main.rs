//! The rules that readers follow and the traps that the formats set, on small files of our own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod containers;
mod control;
mod elves;
mod images;
mod register;
#[path = "../feed/seeds.rs"]
mod seeds;

/// Seeds by what they are; see `seeds::seeds`.
const XCLBIN: usize = 0;
const IMAGE: usize = 1;
const STREAM: usize = 2;
const SPLIT: usize = 3;
const TXN: usize = 4;
const COMPACT: usize = 5;
const TEXT: usize = 6;
const DPU: usize = 7;
const ELF_OLD: usize = 8;
const ELF: usize = 9;
const CORE: usize = 10;

fn seed(which: usize) -> Vec<u8> {
    seeds::seeds().swap_remove(which)
}

fn set(file: &mut [u8], at: usize, word: u32) {
    file[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

fn word(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}
