//! Requests of the amdxdna driver.

mod bo;
mod context;
mod info;

pub(crate) use bo::*;
pub(crate) use context::*;
pub(crate) use info::*;
