//! The seccomp front end: a supervisor answers the system calls that concern the device.
//!
//! A filtered thread that opens the node gets a duplicate of a memfd, so mmap of a buffer object is the kernel's
//! own. Its DRM ioctls stop in the kernel until the supervisor answers them. The kernel wakes a thread whose call
//! was received for fatal signals only, so every call takes effect exactly once; waits that a signal may end are
//! answered by the supervisor when it sees the signal pending.

mod closes;
mod family;
mod filter;
mod guardian;
mod identity;
pub mod launch;
mod node;
mod path;
mod process;
mod remote;
mod signals;
mod stat;
pub mod supervisor;
#[allow(unsafe_code)]
mod sys;
pub mod thread;
mod world;
