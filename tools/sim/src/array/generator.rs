//! The address generator: the order of a descriptor's words (npu-formats, section 9.4).

/// A dimension of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// Words from one index to the next.
    pub step: u32,
    /// Indices; 0 for as many as the length asks for.
    pub wrap: u32,
}

/// Words a memory tile sends around a dimension without reading them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Before the first index, in steps of the dimension.
    pub before: u32,
    /// Behind the last.
    pub after: u32,
}

/// Order of the words of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Words that are read or written, padding not counted.
    pub length: u32,
    /// Dimensions, the fastest first.
    pub dimensions: [Dimension; 4],
    /// Around the first three.
    pub padding: [Padding; 3],
}

impl Pattern {
    /// The words in their order: offsets from the base in words, `None` for padding.
    pub fn words(&self) -> Words {
        let extent = std::array::from_fn(|d| {
            let pad = self.padding.get(d).copied().unwrap_or_default();
            match self.dimensions[d].wrap {
                0 => u32::MAX,
                wrap => wrap + pad.before + pad.after,
            }
        });
        Words {
            dimensions: self.dimensions,
            padding: self.padding,
            extent,
            at: [0; 4],
            left: self.length,
        }
    }
}

/// The state of an address generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    dimensions: [Dimension; 4],
    padding: [Padding; 3],
    extent: [u32; 4],
    at: [u32; 4],
    left: u32,
}

impl Words {
    /// Words left, padding not counted.
    pub fn left(&self) -> u32 {
        self.left
    }

    fn before(&self, d: usize) -> u32 {
        self.padding.get(d).map_or(0, |p| p.before)
    }

    /// True before the first index of a padded dimension.
    fn in_front(&self) -> bool {
        (0..3).any(|d| self.at[d] < self.before(d))
    }

    /// True behind the last index of a padded dimension.
    fn behind(&self) -> bool {
        (0..3).any(|d| self.dimensions[d].wrap > 0 && self.at[d] >= self.before(d) + self.dimensions[d].wrap)
    }

    fn advance(&mut self) {
        for d in 0..4 {
            self.at[d] += 1;
            if self.at[d] < self.extent[d] {
                return;
            }
            self.at[d] = 0;
        }
    }
}

impl Iterator for Words {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Self::Item> {
        // When all words were moved, what is left of the innermost rows and planes is padding.
        if self.left == 0 && !self.behind() {
            return None;
        }
        let item = if self.in_front() || self.behind() {
            None
        } else {
            self.left -= 1;
            let offset =
                (0..4).map(|d| u64::from(self.at[d] - self.before(d)) * u64::from(self.dimensions[d].step));
            Some(offset.sum())
        };
        self.advance();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(length: u32, dimensions: &[(u32, u32)], padding: &[(u32, u32)]) -> Pattern {
        let mut p = Pattern {
            length,
            ..Pattern::default()
        };
        for (d, &(step, wrap)) in dimensions.iter().enumerate() {
            p.dimensions[d] = Dimension { step, wrap };
        }
        for (d, &(before, after)) in padding.iter().enumerate() {
            p.padding[d] = Padding { before, after };
        }
        p
    }

    /// The formula of the documentation, by nested loops: bounded dimensions only.
    fn nested(steps: [u64; 4], wraps: [u64; 4]) -> Vec<Option<u64>> {
        let mut all = Vec::new();
        for i3 in 0..wraps[3] {
            for i2 in 0..wraps[2] {
                for i1 in 0..wraps[1] {
                    for i0 in 0..wraps[0] {
                        all.push(Some(
                            i0 * steps[0] + i1 * steps[1] + i2 * steps[2] + i3 * steps[3],
                        ));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn no_wraps_count_up() {
        let got: Vec<_> = pattern(5, &[(3, 0)], &[]).words().collect();
        assert_eq!(got, [0, 3, 6, 9, 12].map(Some));
        assert_eq!(pattern(0, &[(1, 4)], &[]).words().count(), 0);
    }

    #[test]
    fn dimensions_follow_the_formula() {
        let mut random = 12345u64;
        let mut below = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % n
        };
        for _ in 0..200 {
            let wraps: [u64; 4] = std::array::from_fn(|_| 1 + below(5));
            let steps: [u64; 4] = std::array::from_fn(|_| 1 + below(90));
            let all = nested(steps, wraps);
            let length = 1 + below(all.len() as u64) as u32;
            let mut dims: Vec<(u32, u32)> = (0..4).map(|d| (steps[d] as u32, wraps[d] as u32)).collect();
            // The last dimension has no wrap: the length ends it.
            dims[3].1 = 0;
            let got: Vec<_> = pattern(length, &dims, &[]).words().collect();
            assert_eq!(got, all[..length as usize], "{steps:?} {wraps:?} {length}");
        }
    }

    #[test]
    fn a_transpose_reads_columns() {
        // 3 rows of 4 words, column by column.
        let got: Vec<_> = pattern(12, &[(4, 3), (1, 4)], &[]).words().flatten().collect();
        assert_eq!(got, [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    }

    #[test]
    fn padding_surrounds_rows_and_planes() {
        let p = pattern(4, &[(1, 2), (2, 2)], &[(1, 2), (1, 1)]);
        let got: Vec<_> = p.words().map(|w| w.map_or(-1, |w| w as i64)).collect();
        let row = [-1; 5];
        let expected = [&row[..], &[-1, 0, 1, -1, -1], &[-1, 2, 3, -1, -1], &row].concat();
        assert_eq!(got, expected);
    }

    #[test]
    fn padding_of_a_third_dimension_adds_planes() {
        let p = pattern(4, &[(1, 1), (1, 2), (2, 2)], &[(0, 1), (0, 0), (1, 1)]);
        let got: Vec<_> = p.words().map(|w| w.map_or(-1, |w| w as i64)).collect();
        assert_eq!(got, [-1, -1, -1, -1, 0, -1, 1, -1, 2, -1, 3, -1, -1, -1, -1, -1]);
    }

    #[test]
    fn a_length_that_ends_inside_a_row_ends_there() {
        let p = pattern(3, &[(1, 2), (2, 0)], &[(0, 1)]);
        let got: Vec<_> = p.words().collect();
        assert_eq!(got, [Some(0), Some(1), None, Some(2)]);
    }
}
