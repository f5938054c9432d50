use crate::{Error, Options, decode::Decoded};

/// Decodes at one temperature after the other until a result passes the thresholds; keeps the last one otherwise.
///
/// Returns the result and how often it was decoded again.
pub(super) fn decode_with_fallback(
    options: &Options,
    mut decode: impl FnMut(f64) -> Result<Decoded, Error>,
) -> Result<(Decoded, usize), Error> {
    let (first, higher) = options
        .temperature
        .split_first()
        .ok_or_else(|| Error::Option("no temperature".to_owned()))?;
    let mut result = decode(*first)?;
    for (again, &temperature) in higher.iter().enumerate() {
        if !failed(&result, options) {
            return Ok((result, again));
        }
        log::debug!(
            "decoding again at temperature {temperature}: log-probability {:.3}, compression ratio {:.3}",
            result.avg_logprob,
            result.compression_ratio
        );
        result = decode(temperature)?;
    }
    Ok((result, higher.len()))
}

fn failed(result: &Decoded, options: &Options) -> bool {
    let repetitive = options
        .compression_ratio_threshold
        .is_some_and(|limit| result.compression_ratio > limit);
    let improbable = options
        .logprob_threshold
        .is_some_and(|limit| result.avg_logprob < limit);
    let silent = options
        .no_speech_threshold
        .is_some_and(|limit| result.no_speech_prob > limit)
        && improbable;
    (repetitive || improbable) && !silent
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the rule on results with these (log-probability, compression ratio, no-speech probability).
    fn run(results: &[(f64, f64, f64)], options: &Options) -> (f64, usize) {
        let mut left = results.iter();
        let decoded = decode_with_fallback(options, |temperature| {
            let &(avg_logprob, compression_ratio, no_speech_prob) = left.next().expect("no further decoding");
            Ok(Decoded {
                tokens: vec![],
                avg_logprob,
                no_speech_prob,
                temperature,
                compression_ratio,
            })
        });
        let (decoded, again) = decoded.unwrap();
        assert_eq!(left.len(), 0, "decoded less often than expected");
        (decoded.temperature, again)
    }

    #[test]
    fn a_good_result_is_kept() {
        assert_eq!(run(&[(-0.5, 1.5, 0.0)], &Options::default()), (0.0, 0));
    }

    #[test]
    fn improbable_and_repetitive_results_are_decoded_again() {
        let results = [(-1.01, 1.0, 0.0), (-0.5, 2.41, 0.0), (-1.0, 2.4, 0.0)];
        assert_eq!(run(&results, &Options::default()), (0.4, 2));
    }

    #[test]
    fn silence_is_not_decoded_again() {
        assert_eq!(run(&[(-1.5, 1.0, 0.61)], &Options::default()), (0.0, 0));
        assert_eq!(run(&[(-1.5, 3.0, 0.61)], &Options::default()), (0.0, 0));
        assert_eq!(
            run(&[(-0.5, 3.0, 0.99), (-0.5, 1.0, 0.99)], &Options::default()),
            (0.2, 1)
        );
    }

    #[test]
    fn the_last_temperature_is_kept_whatever_it_gives() {
        assert_eq!(run(&[(-2.0, 1.0, 0.0); 6], &Options::default()), (1.0, 5));
    }

    #[test]
    fn thresholds_can_be_switched_off() {
        let options = Options {
            logprob_threshold: None,
            compression_ratio_threshold: None,
            ..Options::default()
        };
        assert_eq!(run(&[(-9.0, 9.0, 0.0)], &options), (0.0, 0));
    }
}
