//! The manners of the command line, one of each: where output goes, what an exit code means, how a table looks.
#![forbid(unsafe_code)]

pub mod exit;
mod out;
mod table;

pub use exit::{Exit, Refusal};
pub use out::{Out, clean, is_closed_pipe, say, say_block};
pub use table::{Table, bytes};
