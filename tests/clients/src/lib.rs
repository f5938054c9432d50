//! Published clients that reach an NPU without the vendor's runtime, run unmodified against the simulated one: the
//! tests of this package.
#![forbid(unsafe_code)]
