//! Checked reading of little-endian fields.

use super::error::{Format, FormatError, Reason, Result};

/// Bytes of one format. Offsets come from files: nothing here overflows, nothing panics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub format: Format,
    pub bytes: &'a [u8],
}

impl<'a> View<'a> {
    pub fn new(format: Format, bytes: &'a [u8]) -> Self {
        Self { format, bytes }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn error(&self, offset: usize, reason: Reason) -> FormatError {
        FormatError {
            format: self.format,
            offset,
            reason,
        }
    }

    /// `size` bytes at `offset`.
    pub fn take(&self, what: &'static str, offset: usize, size: usize) -> Result<&'a [u8]> {
        let range = offset
            .checked_add(size)
            .and_then(|end| self.bytes.get(offset..end));
        range.ok_or_else(|| self.short(what, offset, size as u64))
    }

    pub fn short(&self, what: &'static str, offset: usize, size: u64) -> FormatError {
        let left = self.len().saturating_sub(offset) as u64;
        self.error(offset, Reason::Short { what, size, left })
    }

    pub fn u8(&self, what: &'static str, offset: usize) -> Result<u8> {
        Ok(self.take(what, offset, 1)?[0])
    }

    pub fn u16(&self, what: &'static str, offset: usize) -> Result<u16> {
        let b = self.take(what, offset, 2)?;
        Ok(u16::from_le_bytes([b[0], b[1]]))
    }

    pub fn u32(&self, what: &'static str, offset: usize) -> Result<u32> {
        let b = self.take(what, offset, 4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    pub fn u64(&self, what: &'static str, offset: usize) -> Result<u64> {
        let low = u64::from(self.u32(what, offset)?);
        Ok(low | u64::from(self.u32(what, offset.saturating_add(4))?) << 32)
    }

    pub fn array<const N: usize>(&self, what: &'static str, offset: usize) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(what, offset, N)?);
        Ok(out)
    }

    /// A table of `count` records of `size` bytes at `offset`, `count` at most `limit`.
    pub fn table(
        &self,
        what: &'static str,
        offset: usize,
        count: u32,
        size: usize,
        limit: u32,
    ) -> Result<impl ExactSizeIterator<Item = (usize, &'a [u8])> + use<'a>> {
        if count > limit {
            let (found, limit) = (count.into(), limit.into());
            return Err(self.error(offset, Reason::TooMany { what, found, limit }));
        }
        let all = self.take(what, offset, (count as usize).saturating_mul(size))?;
        Ok((0..count as usize).map(move |i| (offset + i * size, &all[i * size..(i + 1) * size])))
    }

    /// The bytes from `offset` to the next NUL, or to the end where there is none.
    pub fn c_string(&self, what: &'static str, offset: usize) -> Result<&'a [u8]> {
        let rest = self.take(what, offset, self.len().saturating_sub(offset))?;
        if offset > self.len() {
            return Err(self.short(what, offset, 1));
        }
        let name = until_nul(&rest[..rest.len().min(MAX_NAME + 1)]);
        // As text: a byte that is no character takes more.
        let length = String::from_utf8_lossy(name).len();
        if length > MAX_NAME {
            let (found, limit) = (length as u64, MAX_NAME as u64);
            return Err(self.error(offset, Reason::TooMany { what, found, limit }));
        }
        Ok(name)
    }
}

/// Bytes of a name as text: many records may share one, and each gets a copy.
pub(crate) const MAX_NAME: usize = 255;

/// What is before the first NUL.
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}

/// A fixed field of characters as text; bytes that are none are replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(until_nul(bytes)).into_owned()
}

/// The words of `bytes`, whose length is a multiple of four.
pub(crate) fn words(bytes: &[u8]) -> impl ExactSizeIterator<Item = u32> + '_ {
    bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Appends words.
pub(crate) fn push_words(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|w| w.to_le_bytes()));
}

/// Bitwise NOT of the wrapping sum, as headers of PDI and CDO carry it.
pub(crate) fn checksum(words: impl Iterator<Item = u32>) -> u32 {
    !words.fold(0, u32::wrapping_add)
}
