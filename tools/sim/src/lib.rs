//! A simulated AMD Ryzen AI NPU: the ioctl surface of the amdxdna driver at a chosen kernel version, its firmware
//! and its array, behind open(2), ioctl(2) and mmap(2) of a real program (seccomp user notification).
