//! Control code of any kind, told apart by its content: names of files say nothing.

use std::borrow::Cow;

use super::{
    dpu::Dpu,
    error::{Format, Reason, Result},
    not_a_pointer,
    txn::Txn,
    view::{View, words},
};

/// What a control code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlCode {
    /// Transactions.
    Txn(Txn),
    /// Words of the first generation.
    Dpu(Dpu),
}

/// A control code and the bytes that firmware is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFile<'a> {
    /// What it says.
    pub code: ControlCode,
    /// The words as bytes: the file itself, or what its text says.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> ControlFile<'a> {
    /// Reads a file of bytes, or of one hexadecimal word a line.
    ///
    /// # Errors
    /// It is neither; the reason is that of the kind that it looks most like.
    pub fn read(file: &'a [u8]) -> Result<Self> {
        not_a_pointer(Format::Txn, file)?;
        if file.starts_with(b"\x7fELF") {
            let what = "an ELF file, whose control code is in its sections and needs addresses put into it";
            return Err(View::new(Format::Txn, file).error(0, Reason::Other(what.to_owned())));
        }
        // Control code has zeros in its header: what can be printed is text, or meant to be.
        let unmarked = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
        let text = unmarked
            .iter()
            .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
        let bytes: Cow<'a, [u8]> = if text && !file.is_empty() {
            read_text(unmarked)?
                .iter()
                .flat_map(|w| w.to_le_bytes())
                .collect()
        } else {
            file.into()
        };
        let txn = Txn::read(&bytes);
        let txn = match txn {
            Ok(txn) => {
                let code = ControlCode::Txn(txn);
                return Ok(Self { code, bytes });
            }
            Err(e) => e,
        };
        // A header of transactions is no operation of the other kind: its byte of rows would be that of operation 6
        // on row 3, in a file of no sense.
        let all: Vec<u32> = words(&bytes).collect();
        match Dpu::read(&all) {
            Ok(dpu) if bytes.len().is_multiple_of(4) => {
                let code = ControlCode::Dpu(dpu);
                Ok(Self { code, bytes })
            }
            _ => Err(txn),
        }
    }
}

/// Words in hexadecimal, with or without `0x`, separated by white space.
///
/// # Errors
/// Something else is among them.
pub fn read_text(file: &[u8]) -> Result<Vec<u32>> {
    let v = View::new(Format::Text, file);
    let mut out = Vec::new();
    let mut at = 0;
    for piece in file.split(u8::is_ascii_whitespace) {
        let start = at;
        at += piece.len() + 1;
        if piece.is_empty() {
            continue;
        }
        let digits = piece
            .strip_prefix(b"0x")
            .or_else(|| piece.strip_prefix(b"0X"))
            .unwrap_or(piece);
        let word = std::str::from_utf8(digits)
            .ok()
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let word = word.and_then(|d| u32::from_str_radix(d, 16).ok());
        let wrong = || {
            let shown = String::from_utf8_lossy(&piece[..piece.len().min(16)]).into_owned();
            v.error(start, Reason::Other(format!("{shown:?} is no hexadecimal word")))
        };
        out.push(word.ok_or_else(wrong)?);
    }
    Ok(out)
}
