use xdna_ops::{argmax, log_sum_exp};

/// Picks tokens: the likeliest at temperature 0, else at random in proportion to `exp(logit / temperature)`.
#[derive(Debug)]
pub(crate) struct Sampler {
    temperature: f32,
    rng: fastrand::Rng,
}

impl Sampler {
    pub(crate) fn new(temperature: f32, seed: u64) -> Self {
        Self {
            temperature,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// A token and its log-probability (at temperature 1, after the filters).
    pub(crate) fn pick(&mut self, logits: &[f32]) -> (u32, f32) {
        let token = if self.temperature == 0.0 {
            argmax(logits)
        } else {
            self.draw(logits)
        };
        (token as u32, logits[token] - log_sum_exp(logits))
    }

    fn draw(&mut self, logits: &[f32]) -> usize {
        let mut token = argmax(logits);
        let max = logits[token];
        let weight = |logit: f32| f64::from((logit - max) / self.temperature).exp();
        let total: f64 = logits.iter().map(|&l| weight(l)).sum();
        let mut left = self.rng.f64() * total;
        for (i, &logit) in logits.iter().enumerate() {
            let weight = weight(logit);
            if weight > 0.0 {
                token = i;
                left -= weight;
                if left < 0.0 {
                    break;
                }
            }
        }
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_zero_takes_the_first_of_the_likeliest() {
        let (token, logprob) = Sampler::new(0.0, 1).pick(&[0.0, 1.0, 1.0, f32::NEG_INFINITY]);
        let expected = 1.0 - (1.0 + 2.0 * 1f64.exp()).ln();
        assert_eq!(token, 1);
        assert!(
            (f64::from(logprob) - expected).abs() < 1e-6,
            "{logprob} {expected}"
        );
    }

    #[test]
    fn draws_are_as_frequent_as_they_are_likely() {
        let logits: [f32; 5] = [2.0, 1.0, 0.0, f32::NEG_INFINITY, -1.0];
        for temperature in [0.2f32, 0.6, 1.0] {
            let weights = logits.map(|l| f64::from(l / temperature).exp());
            let total: f64 = weights.iter().sum();
            let (mut sampler, mut seen, n) = (Sampler::new(temperature, 7), [0u32; 5], 100_000);
            (0..n).for_each(|_| seen[sampler.pick(&logits).0 as usize] += 1);
            assert_eq!(seen[3], 0);
            let distance = |i: usize| {
                let expected = weights[i] / total * f64::from(n);
                (f64::from(seen[i]) - expected).powi(2) / expected
            };
            let chi: f64 = [0, 1, 2, 4].into_iter().map(distance).sum();
            assert!(
                chi < 16.27,
                "chi-square {chi}: with 3 degrees of freedom 1 in 1000 exceeds 16.27"
            );
        }
    }

    #[test]
    fn a_seed_repeats_its_draws_and_another_does_not() {
        let draws = |seed| {
            let mut sampler = Sampler::new(1.0, seed);
            (0..20).map(|_| sampler.pick(&[0.5; 50]).0).collect::<Vec<_>>()
        };
        assert_eq!(draws(3), draws(3));
        assert_ne!(draws(3), draws(4));
    }
}
