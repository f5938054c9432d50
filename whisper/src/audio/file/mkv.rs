//! `DiscardPadding` of Matroska: samples at the end of the last block that belong to the codec alone.

use std::{io, ops::Range};

use super::source::Source;

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const BLOCK_GROUP: u32 = 0xa0;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK: u32 = 0xa1;
const DISCARD_PADDING: u32 = 0x75a2;

/// The element at `at`: what it is, and where its content lies; `None` for what makes no sense or has no stated size.
fn element(source: &Source, at: u64, end: u64) -> io::Result<Option<(u32, Range<u64>)>> {
    let Some([first]) = source.array::<1>(at)? else {
        return Ok(None);
    };
    let width = u64::from(first.leading_zeros()) + 1;
    if width > 4 {
        return Ok(None);
    }
    let id = number(source, at, width)?;
    let Some([first]) = source.array::<1>(at + width)? else {
        return Ok(None);
    };
    let size_width = u64::from(first.leading_zeros()) + 1;
    if size_width > 8 {
        return Ok(None);
    }
    let unknown = (1 << (7 * size_width)) - 1;
    let size = number(source, at + width, size_width)? & unknown;
    let start = at + width + size_width;
    if size == unknown || start > end {
        return Ok(None);
    }
    Ok(Some((id as u32, start..start.saturating_add(size).min(end))))
}

/// `width` bytes as a number, most significant first.
fn number(source: &Source, at: u64, width: u64) -> io::Result<u64> {
    let mut value = 0;
    for i in 0..width {
        value = value << 8 | u64::from(source.array::<1>(at + i)?.map_or(0, |[b]| b));
    }
    Ok(value)
}

/// The last of the elements `kinds` in `range`.
fn last(source: &Source, range: Range<u64>, kinds: &[u32]) -> io::Result<Option<(u32, Range<u64>)>> {
    let (mut at, mut found) = (range.start, None);
    while let Some((id, content)) = element(source, at, range.end)? {
        at = content.end;
        if kinds.contains(&id) {
            found = Some((id, content));
        }
    }
    Ok(found)
}

/// Samples at `rate` to leave out at the end of the file.
pub(super) fn end(source: &Source, rate: u32) -> io::Result<u64> {
    let Some((_, segment)) = last(source, 0..source.len(), &[SEGMENT])? else {
        return Ok(0);
    };
    let Some((_, cluster)) = last(source, segment, &[CLUSTER])? else {
        return Ok(0);
    };
    let Some((BLOCK_GROUP, group)) = last(source, cluster, &[BLOCK_GROUP, SIMPLE_BLOCK])? else {
        return Ok(0);
    };
    let Some((_, padding)) = last(source, group, &[BLOCK, DISCARD_PADDING])? else {
        return Ok(0);
    };
    let width = padding.end - padding.start;
    if !(1..=8).contains(&width) {
        return Ok(0);
    }
    // A signed number of nanoseconds; more than a second is no padding.
    let unused = 64 - 8 * width;
    let nanoseconds = (number(source, padding.start, width)? << unused).cast_signed() >> unused;
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(0).min(1_000_000_000);
    Ok((nanoseconds * u64::from(rate) + 500_000_000) / 1_000_000_000)
}
