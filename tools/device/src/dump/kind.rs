//! What a file is, by its content: names say nothing.

use anyhow::bail;
use clap::ValueEnum;
use xdna_runtime::formats::control_packet::read_control_packets;
use xdna_runtime::formats::{ControlCode, ControlFile, read_text};
use xdna_uapi::ert::{Header, opcode};

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The container of an overlay
    Xclbin,
    /// A programmable device image
    Pdi,
    /// A command stream of configuration data objects
    Cdo,
    /// Control code: transactions, or words of the first generation
    Control,
    /// Control code in an ELF file
    ControlElf,
    /// A core's program
    CoreElf,
    /// Control packets
    ControlPackets,
    /// A command packet, binary or hexadecimal
    Command,
    /// A dump of the tiles' status
    Status,
}

/// Bytes of one column's status, of the one layout that is known.
pub(super) const COLUMN_STATUS: usize = 504;
/// The first words of a PDI.
const PDI: [u8; 8] = [0xdd, 0, 0, 0, 0x44, 0x33, 0x22, 0x11];
/// Where an ELF file names its machine, and the machine of control code.
const MACHINE: usize = 18;
const CONTROL: u8 = 1;

impl Kind {
    /// For people and programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Xclbin => "xclbin",
            Self::Pdi => "PDI",
            Self::Cdo => "CDO",
            Self::Control => "control code",
            Self::ControlElf => "control ELF",
            Self::CoreElf => "core ELF",
            Self::ControlPackets => "control packets",
            Self::Command => "command packet",
            Self::Status => "AIE status",
        }
    }
}

/// The kind of a file, and what is uncertain about it.
pub(super) fn recognise(bytes: &[u8]) -> anyhow::Result<(Kind, Option<String>)> {
    let certain = |kind| Ok((kind, None));
    match bytes {
        [] => bail!("the file is empty"),
        _ if bytes.starts_with(b"xclbin2\0") => return certain(Kind::Xclbin),
        _ if bytes.starts_with(b"\x7fELF") => {
            return certain(match bytes.get(MACHINE) {
                Some(&CONTROL) => Kind::ControlElf,
                _ => Kind::CoreElf,
            });
        }
        _ if bytes.starts_with(&PDI) => return certain(Kind::Pdi),
        _ if matches!(bytes.get(4..8), Some(b"CDO\0" | b"XNLX")) => return certain(Kind::Cdo),
        _ => {}
    }
    let control = ControlFile::read(bytes);
    if matches!(
        control,
        Ok(ControlFile {
            code: ControlCode::Txn(_),
            ..
        })
    ) || looks_like_transactions(bytes)
    {
        return certain(Kind::Control);
    }
    if command_words(bytes).is_some() {
        return certain(Kind::Command);
    }
    let packets = read_control_packets(bytes).unwrap_or_default();
    if !packets.is_empty() && packets.iter().all(|packet| packet.parity_holds) {
        return certain(Kind::ControlPackets);
    }
    // Zeros are words of the first generation that do nothing.
    let does_something = |code: &ControlCode| match code {
        ControlCode::Dpu(dpu) => dpu.operations.iter().any(|op| op.op != 0),
        ControlCode::Txn(_) => true,
    };
    if control.is_ok_and(|file| does_something(&file.code)) {
        return certain(Kind::Control);
    }
    // Text whose first word is one of control code's: what spoils it is worth more than that it is spoilt.
    let is_text = bytes
        .iter()
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    let begins_as_words = bytes.len() > 8 && bytes[..8].iter().all(u8::is_ascii_hexdigit);
    if is_text && begins_as_words {
        let words = read_text(bytes)?;
        let begin: Vec<u8> = words.iter().take(2).flat_map(|word| word.to_le_bytes()).collect();
        if looks_like_transactions(&begin) {
            return certain(Kind::Control);
        }
    }
    if bytes.len().is_multiple_of(COLUMN_STATUS) {
        let note = format!(
            "taken for AIE status since its size is a multiple of {COLUMN_STATUS}: --kind says otherwise"
        );
        return Ok((Kind::Status, Some(note)));
    }
    bail!(
        "not recognised as anything for an NPU (byte 0x0: it begins with {}): --kind says what to read it as",
        begin(bytes)
    )
}

fn begin(bytes: &[u8]) -> String {
    let words: Vec<_> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    words.join(" ")
}

/// The header of transactions, of a file that is damaged behind it.
fn looks_like_transactions(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0, 1, 3 | 4, 6, 1..=8, 1, ..] | [1, 0, 3 | 4, 6, 1..=8, 1, ..]
    )
}

/// The words of a file, bytes or hexadecimal text.
pub(super) fn words(bytes: &[u8]) -> Option<Vec<u32>> {
    let text = bytes
        .iter()
        .all(|b| b.is_ascii_hexdigit() || b.is_ascii_whitespace() || b"xX".contains(b));
    if text {
        return read_text(bytes).ok();
    }
    let words = bytes
        .chunks_exact(4)
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
    bytes.len().is_multiple_of(4).then(|| words.collect())
}

/// The words of a command packet: the header's count fits, and what follows the packet is zeros.
fn command_words(bytes: &[u8]) -> Option<Vec<u32>> {
    let words = words(bytes)?;
    let header = Header(*words.first()?);
    let known = matches!(
        header.opcode(),
        opcode::START_CU | opcode::START_DPU..=opcode::START_NPU_PREEMPT_ELF
    );
    let rest = words.get(1 + header.count() as usize..)?;
    let fits = header.count() > 1 && rest.iter().all(|word| *word == 0);
    (known && fits && header.state() != 0 && header.0 & 0x3f0 == 0).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Kind {
        recognise(bytes).unwrap().0
    }

    #[test]
    fn files_are_known_by_their_content() {
        let pdi = crate::nothing::empty_pdi();
        assert_eq!(kind(&pdi), Kind::Pdi);
        // The stream lies behind bus width words and three headers.
        assert_eq!(kind(&pdi[0x150..]), Kind::Cdo);
        assert_eq!(kind(&crate::nothing::empty_transaction(true)), Kind::Control);
        assert_eq!(kind(b"3000C001 1 3 0 4028000 0 5 1 0 2 0 3 0"), Kind::Command);
        assert_eq!(kind(&[0; 2 * COLUMN_STATUS]), Kind::Status);
        assert!(recognise(&[0; 2 * COLUMN_STATUS]).unwrap().1.is_some());
    }

    #[test]
    fn what_is_nothing_is_said_so() {
        let message = recognise(b"hello world").unwrap_err().to_string();
        assert!(message.contains("68 65 6c 6c 6f"), "{message}");
        assert!(recognise(b"").is_err());
    }
}
