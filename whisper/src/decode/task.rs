use xdna_ops::log_sum_exp;

use super::{
    Inference,
    beam::{Beam, BeamSearch},
    filters::{Filters, TimestampRules},
    sample::Sampler,
};
use crate::{
    Cancel, Error, Options, compression::compression_ratio, model::Dims, options::Suppress, python::strip,
    tokenizer::Tokenizer,
};

/// What one window decoded to at one temperature.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decoded {
    /// Sampled tokens, without the end of text.
    pub(crate) tokens: Vec<u32>,
    pub(crate) avg_logprob: f64,
    pub(crate) no_speech_prob: f64,
    pub(crate) temperature: f64,
    pub(crate) compression_ratio: f64,
}

/// How windows of one transcription are decoded.
pub(crate) struct DecodingTask<'a> {
    tokenizer: &'a Tokenizer,
    options: &'a Options,
    n_text_ctx: usize,
    sample_len: usize,
    filters: Filters,
}

impl<'a> DecodingTask<'a> {
    /// # Errors
    /// Options that exclude each other or are out of range, as the reference refuses them.
    pub(crate) fn new(tokenizer: &'a Tokenizer, options: &'a Options, dims: &Dims) -> Result<Self, Error> {
        verify(options, dims)?;
        let precision = 30.0 / dims.n_audio_ctx as f64;
        // As in the reference a limit of 0 is no limit.
        let limit = options.max_initial_timestamp.filter(|seconds| *seconds != 0.0);
        let max_initial = limit.map(|seconds| (seconds / precision).round_ties_even() as u32);
        let blank = options
            .suppress_blank
            .then(|| [tokenizer.encode(" "), vec![tokenizer.eot()]].concat());
        let filters = Filters {
            blank: blank.unwrap_or_default(),
            suppressed: suppressed(tokenizer, &options.suppress_tokens),
            timestamps: (!options.without_timestamps).then(|| TimestampRules::new(tokenizer, max_initial)),
        };
        let sample_len = options.sample_len.unwrap_or(dims.n_text_ctx / 2);
        Ok(Self {
            tokenizer,
            options,
            n_text_ctx: dims.n_text_ctx,
            sample_len,
            filters,
        })
    }

    /// Tokens before the first sampled one: previous text, start of transcript, language, task, prefix.
    fn initial_tokens(&self, prompt: &[u32]) -> Vec<u32> {
        let half = self.n_text_ctx / 2;
        let mut tokens = Vec::new();
        if !prompt.is_empty() {
            tokens.push(self.tokenizer.sot_prev());
            tokens.extend(&prompt[prompt.len().saturating_sub(half - 1)..]);
        }
        if self.options.without_timestamps {
            tokens.extend(self.tokenizer.sot_sequence_including_notimestamps());
        } else {
            tokens.extend(self.tokenizer.sot_sequence());
        }
        if let Some(prefix) = &self.options.prefix {
            let prefix = self.tokenizer.encode(&format!(" {}", strip(prefix)));
            // The reference keeps all of it where no room is left by the sample length, its default.
            let room = half.saturating_sub(self.sample_len);
            let keep = if room == 0 {
                prefix.len()
            } else {
                room.min(prefix.len())
            };
            tokens.extend(&prefix[prefix.len() - keep..]);
        }
        tokens
    }

    /// Decodes a window that continues `prompt` (tokens of the text before it).
    ///
    /// # Errors
    /// [`Error::Cancelled`], and [`Error::Option`] for a prompt that leaves no room to sample.
    pub(crate) fn run(
        &self,
        inference: &mut dyn Inference,
        prompt: &[u32],
        temperature: f64,
        seed: u64,
        cancel: &Cancel,
    ) -> Result<Decoded, Error> {
        let initial = self.initial_tokens(prompt);
        if initial.len() > self.n_text_ctx {
            let (len, limit) = (initial.len(), self.n_text_ctx);
            return Err(Error::Option(format!(
                "prompt and prefix take {len} tokens, the model reads {limit} at most"
            )));
        }
        let sot = initial
            .iter()
            .position(|&t| t == self.tokenizer.sot())
            .unwrap_or(0);
        let (at_sot, last) = inference.start(&initial, sot);
        let no_speech = at_sot[self.tokenizer.no_speech() as usize] - log_sum_exp(&at_sot);
        // The reference stops once a sequence is longer than the context.
        let steps = self.sample_len.min(self.n_text_ctx + 1 - initial.len());

        let beams = self.options.beam_size.filter(|_| temperature == 0.0);
        let candidates = match beams {
            Some(size) => self.beam_search(inference, last, steps, size, cancel)?,
            None => {
                let group = if temperature == 0.0 {
                    1
                } else {
                    self.options.best_of.unwrap_or(1)
                };
                self.sample(
                    inference,
                    last,
                    steps,
                    Sampler::new(temperature as f32, seed),
                    group,
                    cancel,
                )?
            }
        };
        let (tokens, sum) = rank(candidates, self.options.length_penalty);
        let text = self.tokenizer.decode(&tokens);
        Ok(Decoded {
            avg_logprob: f64::from(sum) / (tokens.len() + 1) as f64,
            no_speech_prob: f64::from(no_speech.exp()),
            temperature,
            compression_ratio: compression_ratio(strip(&text)),
            tokens,
        })
    }

