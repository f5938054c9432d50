//! Edit lists of MP4: where in a track its sound begins. AAC encoders put 1024 samples and more in front.

use std::io;

use super::source::Source;

/// A box: what it is, and where its content lies.
struct Entry {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// The boxes between two offsets; ends at the first that makes no sense.
struct Entries<'a> {
    source: &'a Source,
    at: u64,
    end: u64,
}

impl Entries<'_> {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some([size, kind]) = self
            .source
            .array::<8>(self.at)?
            .map(|b| [word(&b[..4]), word(&b[4..])])
        else {
            return Ok(None);
        };
        let (head, size) = match size {
            0 => (8, self.end.saturating_sub(self.at)),
            1 => (16, self.source.array(self.at + 8)?.map_or(0, u64::from_be_bytes)),
            size => (8, size.into()),
        };
        let end = self.at.saturating_add(size).min(self.end);
        if size < head || self.at >= end {
            return Ok(None);
        }
        let entry = Entry {
            kind: kind.to_be_bytes(),
            start: self.at + head,
            end,
        };
        self.at = end;
        Ok(Some(entry))
    }
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |v, b| v << 8 | u32::from(*b))
}

/// What is known of a track.
#[derive(Default)]
struct Found {
    id: Option<u32>,
    /// Units of media time in a second.
    scale: u32,
    /// Media time at which the first edit begins.
    start: u64,
}

/// Samples at `rate` to leave out at the start of track `id`: what its edit list skips, as ffmpeg does. What later edits
/// cut out stays in.
pub(super) fn start(source: &Source, id: u32, rate: u32) -> io::Result<u64> {
    let mut top = Entries {
        source,
        at: 0,
        end: source.len(),
    };
    while let Some(moov) = top.next()? {
        if &moov.kind != b"moov" {
            continue;
        }
        let mut traks = Entries {
            source,
            at: moov.start,
            end: moov.end,
        };
        while let Some(trak) = traks.next()? {
            let mut found = Found::default();
            if &trak.kind == b"trak" {
                look(source, &trak, &mut found)?;
            }
            if found.id == Some(id) && found.scale > 0 {
                let samples = u128::from(found.start) * u128::from(rate) / u128::from(found.scale);
                return Ok(u64::try_from(samples).unwrap_or(u64::MAX));
            }
        }
    }
    Ok(0)
}

fn look(source: &Source, parent: &Entry, found: &mut Found) -> io::Result<()> {
    let mut entries = Entries {
        source,
        at: parent.start,
        end: parent.end,
    };
    while let Some(entry) = entries.next()? {
        match &entry.kind {
            b"edts" | b"mdia" => look(source, &entry, found)?,
            b"tkhd" => found.id = versioned(source, &entry, 12, 20)?,
            b"mdhd" => found.scale = versioned(source, &entry, 12, 20)?.unwrap_or(0),
            b"elst" => found.start = first_edit(source, &entry)?,
            _ => {}
        }
    }
    Ok(())
}

/// A word that lies further back in version 1 of a box, where times have 64 bits.
fn versioned(source: &Source, entry: &Entry, short: u64, long: u64) -> io::Result<Option<u32>> {
    let version = source.array::<1>(entry.start)?;
    let at = if version == Some([1]) { long } else { short };
    Ok(source.array(entry.start + at)?.map(u32::from_be_bytes))
}

/// Media time of the first edit that plays something; an edit at -1 is a pause.
fn first_edit(source: &Source, entry: &Entry) -> io::Result<u64> {
    let Some(head) = source.array::<8>(entry.start)? else {
        return Ok(0);
    };
    let long = head[0] == 1;
    for edit in 0..u64::from(word(&head[4..]).min(16)) {
        let at = entry.start + 8 + edit * if long { 20 } else { 12 };
        let time = if long {
            source.array(at + 8)?.map(i64::from_be_bytes)
        } else {
            source.array(at + 4)?.map(|b| i32::from_be_bytes(b).into())
        };
        match time.map(u64::try_from) {
            Some(Ok(time)) => return Ok(time),
            Some(Err(_)) => {}
            None => break,
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &str, content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        [
            &(content.len() as u32 + 8).to_be_bytes()[..],
            kind.as_bytes(),
            &content,
        ]
        .concat()
    }

    fn file(id: u32, scale: u32, edits: &[(u32, i32)]) -> Vec<u8> {
        let tkhd = boxed("tkhd", &[&[0; 12], &id.to_be_bytes(), &[0; 64]]);
        let mdhd = boxed("mdhd", &[&[0; 12], &scale.to_be_bytes(), &[0; 8]]);
        let list: Vec<u8> = edits
            .iter()
            .flat_map(|(len, time)| [len.to_be_bytes(), time.to_be_bytes(), [0, 1, 0, 0]].concat())
            .collect();
        let elst = boxed("elst", &[&[0; 4], &(edits.len() as u32).to_be_bytes(), &list]);
        let trak = boxed(
            "trak",
            &[&tkhd, &boxed("edts", &[&elst]), &boxed("mdia", &[&mdhd])],
        );
        [
            boxed("ftyp", &[b"M4A "]),
            boxed("mdat", &[&[9; 99]]),
            boxed("moov", &[&trak]),
        ]
        .concat()
    }

    #[test]
    fn the_first_edit_that_plays_counts() {
        let start =
            |edits: &[(u32, i32)], rate| start(&Source::bytes(file(7, 44_100, edits)), 7, rate).unwrap();
        assert_eq!(start(&[(1000, 1024)], 44_100), 1024);
        assert_eq!(start(&[(5, -1), (1000, 2112)], 44_100), 2112);
        assert_eq!(start(&[(5, -1)], 44_100), 0);
        assert_eq!(start(&[], 44_100), 0);
        assert_eq!(start(&[(1000, 44_100)], 16_000), 16_000);
    }

    #[test]
    fn another_track_or_nonsense_skips_nothing() {
        let whole = file(7, 44_100, &[(1000, 1024)]);
        assert_eq!(start(&Source::bytes(whole.clone()), 8, 44_100).unwrap(), 0);
        for len in 0..whole.len() {
            assert!(start(&Source::bytes(whole[..len].to_vec()), 7, 44_100).unwrap() <= 1024);
            let mut damaged = whole.clone();
            damaged[len] ^= 0xff;
            start(&Source::bytes(damaged), 7, 44_100).unwrap();
        }
    }
}
