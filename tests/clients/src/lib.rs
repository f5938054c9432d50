//! Published clients that reach an NPU without the vendor's runtime, run unmodified against the simulated one: a small
//! program for each, and the tests of this package. What they rely on is in `docs/clients.md`.
#![forbid(unsafe_code)]
