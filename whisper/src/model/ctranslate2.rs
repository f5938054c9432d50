//! The CTranslate2 container (`model.bin`): named variables one after the other, then aliases.
use std::collections::BTreeMap;

use xdna_ops::{Bytes, DType};

use super::{FormatError, Tensor, cursor::Cursor};

/// The one version of the format in use since CTranslate2 2.14 (2022).
const VERSION: u32 = 6;
/// NumPy's limit; an array of more dimensions is damage.
const MAX_RANK: u8 = 8;

/// What a variable holds.
#[derive(Clone, Debug)]
pub enum Variable {
    /// Weights in a type we compute with; int8 has no scales yet.
    Tensor(Tensor),
    /// An integer setting.
    Scalar(i64),
    /// Something stored as a type we do not read.
    Other(&'static str),
}

/// A CTranslate2 model file.
#[derive(Clone, Debug)]
pub struct Model {
    /// Kind of model: `"WhisperSpec"`.
    pub spec: String,
    /// Revision of the kind.
    pub revision: u32,
    /// Variables by name, aliases resolved.
    pub variables: BTreeMap<String, Variable>,
    /// The names among them that are another name's value.
    pub aliases: BTreeMap<String, String>,
}

/// Whether the file begins like a `model.bin`, of whatever version.
pub(super) fn begins(head: &[u8]) -> bool {
    matches!(head, [1..=32, 0, 0, 0, len, 0, name @ ..]
        if *len > 1 && name.iter().take(usize::from(*len) - 1).all(u8::is_ascii_alphanumeric))
}

/// The variables of a CTranslate2 file, sharing its bytes.
///
/// # Errors
/// Where the version is not 6, or something leaves the file, is not as long as its shape needs, or is there twice.
pub fn parse(file: &Bytes) -> Result<Model, FormatError> {
    let mut c = Cursor::new(file);
    let version = c.u32("version")?;
    if version != VERSION {
        return Err(FormatError::Field {
            field: "CTranslate2 version",
            found: version.to_string(),
            expected: "6",
        });
    }
    let spec = string(&mut c, "kind of model")?;
    let revision = c.u32("revision")?;
    let mut variables = BTreeMap::new();
    for _ in 0..c.u32("number of variables")? {
        let name = string(&mut c, "name of a variable")?;
        let variable = variable(&mut c, &name)?;
        if variables.insert(name.clone(), variable).is_some() {
            return Err(FormatError::Twice { name });
        }
    }
    let mut aliases = BTreeMap::new();
    for _ in 0..c.u32("number of aliases")? {
        let alias = string(&mut c, "alias")?;
        let name = string(&mut c, "name of an aliased variable")?;
        let Some(variable) = variables.get(&name).cloned() else {
            return Err(FormatError::Field {
                field: "alias",
                found: format!("{alias} of {name}"),
                expected: "an alias of a variable",
            });
        };
        if variables.insert(alias.clone(), variable).is_some() {
            return Err(FormatError::Twice { name: alias });
        }
        aliases.insert(alias, name);
    }
    c.end("aliases")?;
    Ok(Model {
        spec,
        revision,
        variables,
        aliases,
    })
}

/// A string with its length, the final NUL included, before it.
fn string(c: &mut Cursor<'_>, what: &str) -> Result<String, FormatError> {
    let len = c.u16(what)?;
    let bytes = c.take(u64::from(len), what)?;
    let bytes = bytes.as_slice();
    let text = bytes.strip_suffix(&[0]).and_then(|b| str::from_utf8(b).ok());
    text.map(str::to_owned).ok_or_else(|| FormatError::Field {
        field: "name",
        found: format!("{:?}", String::from_utf8_lossy(bytes)),
        expected: "text that ends with a NUL",
    })
}

fn variable(c: &mut Cursor<'_>, name: &str) -> Result<Variable, FormatError> {
    let rank = c.u8(name)?;
    if rank > MAX_RANK {
        return Err(FormatError::Field {
            field: "number of dimensions",
            found: format!("{rank} for {name}"),
            expected: "0 to 8",
        });
    }
    let shape: Vec<u32> = (0..rank).map(|_| c.u32(name)).collect::<Result<_, _>>()?;
    let kind = c.u8(name)?;
    let len = c.u32(name)?;
    let bytes = c.take(u64::from(len), name)?;
    // In the order of the enumeration `DataType` of CTranslate2's include/ctranslate2/types.h.
    let (kind, size) = match kind {
        0 => (Ok(DType::F32), 4),
        1 => (Ok(DType::I8), 1),
        2 => (Err("int16"), 2),
        3 => (Err("int32"), 4),
        4 => (Ok(DType::F16), 2),
        5 => (Ok(DType::BF16), 2),
        other => {
            return Err(FormatError::DType {
                name: name.to_owned(),
                found: format!("type {other}"),
            });
        }
    };
    let elems = shape.iter().try_fold(1_u64, |n, d| n.checked_mul(u64::from(*d)));
    if elems.and_then(|n| n.checked_mul(size)) != Some(u64::from(len)) {
        return Err(FormatError::Length {
            name: name.to_owned(),
            shape: shape.iter().map(|d| u64::from(*d)).collect(),
            dtype: kind.map_or_else(str::to_owned, |d| d.to_string()),
            found: u64::from(len),
        });
    }
    Ok(match (kind, bytes.as_slice()) {
        (Ok(DType::I8), &[v]) if rank == 0 => Variable::Scalar(v.cast_signed().into()),
        (Err(_), &[a, b]) if rank == 0 => Variable::Scalar(i16::from_le_bytes([a, b]).into()),
        (Err(_), &[a, b, c, d]) if rank == 0 => Variable::Scalar(i32::from_le_bytes([a, b, c, d]).into()),
        (Err(kind), _) => Variable::Other(kind),
        (Ok(dtype), _) => Variable::Tensor(Tensor {
            shape: shape.iter().map(|d| *d as usize).collect(),
            dtype,
            bytes,
            scales: Vec::new(),
        }),
    })
}
