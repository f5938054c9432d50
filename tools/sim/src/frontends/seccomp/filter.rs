//! The BPF program: which system calls the supervisor sees.
//!
//! Opens, DRM ioctls, file mappings and what looks at files by descriptor; everything else runs natively.

use nix::libc::{self, sock_filter};

const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const ARCH_X86_64: u32 = 0xC000_003E;
/// Offsets of `seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGS: u32 = 16;

/// What makes a call interesting beyond its number.
enum When {
    /// Nothing.
    Always,
    /// All of `mask` in the low half of argument `arg` equals `value`.
    Low { arg: u32, mask: u32, value: u32 },
}

/// What the filter lets through to the supervisor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traps {
    /// Also what tells that a descriptor was closed.
    pub closes: bool,
    /// Also stat by path: the node is not a real character device.
    pub paths: bool,
}

/// The filter's program.
pub fn program(traps: Traps) -> Vec<sock_filter> {
    let drm = When::Low {
        arg: 1,
        mask: 0xff00,
        value: u32::from(b'd') << 8,
    };
    let file = When::Low {
        arg: 3,
        mask: libc::MAP_ANONYMOUS as u32,
        value: 0,
    };
    let empty = |arg| When::Low {
        arg,
        mask: libc::AT_EMPTY_PATH as u32,
        value: libc::AT_EMPTY_PATH as u32,
    };
    let path = |w| if traps.paths { When::Always } else { w };
    let mut calls = vec![
        (libc::SYS_openat, When::Always),
        (libc::SYS_open, When::Always),
        (libc::SYS_openat2, When::Always),
        (libc::SYS_ioctl, drm),
        (libc::SYS_mmap, file),
        (libc::SYS_munmap, When::Always),
        (libc::SYS_fstat, When::Always),
        (libc::SYS_newfstatat, path(empty(3))),
        (libc::SYS_statx, path(empty(2))),
    ];
    if traps.paths {
        calls.extend([(libc::SYS_stat, When::Always), (libc::SYS_lstat, When::Always)]);
    }
    if traps.closes {
        let numbers = [
            libc::SYS_close,
            libc::SYS_close_range,
            libc::SYS_dup2,
            libc::SYS_dup3,
            libc::SYS_fork,
            libc::SYS_vfork,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ];
        calls.extend(numbers.map(|n| (n, When::Always)));
    }
    assemble(&calls)
}

fn assemble(calls: &[(libc::c_long, When)]) -> Vec<sock_filter> {
    let op = |code: u32, jt: u8, jf: u8, k: u32| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = |at| op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at);
    let equal = |k, jt, jf| op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jt, jf, k);
    let ret = |k| op(libc::BPF_RET | libc::BPF_K, 0, 0, k);
    let mut code = vec![load(ARCH), equal(ARCH_X86_64, 1, 0), ret(ALLOW), load(NUMBER)];
    for (number, when) in calls {
        let number = *number as u32;
        match *when {
            When::Always => code.extend([equal(number, 0, 1), ret(NOTIFY)]),
            When::Low { arg, mask, value } => code.extend([
                equal(number, 0, 5),
                load(ARGS + 8 * arg),
                op(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, mask),
                equal(value, 0, 1),
                ret(NOTIFY),
                ret(ALLOW),
            ]),
        }
    }
    code.push(ret(ALLOW));
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program on one call.
    fn run(code: &[sock_filter], arch: u32, number: i64, args: [u64; 6]) -> u32 {
        let word = |at: u32| match at {
            NUMBER => number as u32,
            ARCH => arch,
            at => args[((at - ARGS) / 8) as usize] as u32,
        };
        let (mut pc, mut a) = (0, 0);
        loop {
            let i = code[pc];
            pc += 1;
            match u32::from(i.code) {
                c if c == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => a = word(i.k),
                c if c == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => a &= i.k,
                c if c == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => {
                    pc += usize::from(if a == i.k { i.jt } else { i.jf });
                }
                _ => return i.k,
            }
        }
    }

    #[test]
    fn only_what_concerns_the_device_is_trapped() {
        let code = program(Traps::default());
        let at = |number, args| run(&code, ARCH_X86_64, number, args);
        assert_eq!(at(libc::SYS_openat, [0; 6]), NOTIFY);
        assert_eq!(at(libc::SYS_ioctl, [3, 0xC040_6400, 0, 0, 0, 0]), NOTIFY);
        assert_eq!(at(libc::SYS_ioctl, [3, 0x5401, 0, 0, 0, 0]), ALLOW);
        assert_eq!(
            at(libc::SYS_mmap, [0, 0, 0, libc::MAP_SHARED as u64, 3, 0]),
            NOTIFY
        );
        assert_eq!(
            at(libc::SYS_mmap, [0, 0, 0, libc::MAP_ANONYMOUS as u64, 0, 0]),
            ALLOW
        );
        assert_eq!(at(libc::SYS_read, [0; 6]), ALLOW);
        assert_eq!(at(libc::SYS_close, [0; 6]), ALLOW);
        // Where a buffer was mapped is looked for before the mapping goes.
        assert_eq!(at(libc::SYS_munmap, [0; 6]), NOTIFY);
        assert_eq!(run(&code, 0x4000_0003, libc::SYS_openat, [0; 6]), ALLOW);
        assert_eq!(
            run(
                &program(Traps {
                    closes: true,
                    paths: true
                }),
                ARCH_X86_64,
                libc::SYS_close,
                [0; 6]
            ),
            NOTIFY
        );
    }
}
