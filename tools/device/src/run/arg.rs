//! Arguments of a kernel, as they are written on a command line.

use std::path::PathBuf;
use std::str::FromStr;

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spec {
    /// A file that the kernel reads.
    In(PathBuf),
    /// A buffer that the kernel writes, and the file it goes to.
    Out(usize, PathBuf),
    /// A file that the kernel reads and writes, and the file it goes to.
    InOut(PathBuf, PathBuf),
    /// Four bytes.
    U32(u32),
    /// Eight bytes.
    U64(u64),
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write in:FILE, out:BYTES:FILE, inout:FILE:FILE, u32:NUMBER or u64:NUMBER".to_owned();
        let (kind, rest) = text
            .split_once(':')
            .filter(|(_, rest)| !rest.is_empty())
            .ok_or_else(wrong)?;
        let two = || {
            rest.split_once(':')
                .filter(|(a, b)| !a.is_empty() && !b.is_empty())
                .ok_or_else(wrong)
        };
        match kind {
            "in" => Ok(Spec::In(rest.into())),
            "out" => {
                let (bytes, file) = two()?;
                let bytes = number(bytes)?;
                let bytes = usize::try_from(bytes).ok().filter(|n| *n > 0);
                Ok(Spec::Out(
                    bytes.ok_or("an output has at least one byte")?,
                    file.into(),
                ))
            }
            "inout" => two().map(|(from, to)| Spec::InOut(from.into(), to.into())),
            "u32" => {
                let value = number(rest)?;
                let value =
                    u32::try_from(value).map_err(|_| format!("{value} does not fit into four bytes"))?;
                Ok(Spec::U32(value))
            }
            "u64" => number(rest).map(Spec::U64),
            _ => Err(wrong()),
        }
    }
}

/// A number, decimal or behind `0x`.
fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|e| format!("{text:?}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let read = |text: &str| text.parse::<Spec>();
        assert_eq!(read("in:a.bin"), Ok(Spec::In("a.bin".into())));
        assert_eq!(read("out:1024:b:c.bin"), Ok(Spec::Out(1024, "b:c.bin".into())));
        assert_eq!(read("inout:a:b"), Ok(Spec::InOut("a".into(), "b".into())));
        assert_eq!(read("u32:0x10"), Ok(Spec::U32(16)));
        assert_eq!(read("u64:18446744073709551615"), Ok(Spec::U64(u64::MAX)));
        for wrong in [
            "",
            "in",
            "in:",
            "out:4",
            "out:0:a",
            "out:x:a",
            "inout:a",
            "u32:4294967296",
            "f32:1",
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
