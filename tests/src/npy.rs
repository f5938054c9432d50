//! NumPy's `.npy` arrays: little-endian, row-major, of float32 or int64.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};

/// An array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// Extent of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// Its values.
    pub values: Vec<T>,
}

/// Reads an array of float32 (`<f4`).
///
/// # Errors
/// Where it cannot be read or is of another type.
pub fn f32(path: impl AsRef<Path>) -> Result<Array<f32>> {
    read(path.as_ref(), "<f4", f32::from_le_bytes)
}

/// Reads an array of int64 (`<i8`).
///
/// # Errors
/// Where it cannot be read or is of another type.
pub fn i64(path: impl AsRef<Path>) -> Result<Array<i64>> {
    read(path.as_ref(), "<i8", i64::from_le_bytes)
}

fn read<T, const N: usize>(path: &Path, kind: &str, value: fn([u8; N]) -> T) -> Result<Array<T>> {
    let file = fs::read(path).with_context(|| path.display().to_string())?;
    parse(&file, kind, value).with_context(|| path.display().to_string())
}

fn parse<T, const N: usize>(file: &[u8], kind: &str, value: fn([u8; N]) -> T) -> Result<Array<T>> {
    let rest = file.strip_prefix(b"\x93NUMPY").context("not an npy file")?;
    let (len, rest) = match rest {
        [1, _, a, b, rest @ ..] => (u16::from_le_bytes([*a, *b]).into(), rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => bail!("npy version {:?} is not known", rest.get(..2)),
    };
    let (header, data) = rest.split_at_checked(len).context("truncated header")?;
    let header = std::str::from_utf8(header)?;
    ensure!(
        header.contains(&format!("'descr': '{kind}'")),
        "not {kind}: {header}"
    );
    ensure!(
        header.contains("'fortran_order': False"),
        "not row-major: {header}"
    );
    let shape = header
        .split_once("'shape': (")
        .and_then(|(_, rest)| rest.split_once(')'));
    let extents = shape
        .context("no shape")?
        .0
        .split(',')
        .map(str::trim)
        .filter(|n| !n.is_empty());
    let shape = extents.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let (values, left) = data.as_chunks::<N>();
    let expected: usize = shape.iter().product();
    ensure!(
        values.len() == expected && left.is_empty(),
        "{} bytes of data for shape {shape:?}",
        data.len()
    );
    Ok(Array {
        shape,
        values: values.iter().copied().map(value).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        [&file, header.as_bytes(), data].concat()
    }

    #[test]
    fn header_and_size_must_fit() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let data = [1f32.to_le_bytes(), (-2f32).to_le_bytes()].concat();
        let array = parse(&file(header, &data), "<f4", f32::from_le_bytes).unwrap();
        assert_eq!((array.shape, array.values), (vec![2, 1], vec![1.0, -2.0]));
        assert!(parse(&file(header, &data), "<i8", i64::from_le_bytes).is_err());
        assert!(parse(&file(header, &data[..7]), "<f4", f32::from_le_bytes).is_err());
        assert!(
            parse(
                &file(&header.replace("False", "True"), &data),
                "<f4",
                f32::from_le_bytes
            )
            .is_err()
        );
        let flat = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }";
        assert_eq!(
            parse(&file(flat, &7i64.to_le_bytes()), "<i8", i64::from_le_bytes)
                .unwrap()
                .values,
            [7]
        );
    }
}
