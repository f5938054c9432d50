//! The safetensors container: an 8-byte length, a JSON header, the arrays.
use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use xdna_ops::{Bytes, DType};

use super::{FormatError, Tensor};

/// The longest header the format's own implementation reads.
const MAX_HEADER: u64 = 100_000_000;

#[derive(serde::Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// The header's entries in the order of the file; a map would hide a name given twice.
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Entries(entries))
            }
        }
        d.deserialize_map(InOrder)
    }
}

fn dtype(name: &str) -> Option<DType> {
    Some(match name {
        "F32" => DType::F32,
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        _ => return None,
    })
}

/// The arrays of a safetensors file under the names the file gives them, sharing its bytes.
///
/// As the format demands, the arrays follow each other without gap or overlap and fill the file to its end.
///
/// # Errors
/// Where the header is no such JSON, or an array leaves the file, overlaps another, has a dtype other than F32, F16
/// or BF16, or is not as long as its shape needs.
pub fn parse(file: &Bytes) -> Result<BTreeMap<String, Tensor>, FormatError> {
    let bytes = file.as_slice();
    let len = bytes.len() as u64;
    let header_len = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
    let header_len = header_len.ok_or(FormatError::Truncated {
        what: "header length".to_owned(),
        end: 8,
        len,
    })?;
    let end = header_len.saturating_add(8);
    if header_len > MAX_HEADER || end > len {
        return Err(FormatError::Truncated {
            what: "header".to_owned(),
            end,
            len,
        });
    }
    let (header, data_start) = (&bytes[8..end as usize], end);
    let Entries(mut entries) = serde_json::from_slice(header).map_err(FormatError::Json)?;
    entries.sort_by_key(|(_, e)| e.data_offsets);

    let mut tensors = BTreeMap::new();
    let mut at = 0;
    let mut before = "header".to_owned();
    for (name, entry) in entries {
        let (start, end) = entry.data_offsets;
        if start != at {
            let (next, end) = (name, at);
            return Err(FormatError::Gap {
                before,
                end,
                next,
                start,
            });
        }
        let dtype = dtype(&entry.dtype).ok_or_else(|| FormatError::DType {
            name: name.clone(),
            found: entry.dtype.clone(),
        })?;
        let elems = entry.shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d));
        let expected = elems.and_then(|n| n.checked_mul(dtype.block().1 as u64));
        if expected != end.checked_sub(start) {
            return Err(FormatError::Length {
                name,
                shape: entry.shape,
                dtype: entry.dtype,
                found: end.saturating_sub(start),
            });
        }
        let (first, last) = (data_start.saturating_add(start), data_start.saturating_add(end));
        let range = usize::try_from(first).ok().zip(usize::try_from(last).ok());
        let stored = range.and_then(|(s, e)| file.slice(s..e));
        let stored = stored.ok_or_else(|| FormatError::Truncated {
            what: format!("tensor {name}"),
            end: last,
            len,
        })?;
        let tensor = Tensor {
            shape: entry.shape.iter().map(|&d| d as usize).collect(),
            dtype,
            bytes: stored,
            scales: Vec::new(),
        };
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(FormatError::Twice { name });
        }
        (at, before) = (end, name);
    }
    let used = data_start.saturating_add(at);
    if used != len {
        return Err(FormatError::Trailing {
            what: format!("last tensor, {before}"),
            end: used,
            len,
        });
    }
    Ok(tensors)
}
