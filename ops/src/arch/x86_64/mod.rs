//! Intrinsics of x86-64. The only unsafe code of this crate.
mod avx2;
mod avx512;

pub(crate) use avx2::Avx2;
pub(crate) use avx512::Avx512;
