//! NPU overlays: their sources, the builder that makes files of them, and the prebuilt files.
//!
//! A [`Design`] says what moves where: routes through the stream switches, locks, buffer
//! descriptors, channels that are started, core programs if there are any, and for each kind of run a [`Sequence`].
//! [`Design::pdi`], [`Design::xclbin`] and [`Sequence::control_code`] make the files of it, without any tool of a vendor.
//! [`loopback`] holds the designs that prove data movement without a single core instruction; what the builder makes of
//! them is in `prebuilt/`, with a [`manifest`] for each; [`carried`] brings those files with a program.
#![forbid(unsafe_code)]

mod build;
pub mod carried;
pub mod design;
mod error;
pub mod loopback;
pub mod manifest;
pub mod prebuilt;

pub use design::{Design, Sequence};
pub use error::DesignError;
