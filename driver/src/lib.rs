//! One AMD Ryzen AI NPU through its device node (`/dev/accel/accel*`, the in-tree `amdxdna` driver): finding
//! and opening devices, buffer objects, hardware contexts, commands and their completion, and every query
//! the driver answers. The only crate that makes ioctls.
