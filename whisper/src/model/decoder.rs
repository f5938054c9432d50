use xdna_ops::{Attention, Backend, CacheRow, DecodeAttention, Epilogue, Matrix, Rows};

use super::{
    Checkpoint, Dims, ModelError,
    cache::SelfCache,
    layers::{LayerNorm, Mlp, Projections},
};

/// The text decoder.
#[derive(Debug)]
pub(crate) struct Decoder {
    dims: Dims,
    embedding: Matrix,
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

#[derive(Debug)]
struct Block {
    attention_norm: LayerNorm,
    attention: Projections,
    cross_norm: LayerNorm,
    cross: Projections,
    mlp: Mlp,
}

/// Cross-attention keys and values of one encoded window, a pair a layer, each `[n_audio_ctx, n_text_state]`.
#[derive(Debug)]
pub(crate) struct CrossCache(Vec<(Vec<f32>, Vec<f32>)>);

/// Scaled cross-attention scores before the softmax, kept for word timing: a `[heads, n, n_audio_ctx]` a layer.
pub(crate) type Scores = Vec<Vec<f32>>;

impl Decoder {
    pub(crate) fn load(c: &Checkpoint) -> Result<Self, ModelError> {
        let dims = c.dims;
        let (width, source) = (dims.n_text_state, dims.n_audio_state);
        let block = |i| -> Result<Block, ModelError> {
            let name = format!("decoder.blocks.{i}");
            Ok(Block {
                attention_norm: LayerNorm::load(c, &format!("{name}.attn_ln"), width)?,
                attention: Projections::load(c, &format!("{name}.attn"), width, width)?,
                cross_norm: LayerNorm::load(c, &format!("{name}.cross_attn_ln"), width)?,
                cross: Projections::load(c, &format!("{name}.cross_attn"), width, source)?,
                mlp: Mlp::load(c, &name, width)?,
            })
        };
        Ok(Self {
            dims,
            embedding: c.matrix("decoder.token_embedding.weight", &[dims.n_vocab, width])?,
            positions: c.values("decoder.positional_embedding", &[dims.n_text_ctx, width])?,
            blocks: (0..dims.n_text_layer).map(block).collect::<Result<_, _>>()?,
            norm: LayerNorm::load(c, "decoder.ln", width)?,
        })
    }

    /// Empty caches for one decoding.
    pub(crate) fn new_cache(&self) -> SelfCache {
        SelfCache::new(self.blocks.len(), self.dims.n_text_state)
    }

    /// Keys and values of every layer for one encoded window, `features` `[n_audio_ctx, n_audio_state]`.
    pub(crate) fn cross(&self, backend: &dyn Backend, features: &[f32]) -> CrossCache {
        let input = Rows::dense(features, self.dims.n_audio_state);
        let project = |block: &Block| {
            let mut k = vec![0.0; input.rows * self.dims.n_text_state];
            let mut v = k.clone();
            block.cross.key.apply(backend, input, Epilogue::Store, &mut k);
            block.cross.value.apply(backend, input, Epilogue::Store, &mut v);
            (k, v)
        };
        CrossCache(self.blocks.iter().map(project).collect())
    }

    /// Runs new tokens through the decoder and returns the normalised activations, `[n, n_text_state]`.
    ///
    /// Token `i` of `tokens` continues sequence `i` of `cache` where there are as many tokens as sequences; else the
    /// cache holds one sequence and all tokens continue it, one after the other.
    pub(crate) fn run(
        &self,
        backend: &dyn Backend,
        tokens: &[u32],
        cross: &CrossCache,
        cache: &mut SelfCache,
        mut scores: Option<&mut Scores>,
    ) -> Vec<f32> {
        let (width, heads, n) = (self.dims.n_text_state, self.dims.n_text_head, tokens.len());
        let new = cache.extend(n);
        let mut x = vec![0.0; n * width];
        for ((x, &token), new) in x.chunks_exact_mut(width).zip(tokens).zip(&new) {
            self.embedding.row_into(token as usize, x);
            let position = &self.positions[new.position * width..][..width];
            x.iter_mut().zip(position).for_each(|(x, p)| *x += p);
        }
        let mut normed = vec![0.0; x.len()];
        let mut hidden = vec![0.0; 4 * x.len()];
        for (layer, block) in self.blocks.iter().enumerate() {
            block.attention_norm.apply(backend, &x, &mut normed);
            let input = Rows::dense(&normed, width);
            {
                let (q, rest) = hidden.split_at_mut(n * width);
                let (k, rest) = rest.split_at_mut(n * width);
                let (v, mixed) = rest.split_at_mut(n * width);
                block.attention.query.apply(backend, input, Epilogue::Store, q);
                block.attention.key.apply(backend, input, Epilogue::Store, k);
                block.attention.value.apply(backend, input, Epilogue::Store, v);
                cache.store(layer, &new, k, v);
                let seen: Vec<&[CacheRow]> = new.iter().map(|new| cache.seen(new)).collect();
                let (k, v) = cache.layer(layer);
                backend.decode_attention(
                    DecodeAttention {
                        q: Rows::dense(q, width),
                        k,
                        v,
                        seen: &seen,
                        heads,
                    },
                    mixed,
                );
                block
                    .attention
                    .out
                    .apply(backend, Rows::dense(mixed, width), Epilogue::Add, &mut x);
            }
            block.cross_norm.apply(backend, &x, &mut normed);
            {
                let (q, mixed) = hidden.split_at_mut(n * width);
                block
                    .cross
                    .query
                    .apply(backend, Rows::dense(&normed, width), Epilogue::Store, q);
                let (k, v) = &cross.0[layer];
                let a = Attention {
                    q: Rows::dense(q, width),
                    k: Rows::dense(k, width),
                    v: Rows::dense(v, width),
                    heads,
                };
                let keep = scores.as_deref_mut().map(|scores| {
                    scores.push(vec![0.0; heads * n * self.dims.n_audio_ctx]);
                    scores.last_mut().map(Vec::as_mut_slice)
                });
                backend.cross_attention(a, keep.flatten(), &mut mixed[..n * width]);
                block.cross.out.apply(
                    backend,
                    Rows::dense(&mixed[..n * width], width),
                    Epilogue::Add,
                    &mut x,
                );
            }
            block.mlp.apply(backend, &mut x, &mut normed, &mut hidden);
        }
        self.norm.apply(backend, &x, &mut normed);
        normed
    }

    /// Logits of normalised activations `[n, n_text_state]`: `[n, n_vocab]`.
    pub(crate) fn logits(&self, backend: &dyn Backend, activations: &[f32], out: &mut Vec<f32>) {
        let input = Rows::dense(activations, self.dims.n_text_state);
        out.clear();
        out.resize(input.rows * self.dims.n_vocab, 0.0);
        backend.linear(input, &self.embedding, None, Epilogue::Store, out);
    }
}
