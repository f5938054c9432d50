//! A dump of the tiles' status, as `xdna tiles --raw` and the driver give it.

use anyhow::bail;
use serde_json::Value;
use xdna_driver::query::{Metadata, TileStatus};

use super::How;
use super::document::{Document, Section};
use super::kind::COLUMN_STATUS;
use crate::tiles::Status;

/// Blocks of one column each; which columns they are of, the file does not say.
pub(super) fn blob(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let blocks = bytes.len() / COLUMN_STATUS;
    if blocks == 0 || blocks > 8 || !bytes.len().is_multiple_of(COLUMN_STATUS) {
        bail!(
            "AIE status, byte {:#x}: {} bytes are no 1 to 8 blocks of {COLUMN_STATUS}",
            blocks.min(8) * COLUMN_STATUS,
            bytes.len()
        );
    }
    let metadata = Metadata::version_1_1(blocks as u16);
    let status = TileStatus::read(&metadata, (1 << blocks) - 1, bytes)?;
    let status = Status::of(&status, &metadata, false);
    let mut document = Document {
        generation: how.generation,
        sections: vec![
            Section::new("tiles")
                .fact("blocks", blocks)
                .table(Status::COLUMNS, status.rows().map(|row| row.map(Value::from))),
        ],
        ..Document::default()
    };
    let note = "columns are counted from 0 in the order of the file, which does not say which they were";
    document.notes.push(note.into());
    Ok(document)
}
