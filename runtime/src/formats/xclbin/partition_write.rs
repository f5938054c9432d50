//! The writer of AIE_PARTITION: parts in the order in which the open tools lay them out.

use super::partition::*;
use crate::formats::view::push_words;

/// Parts behind the fixed one, each at a multiple of eight bytes.
struct Heap(Vec<u8>);

impl Heap {
    fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.0.len();
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        at as u32
    }

    fn string(&mut self, text: &str) -> u32 {
        self.put(&[text.as_bytes(), &[0]].concat())
    }
}

fn set(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Partition<'_> {
    /// The section. Names must hold no NUL and the whole fit into 4 GiB.
    pub fn write(&self) -> Vec<u8> {
        let mut heap = Heap(vec![0; FIXED]);
        let name = heap.string(&self.name);
        let commit = self.kernel_commit.as_deref().map_or(0, |c| heap.string(c));
        let columns: Vec<u8> = self.start_columns.iter().flat_map(|c| c.to_le_bytes()).collect();
        let columns = heap.put(&columns);
        let mut records = Vec::new();
        for pdi in &self.pdis {
            let image = heap.put(pdi.image);
            let mut groups = Vec::new();
            for group in &pdi.groups {
                groups.extend(group.write(&mut heap));
            }
            let groups = heap.put(&groups);
            records.extend_from_slice(&pdi.uuid.0);
            push_words(
                &mut records,
                &[pdi.image.len() as u32, image, pdi.groups.len() as u32, groups],
            );
            records.resize(records.len().next_multiple_of(RECORD), 0);
        }
        let records = heap.put(&records);
        let mut out = heap.0;
        set(&mut out, NAME, &name.to_le_bytes());
        set(&mut out, OPERATIONS, &self.operations_per_cycle.to_le_bytes());
        set(&mut out, FINGERPRINT, &self.fingerprint.to_le_bytes());
        set(&mut out, PRE_POST, &self.pre_post_fingerprint.to_le_bytes());
        set(&mut out, WIDTH, &self.width.to_le_bytes());
        set(
            &mut out,
            START_COLUMNS,
            &(self.start_columns.len() as u32).to_le_bytes(),
        );
        set(&mut out, START_COLUMNS + 4, &columns.to_le_bytes());
        set(&mut out, PDIS, &(self.pdis.len() as u32).to_le_bytes());
        set(&mut out, PDIS + 4, &records.to_le_bytes());
        set(&mut out, COMMIT, &commit.to_le_bytes());
        out
    }
}

impl CdoGroup {
    fn write(&self, heap: &mut Heap) -> Vec<u8> {
        let name = heap.string(&self.name);
        let ids: Vec<u8> = self.kernel_ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let ids = heap.put(&ids);
        let pre: Vec<u8> = self.pre_groups.iter().flat_map(|id| id.to_le_bytes()).collect();
        let pre = heap.put(&pre);
        let (low, high) = (self.pdi_id as u32, (self.pdi_id >> 32) as u32);
        let counts = [self.kernel_ids.len() as u32, self.pre_groups.len() as u32];
        let mut out = Vec::with_capacity(RECORD);
        let head = [
            name,
            u32::from(self.kind),
            low,
            high,
            counts[0],
            ids,
            counts[1],
            pre,
        ];
        push_words(&mut out, &head);
        out.resize(RECORD, 0);
        out
    }
}
