use xdna_ops::{Attention, Backend, Epilogue, Rows};

use super::{
    Checkpoint, Dims, ModelError,
    layers::{LayerNorm, Linear, Mlp, Projections},
};

/// The audio encoder: two convolutions, positions, transformer blocks.
#[derive(Debug)]
pub(crate) struct Encoder {
    dims: Dims,
    conv1: Linear,
    conv2: Linear,
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

#[derive(Debug)]
struct Block {
    norm: LayerNorm,
    attention: Projections,
    mlp: Mlp,
}

/// A step of the encoder, as [`Whisper::embed_audio`](crate::Whisper::embed_audio) reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// After the first convolution and GELU, `[2 * n_audio_ctx, n_audio_state]`.
    Conv1,
    /// After the second convolution and GELU, before positions are added, `[n_audio_ctx, n_audio_state]`.
    Conv2,
    /// After a transformer block, `[n_audio_ctx, n_audio_state]`.
    Block(usize),
}

impl Encoder {
    pub(crate) fn load(c: &Checkpoint) -> Result<Self, ModelError> {
        let dims = c.dims;
        let width = dims.n_audio_state;
        let block = |i| -> Result<Block, ModelError> {
            let name = format!("encoder.blocks.{i}");
            Ok(Block {
                norm: LayerNorm::load(c, &format!("{name}.attn_ln"), width)?,
                attention: Projections::load(c, &format!("{name}.attn"), width, width)?,
                mlp: Mlp::load(c, &name, width)?,
            })
        };
        Ok(Self {
            dims,
            conv1: Linear::load_conv(c, "encoder.conv1", width, dims.n_mels)?,
            conv2: Linear::load_conv(c, "encoder.conv2", width, width)?,
            positions: c.values("encoder.positional_embedding", &[dims.n_audio_ctx, width])?,
            blocks: (0..dims.n_audio_layer).map(block).collect::<Result<_, _>>()?,
            norm: LayerNorm::load(c, "encoder.ln_post", width)?,
        })
    }

    /// Encodes one window: `mel` time-major `[2 * n_audio_ctx, n_mels]`; returns `[n_audio_ctx, n_audio_state]`.
    ///
    /// `stage` sees the activations after each step (time-major) and may end the run, which then returns `None`.
    pub(crate) fn run(
        &self,
        backend: &dyn Backend,
        mel: &[f32],
        stage: &mut dyn FnMut(Stage, &[f32]) -> bool,
    ) -> Option<Vec<f32>> {
        let Dims {
            n_mels,
            n_audio_ctx: rows,
            n_audio_state: width,
            n_audio_head: heads,
            ..
        } = self.dims;

        // A row of zeros before and after the data: a convolution then is a product with overlapping rows.
        let mut padded = vec![0.0; (2 * rows + 2) * n_mels];
        padded[n_mels..][..mel.len()].copy_from_slice(mel);
        let mut wide = vec![0.0; (2 * rows + 2) * width];
        let taps = Rows {
            data: &padded,
            rows: 2 * rows,
            cols: 3 * n_mels,
            stride: n_mels,
        };
        self.conv1.apply(
            backend,
            taps,
            Epilogue::Gelu,
            &mut wide[width..][..2 * rows * width],
        );
        if !stage(Stage::Conv1, &wide[width..][..2 * rows * width]) {
            return None;
        }
        let mut x = vec![0.0; rows * width];
        let taps = Rows {
            data: &wide,
            rows,
            cols: 3 * width,
            stride: 2 * width,
        };
        self.conv2.apply(backend, taps, Epilogue::Gelu, &mut x);
        if !stage(Stage::Conv2, &x) {
            return None;
        }
        x.iter_mut().zip(&self.positions).for_each(|(x, p)| *x += p);

        let mut normed = vec![0.0; x.len()];
        let mut hidden = vec![0.0; 4 * x.len()];
        for (i, block) in self.blocks.iter().enumerate() {
            block.norm.apply(backend, &x, &mut normed);
            let input = Rows::dense(&normed, width);
            {
                let (q, rest) = hidden.split_at_mut(x.len());
                let (k, rest) = rest.split_at_mut(x.len());
                let (v, mixed) = rest.split_at_mut(x.len());
                block.attention.query.apply(backend, input, Epilogue::Store, q);
                block.attention.key.apply(backend, input, Epilogue::Store, k);
                block.attention.value.apply(backend, input, Epilogue::Store, v);
                let (q, k, v) = (
                    Rows::dense(q, width),
                    Rows::dense(k, width),
                    Rows::dense(v, width),
                );
                backend.attention(Attention { q, k, v, heads }, mixed);
                block
                    .attention
                    .out
                    .apply(backend, Rows::dense(mixed, width), Epilogue::Add, &mut x);
            }
            block.mlp.apply(backend, &mut x, &mut normed, &mut hidden);
            if !stage(Stage::Block(i), &x) {
                return None;
            }
        }
        self.norm.apply(backend, &x, &mut normed);
        Some(normed)
    }
}
