use xdna_ops::log_sum_exp;

/// A sequence of sampled tokens and its cumulative log-probability.
pub(crate) type Beam = (Vec<u32>, f32);

/// Beam search of one window, as the reference's `BeamSearchDecoder`.
#[derive(Debug)]
pub(crate) struct BeamSearch {
    size: usize,
    max_candidates: usize,
    eot: u32,
    /// Sequences that have ended (without the end-of-text token), in the order they were found.
    finished: Vec<Beam>,
}

impl BeamSearch {
    /// `size * patience` (rounded) ended sequences end the search.
    pub(crate) fn new(size: usize, patience: f64, eot: u32) -> Self {
        let max_candidates = (patience * size as f64).round_ties_even() as usize;
        Self {
            size,
            max_candidates,
            eot,
            finished: Vec::new(),
        }
    }

    /// Extends `beams` by one token each, given the logits `[beams.len(), n_vocab]`; returns which beam each new one
    /// continues, and whether enough sequences have ended.
    ///
    /// Before the first token all beams are the same, and one stands for them all.
    pub(crate) fn update(&mut self, beams: &mut Vec<Beam>, logits: &[f32]) -> (Vec<usize>, bool) {
        let vocab = logits.len() / beams.len();
        let mut candidates: Vec<(f32, usize, u32)> = Vec::with_capacity(beams.len() * (self.size + 1));
        for (i, ((_, sum), logits)) in beams.iter().zip(logits.chunks_exact(vocab)).enumerate() {
            let normaliser = log_sum_exp(logits);
            let scored = top(logits, self.size + 1)
                .into_iter()
                .map(|t| (sum + (logits[t as usize] - normaliser), i, t));
            candidates.extend(scored);
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));

        let (mut next, mut sources, room) = (Vec::new(), Vec::new(), self.max_candidates);
        for (score, source, token) in candidates {
            let sequence = &beams[source].0;
            if token == self.eot {
                if self.finished.len() < room {
                    self.finished.push((sequence.clone(), score));
                }
                continue;
            }
            next.push(([sequence.as_slice(), &[token]].concat(), score));
            sources.push(source);
            if next.len() == self.size {
                break;
            }
        }
        *beams = next;
        (sources, self.finished.len() >= room)
    }

    /// The candidates to rank: all that ended, and the best unfinished ones where those are fewer than the beams.
    pub(crate) fn finalize(mut self, mut beams: Vec<Beam>) -> Vec<Beam> {
        if self.finished.len() < self.size {
            // Ascending, then from the back, as the reference's reversed argsort.
            beams.sort_by(|a, b| a.1.total_cmp(&b.1));
            let missing = self.size - self.finished.len();
            self.finished.extend(beams.into_iter().rev().take(missing));
        }
        self.finished
    }
}

/// The `n` most likely tokens, the likeliest first, the lower id first among equals.
fn top(logits: &[f32], n: usize) -> Vec<u32> {
    let mut best: Vec<u32> = Vec::with_capacity(n + 1);
    for (i, &logit) in logits.iter().enumerate() {
        if best.len() == n && logit <= logits[best[n - 1] as usize] {
            continue;
        }
        let at = best.partition_point(|&t| logits[t as usize] >= logit);
        best.insert(at, i as u32);
        best.truncate(n);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const EOT: u32 = 3;

    #[test]
    fn the_best_tokens_come_in_order() {
        assert_eq!(top(&[1.0, 5.0, 5.0, 0.0, 7.0], 3), [4, 1, 2]);
    }

    #[test]
    fn an_ended_sequence_leaves_its_place_to_the_next_best() {
        let mut search = BeamSearch::new(2, 1.0, EOT);
        let mut beams = vec![(vec![], 0.0)];
        let (sources, done) = search.update(&mut beams, &[0.3, 0.15, 0.05, 0.5].map(f32::ln));
        assert_eq!((sources, done), (vec![0, 0], false));
        assert_eq!((&beams[0].0, &beams[1].0), (&vec![0], &vec![1]));
        assert_eq!(search.finished.len(), 1);
        assert!((search.finished[0].1 - 0.5f32.ln()).abs() < 1e-6);

        // The second beam now has the better continuation: 0.15 x 0.9 against 0.3 x 0.27.
        let logits =
            [[0.27, 0.24, 0.24, 0.25], [0.9, 0.05, 0.03, 0.02]].map(|row: [f32; 4]| row.map(f32::ln));
        let (sources, done) = search.update(&mut beams, logits.as_flattened());
        assert_eq!(
            (sources, done),
            (vec![1, 0], false),
            "the end of beam 0 (0.075) ranks below two others (0.135, 0.081)"
        );
        assert_eq!((&beams[0].0, &beams[1].0), (&vec![1, 0], &vec![0, 0]));
        let all: Vec<Vec<u32>> = search
            .finalize(beams)
            .into_iter()
            .map(|(tokens, _)| tokens)
            .collect();
        assert_eq!(all, [vec![], vec![1, 0]]);
    }

    #[test]
    fn unfinished_beams_fill_up_the_candidates() {
        let all = BeamSearch::new(2, 1.0, EOT).finalize(vec![(vec![1], -2.0), (vec![2], -1.0)]);
        assert_eq!(all, [(vec![2], -1.0), (vec![1], -2.0)]);
    }

    #[test]
    fn patience_asks_for_more_sequences() {
        assert_eq!(BeamSearch::new(5, 2.0, EOT).max_candidates, 10);
        assert_eq!(
            BeamSearch::new(5, 0.5, EOT).max_candidates,
            2,
            "Python rounds 2.5 to even"
        );
    }
}
