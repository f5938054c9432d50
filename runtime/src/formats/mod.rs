//! Files that are loaded into an NPU: readers that see only bytes, and writers.
//!
//! A run needs an [`Xclbin`]: [`Xclbin::read`] borrows from the file's bytes, [`Xclbin::partition`] gives the columns and
//! the PDIs (`pdi_of_kernel` picks the one of a kernel id), [`Xclbin::kernels`] the kernels with the arguments' places in
//! a command, [`Xclbin::instances`] the ids. An image goes to the firmware as it is; tools and the simulator look into it
//! with [`Pdi::read`], which gives the [`Cdo`]: a list of [`Command`](cdo::Command)s that write at [`TileAddress`]es,
//! split images put together again. Control code is read by [`ControlFile::read`], which tells transactions ([`Txn`]: a
//! list of [`Record`](txn::Record)s, each an [`Operation`](txn::Operation) and its place) from DPU words, bytes from text;
//! [`control_packet`] reads packets, [`elf`] control code that comes as ELF, with its patches, and core programs. What an
//! address in an array is, and which fields a register has, [`registers`] knows.
//!
//! Every reader takes `&[u8]` and returns a [`FormatError`] with the byte offset and the reason; no bytes make it panic, and
//! limits keep counts from files believable. What has a `write` reproduces the files it read: byte for byte for xclbin,
//! plain PDI and CDO, and for [`Txn`] but for bytes that mean nothing and are written as zeros.

mod address;
pub mod cdo;
mod control;
pub mod control_packet;
pub mod dpu;
pub mod elf;
mod error;
mod pdi;
pub mod registers;
mod split;
pub mod txn;
mod view;
pub mod xclbin;

pub use address::{Generation, TileAddress, TileKind};
pub use cdo::Cdo;
pub use control::{ControlCode, ControlFile, read_text};
pub use error::{Format, FormatError, Reason, Result};
pub use pdi::{Checked, Pdi, Transform};
pub use txn::Txn;
pub use xclbin::Xclbin;

use view::View;

/// What a file of Git LFS starts with where the file itself was not fetched.
const LFS: &[u8] = b"version https://git-lfs";

fn not_a_pointer(format: Format, bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(LFS) {
        return Err(View::new(format, bytes).error(0, Reason::LfsPointer));
    }
    Ok(())
}
