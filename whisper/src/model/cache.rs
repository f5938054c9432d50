use xdna_ops::CacheRow;

/// Self-attention keys and values of several sequences that share their beginnings.
///
/// Every cached position of every sequence is a row; a sequence is a list of rows. Choosing other beams copies the
/// lists and no keys or values; rows that no sequence uses any more are given out again.
#[derive(Debug)]
pub(crate) struct SelfCache {
    width: usize,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    sequences: Vec<Vec<CacheRow>>,
    rows: CacheRow,
    free: Vec<CacheRow>,
}

/// A row that was just added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRow {
    sequence: usize,
    /// Its position in its sequence.
    pub(crate) position: usize,
    row: CacheRow,
}

impl SelfCache {
    /// A cache for `layers` layers of `width`, holding one empty sequence.
    pub(crate) fn new(layers: usize, width: usize) -> Self {
        let empty = || (0..layers).map(|_| Vec::new()).collect();
        Self {
            width,
            keys: empty(),
            values: empty(),
            sequences: vec![Vec::new()],
            rows: 0,
            free: Vec::new(),
        }
    }

    /// Makes `n` rows: one a sequence, or all `n` for the only one.
    pub(crate) fn extend(&mut self, n: usize) -> Vec<NewRow> {
        let single = self.sequences.len() == 1;
        debug_assert!(single || n == self.sequences.len());
        let new = (0..n).map(|i| {
            let sequence = if single { 0 } else { i };
            let row = self.free.pop().unwrap_or_else(|| {
                self.rows += 1;
                self.rows - 1
            });
            self.sequences[sequence].push(row);
            NewRow {
                sequence,
                position: self.sequences[sequence].len() - 1,
                row,
            }
        });
        let new = new.collect();
        let len = self.rows as usize * self.width;
        self.keys
            .iter_mut()
            .chain(&mut self.values)
            .for_each(|layer| layer.resize(len.max(layer.len()), 0.0));
        new
    }

    /// Keeps the keys and values of the new rows of one layer, `[n, width]` each.
    pub(crate) fn store(&mut self, layer: usize, new: &[NewRow], keys: &[f32], values: &[f32]) {
        let from = keys.chunks_exact(self.width).zip(values.chunks_exact(self.width));
        for (new, (key, value)) in new.iter().zip(from) {
            let at = new.row as usize * self.width..(new.row as usize + 1) * self.width;
            self.keys[layer][at.clone()].copy_from_slice(key);
            self.values[layer][at].copy_from_slice(value);
        }
    }

    /// The rows that a new row sees: its sequence up to itself.
    pub(crate) fn seen(&self, new: &NewRow) -> &[CacheRow] {
        &self.sequences[new.sequence][..=new.position]
    }

    /// Keys and values of one layer, row after row.
    pub(crate) fn layer(&self, layer: usize) -> (&[f32], &[f32]) {
        (&self.keys[layer], &self.values[layer])
    }

    /// Goes on with the sequences `sources`, in this order; one may be named several times.
    pub(crate) fn rearrange(&mut self, sources: &[usize]) {
        self.sequences = sources.iter().map(|&i| self.sequences[i].clone()).collect();
        let mut used = vec![false; self.rows as usize];
        self.sequences
            .iter()
            .flatten()
            .for_each(|&row| used[row as usize] = true);
        self.free = (0..self.rows).filter(|&row| !used[row as usize]).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beams_share_what_they_have_in_common_and_free_what_nobody_uses() {
        let mut cache = SelfCache::new(1, 1);
        let prompt = cache.extend(3);
        cache.store(0, &prompt, &[1.0, 2.0, 3.0], &[0.0; 3]);
        cache.rearrange(&[0, 0]);
        let step = cache.extend(2);
        cache.store(0, &step, &[10.0, 20.0], &[0.0; 2]);
        let keys = |cache: &SelfCache, i: usize| -> Vec<f32> {
            cache.sequences[i]
                .iter()
                .map(|&r| cache.layer(0).0[r as usize])
                .collect()
        };
        assert_eq!(
            (keys(&cache, 0), keys(&cache, 1)),
            (vec![1.0, 2.0, 3.0, 10.0], vec![1.0, 2.0, 3.0, 20.0])
        );
        cache.rearrange(&[1, 1]);
        let step = cache.extend(2);
        cache.store(0, &step, &[30.0, 40.0], &[0.0; 2]);
        assert_eq!(keys(&cache, 0), [1.0, 2.0, 3.0, 20.0, 30.0]);
        assert_eq!(keys(&cache, 1), [1.0, 2.0, 3.0, 20.0, 40.0]);
        assert_eq!(cache.rows, 6, "the dropped beam's row is used again");
    }
}
