use xdna_ops::Bytes;

use super::FormatError;

/// A place in a file from which little-endian fields are read one after the other.
pub(super) struct Cursor<'f> {
    file: &'f Bytes,
    at: usize,
}

impl<'f> Cursor<'f> {
    pub(super) fn new(file: &'f Bytes) -> Self {
        Self { file, at: 0 }
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.file.as_slice().len()
    }

    /// The next `len` bytes of `what`, shared with the file.
    pub(super) fn take(&mut self, len: u64, what: &str) -> Result<Bytes, FormatError> {
        let end = (self.at as u64).saturating_add(len);
        let range = usize::try_from(end).ok().map(|end| self.at..end);
        let taken = range.and_then(|r| self.file.slice(r));
        let taken = taken.ok_or_else(|| FormatError::Truncated {
            what: what.to_owned(),
            end,
            len: self.file.as_slice().len() as u64,
        })?;
        self.at = end as usize;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], FormatError> {
        let rest = &self.file.as_slice()[self.at..];
        let bytes = rest.first_chunk().ok_or_else(|| FormatError::Truncated {
            what: what.to_owned(),
            end: self.at as u64 + N as u64,
            len: self.file.as_slice().len() as u64,
        })?;
        self.at += N;
        Ok(*bytes)
    }

    pub(super) fn u8(&mut self, what: &str) -> Result<u8, FormatError> {
        self.array(what).map(|[b]| b)
    }

    pub(super) fn u16(&mut self, what: &str) -> Result<u16, FormatError> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32, FormatError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A signed number that counts something, so below zero it is damage.
    pub(super) fn count(&mut self, what: &'static str) -> Result<u32, FormatError> {
        let n = self.u32(what)?;
        if n > i32::MAX as u32 {
            return Err(FormatError::Field {
                field: what,
                found: n.cast_signed().to_string(),
                expected: "a number from 0",
            });
        }
        Ok(n)
    }

    /// Whether the file ends here.
    pub(super) fn end(&self, what: &str) -> Result<(), FormatError> {
        if self.is_at_end() {
            return Ok(());
        }
        Err(FormatError::Trailing {
            what: what.to_owned(),
            end: self.at as u64,
            len: self.file.as_slice().len() as u64,
        })
    }
}
