//! Words in time: dynamic time warping over cross-attention, `find_alignment` of openai-whisper's `timing.py`.
use ndarray::{Array2, Array3, Axis, s};

use xdna_ops::log_sum_exp;

use crate::{engine::Window, tokenizer::Tokenizer};

/// Width of the median filter over time, in frames of 0.02 s (`medfilt_width`).
const MEDIAN_WIDTH: usize = 7;
/// Encoder frames a second.
const TOKENS_PER_SECOND: f64 = 50.0;

/// One word of a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timing {
    pub(super) word: String,
    pub(super) tokens: Vec<u32>,
    /// Seconds from the start of the window.
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) probability: f64,
}

/// Times the words of `text` (text tokens alone) in a window of which `frames` mel frames are sound.
pub(super) fn find_alignment(
    window: &Window<'_>,
    tokenizer: &Tokenizer,
    text: &[u32],
    frames: usize,
) -> Vec<Timing> {
    let columns = (frames / 2).min(window.dims().n_audio_ctx);
    let start = tokenizer.sot_sequence();
    let room = window.dims().n_text_ctx.saturating_sub(start.len() + 2);
    if text.is_empty() || columns == 0 || text.len() > room {
        return Vec::new();
    }
    let eot = tokenizer.eot();
    let tokens = [start, &[tokenizer.no_timestamps()], text, &[eot]].concat();
    let (logits, weights) = window.align(&tokens, columns);

    let vocab = logits.len() / tokens.len();
    let row = |i: usize| &logits[(start.len() + i) * vocab..][..eot as usize];
    let probability =
        |(i, &token): (usize, &u32)| f64::from((row(i)[token as usize] - log_sum_exp(row(i))).exp());
    let probabilities: Vec<f64> = text.iter().enumerate().map(probability).collect();

    let matrix = attention_matrix(weights);
    let begins = row_begins(&matrix.slice(s![start.len()..tokens.len() - 1, ..]).mapv(|v| -v));

    let (words, word_tokens) = tokenizer.split_to_word_tokens(&[text, &[eot]].concat());
    let mut timings = Vec::new();
    let mut at = 0;
    // The last word is the end of text.
    for (word, tokens) in words
        .into_iter()
        .zip(&word_tokens[..word_tokens.len().saturating_sub(1)])
    {
        let end = at + tokens.len();
        let probability = probabilities[at..end].iter().sum::<f64>() / tokens.len() as f64;
        timings.push(Timing {
            word,
            tokens: tokens.clone(),
            start: begins[at],
            end: begins[end],
            probability,
        });
        at = end;
    }
    timings
}

/// Mean over heads of the normalised, filtered attention: scores `[heads, tokens, frames]` to `[tokens, frames]`.
fn attention_matrix(mut weights: Array3<f32>) -> Array2<f32> {
    for mut row in weights.lanes_mut(Axis(2)) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        row.mapv_inplace(|v| (v - max).exp());
        let sum = row.iter().map(|v| f64::from(*v)).sum::<f64>() as f32;
        row.mapv_inplace(|v| v / sum);
    }
    for mut column in weights.lanes_mut(Axis(1)) {
        let n = column.len() as f64;
        let mean = column.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = column.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        let (mean, deviation) = (mean as f32, variance.sqrt() as f32);
        column.mapv_inplace(|v| (v - mean) / deviation);
    }
    for mut row in weights.lanes_mut(Axis(2)) {
        let filtered = median_filter(&row.to_vec(), MEDIAN_WIDTH);
        row.iter_mut().zip(filtered).for_each(|(v, f)| *v = f);
    }
    let heads = weights.len_of(Axis(0)) as f32;
    weights.sum_axis(Axis(0)) / heads
}

/// Running median of odd `width`, the ends reflected; rows no longer than half the width stay as they are.
fn median_filter(row: &[f32], width: usize) -> Vec<f32> {
    let (half, n) = (width / 2, row.len());
    if n <= half {
        return row.to_vec();
    }
    let reflected = |i: usize| match i.checked_sub(half) {
        None => row[half - i],
        Some(i) if i < n => row[i],
        Some(i) => row[2 * (n - 1) - i],
    };
    let mut sorted = vec![0.0; width];
    let median = |i: usize| {
        sorted
            .iter_mut()
            .enumerate()
            .for_each(|(j, v)| *v = reflected(i + j));
        sorted.sort_unstable_by(f32::total_cmp);
        sorted[half]
    };
    (0..n).map(median).collect()
}

#[derive(Clone, Copy)]
enum Step {
    Both,
    Up,
    Left,
}

/// When each row of `cost` `[tokens, frames]` begins on the cheapest monotonic path through it, in seconds.
fn row_begins(cost: &Array2<f32>) -> Vec<f64> {
    let (rows, columns) = cost.dim();
    let mut total = Array2::from_elem((rows + 1, columns + 1), f32::INFINITY);
    let mut trace = Array2::from_elem((rows + 1, columns + 1), Step::Left);
    total[(0, 0)] = 0.0;
    for i in 1..=rows {
        trace[(i, 0)] = Step::Up;
        for j in 1..=columns {
            let (both, up, left) = (total[(i - 1, j - 1)], total[(i - 1, j)], total[(i, j - 1)]);
            let (before, step) = if both < up && both < left {
                (both, Step::Both)
            } else if up < both && up < left {
                (up, Step::Up)
            } else {
                (left, Step::Left)
            };
            // The reference adds in double precision and stores in single.
            total[(i, j)] = (f64::from(cost[(i - 1, j - 1)]) + f64::from(before)) as f32;
            trace[(i, j)] = step;
        }
    }
    let mut begins = vec![0.0; rows];
    let (mut i, mut j) = (rows, columns);
    while i > 0 || j > 0 {
        // Walking back, the last column seen of a row is its first in time.
        if i > 0 {
            begins[i - 1] = j.saturating_sub(1) as f64 / TOKENS_PER_SECOND;
        }
        match trace[(i, j)] {
            Step::Both => (i, j) = (i - 1, j - 1),
            Step::Up => i -= 1,
            Step::Left => j -= 1,
        }
    }
    begins
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_reflect_the_ends() {
        // scipy.ndimage.median_filter([5, 1, 4, 2, 3], 3, mode="mirror")
        assert_eq!(
            median_filter(&[5.0, 1.0, 4.0, 2.0, 3.0], 3),
            [1.0, 4.0, 2.0, 3.0, 2.0]
        );
        assert_eq!(median_filter(&[5.0, 1.0, 4.0], 7), [5.0, 1.0, 4.0]);
    }

    #[test]
    fn a_path_jumps_where_the_next_row_becomes_cheaper() {
        let mut cost = Array2::from_elem((3, 9), 1.0f32);
        for (row, columns) in [(0, 0..3), (1, 3..7), (2, 7..9)] {
            columns.for_each(|c| cost[(row, c)] = 0.0);
        }
        assert_eq!(row_begins(&cost), [0.0, 0.06, 0.14]);
    }
}