    fn sample(
        &self,
        inference: &mut dyn Inference,
        first: Vec<f32>,
        steps: usize,
        mut sampler: Sampler,
        group: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Beam>, Error> {
        let eot = self.tokenizer.eot();
        let mut sequences: Vec<Beam> = vec![(Vec::new(), 0.0); group];
        let mut ended = vec![false; group];
        let vocab = first.len();
        let mut logits = first.repeat(group);
        // Which row of `logits` belongs to which sequence: those that have ended are not computed any more.
        let mut live: Vec<usize> = (0..group).collect();
        let mut sources = vec![0; group];
        for step in 0..steps {
            if step > 0 {
                let newest: Vec<u32> = live
                    .iter()
                    .filter_map(|&i| sequences[i].0.last().copied())
                    .collect();
                inference.step(&sources, &newest, &mut logits);
            }
            cancel.check()?;
            for (row, &i) in logits.chunks_exact_mut(vocab).zip(&live) {
                self.filters.apply(row, &sequences[i].0);
                let (token, logprob) = sampler.pick(row);
                sequences[i].1 += logprob;
                if token == eot {
                    ended[i] = true;
                } else {
                    sequences[i].0.push(token);
                }
            }
            // All begin as copies of the one sequence that is the prompt.
            let row = |row| if step == 0 { 0 } else { row };
            let goes_on = |&row: &usize| !ended[live[row]];
            sources = (0..live.len()).filter(goes_on).map(row).collect();
            live.retain(|&i| !ended[i]);
            if live.is_empty() {
                break;
            }
        }
        Ok(sequences)
    }

    fn beam_search(
        &self,
        inference: &mut dyn Inference,
        first: Vec<f32>,
        steps: usize,
        size: usize,
        cancel: &Cancel,
    ) -> Result<Vec<Beam>, Error> {
        let mut search = BeamSearch::new(size, self.options.patience.unwrap_or(1.0), self.tokenizer.eot());
        let mut beams: Vec<Beam> = vec![(Vec::new(), 0.0)];
        let vocab = first.len();
        let (mut logits, mut sources) = (first, Vec::new());
        for step in 0..steps {
            if step > 0 {
                let newest: Vec<u32> = beams
                    .iter()
                    .filter_map(|(tokens, _)| tokens.last().copied())
                    .collect();
                inference.step(&sources, &newest, &mut logits);
            }
            cancel.check()?;
            for (row, (tokens, _)) in logits.chunks_exact_mut(vocab).zip(&beams) {
                self.filters.apply(row, tokens);
            }
            let done;
            (sources, done) = search.update(&mut beams, &logits);
            if done {
                break;
            }
        }
        Ok(search.finalize(beams))
    }
}

/// The candidate with the highest log-probability for its length, the first of equals.
fn rank(candidates: Vec<Beam>, length_penalty: Option<f64>) -> Beam {
    let score = |(tokens, sum): &Beam| {
        let length = tokens.len() as f64;
        let penalty = length_penalty.map_or(length, |alpha| ((5.0 + length) / 6.0).powf(alpha));
        // An empty candidate has no length to divide by (the reference raises an error there).
        f64::from(*sum) / penalty.max(f64::MIN_POSITIVE)
    };
    let better = |best: Beam, next: Beam| if score(&next) > score(&best) { next } else { best };
    candidates.into_iter().reduce(better).unwrap_or_default()
}

fn suppressed(tokenizer: &Tokenizer, suppress: &Suppress) -> Vec<u32> {
    let mut tokens = match suppress {
        Suppress::Only(tokens) => tokens.clone(),
        Suppress::NonSpeech(more) => [more.as_slice(), &tokenizer.non_speech_tokens()].concat(),
    };
    // With `""` the reference leaves the whole filter out.
    if !matches!(suppress, Suppress::Only(tokens) if tokens.is_empty()) {
        let special = [
            tokenizer.transcribe(),
            tokenizer.translate(),
            tokenizer.sot(),
            tokenizer.sot_prev(),
        ];
        tokens.extend(
            special
                .into_iter()
                .chain([tokenizer.sot_lm(), tokenizer.no_speech()]),
        );
    }
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

fn verify(options: &Options, dims: &Dims) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Option(why));
    if options.temperature.is_empty() {
        return refuse("no temperature to decode at".to_owned());
    }
    if let Some(t) = options.temperature.iter().find(|t| !t.is_finite() || **t < 0.0) {
        return refuse(format!("temperature {t} is not a number from 0 up"));
    }
    if options.beam_size == Some(0) || options.best_of == Some(0) {
        return refuse("beam size and best-of are at least 1".to_owned());
    }
    if let Some(patience) = options.patience {
        let candidates = options
            .beam_size
            .map(|size| (patience * size as f64).round_ties_even());
        match candidates {
            None => return refuse("patience needs a beam size".to_owned()),
            Some(n) if !(1.0..10_000.0).contains(&n) => {
                return refuse(format!("patience {patience} is out of range"));
            }
            Some(_) => {}
        }
    }
    if let Some(alpha) = options
        .length_penalty
        .filter(|alpha| !(0.0..=1.0).contains(alpha))
    {
        return refuse(format!("length penalty {alpha} is not between 0 and 1"));
    }
    let listed = match &options.suppress_tokens {
        Suppress::Only(tokens) | Suppress::NonSpeech(tokens) => tokens,
    };
    if let Some(token) = listed.iter().find(|t| **t as usize >= dims.n_vocab) {
        return refuse(format!(
            "token {token} to suppress is not one of the model's {}",
            dims.n_vocab
        ));
    }
    if options
        .max_initial_timestamp
        .is_some_and(|s| !(0.0..=1e6).contains(&s))
    {
        return refuse("the first timestamp's limit is a number of seconds from 0 up".to_owned());
    }
    Ok(())
}
