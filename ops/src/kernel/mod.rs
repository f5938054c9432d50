//! The inner loops of every operator, written once over [`Simd`](crate::arch::Simd). One thread, no allocation.
pub(crate) mod attend;
pub(crate) mod dot;
mod math;
pub(crate) mod norm;
mod pack;
pub(crate) mod peak;
pub(crate) mod product;
pub(crate) mod recall;
pub(crate) mod reduce;
mod stored;
mod tile;

pub(crate) use tile::tile;
