use xdna_ops::{Backend, Epilogue, Matrix, Rows};

use super::{Checkpoint, ModelError};

/// `y = x w^T + b`.
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Matrix,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// The layer `name`: `name.weight` `[rows, cols]` and, where `bias`, `name.bias` `[rows]`.
    pub(crate) fn load(
        c: &Checkpoint,
        name: &str,
        rows: usize,
        cols: usize,
        bias: bool,
    ) -> Result<Self, ModelError> {
        let weight = c.matrix(&format!("{name}.weight"), &[rows, cols])?;
        let bias = bias
            .then(|| c.values(&format!("{name}.bias"), &[rows]))
            .transpose()?;
        Ok(Self { weight, bias })
    }

    /// The convolution `name` of kernel width 3 over time-major rows: taps outermost, channels innermost.
    pub(crate) fn load_conv(
        c: &Checkpoint,
        name: &str,
        out: usize,
        channels: usize,
    ) -> Result<Self, ModelError> {
        let file = c.values(&format!("{name}.weight"), &[out, channels, 3])?;
        let mut taps = vec![0.0; file.len()];
        for (dst, src) in taps
            .chunks_exact_mut(3 * channels)
            .zip(file.chunks_exact(3 * channels))
        {
            for (channel, src) in src.chunks_exact(3).enumerate() {
                (0..3).for_each(|tap| dst[tap * channels + channel] = src[tap]);
            }
        }
        let storage = |source| ModelError::Storage {
            name: name.to_owned(),
            source,
        };
        let weight = Matrix::from_f32(out, 3 * channels, &taps).map_err(storage)?;
        Ok(Self {
            weight,
            bias: Some(c.values(&format!("{name}.bias"), &[out])?),
        })
    }

    pub(crate) fn apply(&self, backend: &dyn Backend, x: Rows<'_>, epilogue: Epilogue, out: &mut [f32]) {
        backend.linear(x, &self.weight, self.bias.as_deref(), epilogue, out);
    }
}

/// Layer normalisation with gain and bias.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    gain: Vec<f32>,
    bias: Vec<f32>,
}

impl LayerNorm {
    pub(crate) fn load(c: &Checkpoint, name: &str, width: usize) -> Result<Self, ModelError> {
        let gain = c.values(&format!("{name}.weight"), &[width])?;
        Ok(Self {
            gain,
            bias: c.values(&format!("{name}.bias"), &[width])?,
        })
    }

    pub(crate) fn apply(&self, backend: &dyn Backend, x: &[f32], out: &mut [f32]) {
        backend.layer_norm(Rows::dense(x, self.gain.len()), &self.gain, &self.bias, out);
    }
}

/// Query, key, value and output projections of one attention.
#[derive(Debug)]
pub(crate) struct Projections {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) out: Linear,
}

impl Projections {
    /// Keys and values are made of rows of `source` values; Whisper's key projection has no bias.
    pub(crate) fn load(c: &Checkpoint, name: &str, width: usize, source: usize) -> Result<Self, ModelError> {
        Ok(Self {
            query: Linear::load(c, &format!("{name}.query"), width, width, true)?,
            key: Linear::load(c, &format!("{name}.key"), width, source, false)?,
            value: Linear::load(c, &format!("{name}.value"), width, source, true)?,
            out: Linear::load(c, &format!("{name}.out"), width, width, true)?,
        })
    }
}

/// The two linear layers after an attention, with GELU between them.
#[derive(Debug)]
pub(crate) struct Mlp {
    norm: LayerNorm,
    wide: Linear,
    narrow: Linear,
}

impl Mlp {
    pub(crate) fn load(c: &Checkpoint, block: &str, width: usize) -> Result<Self, ModelError> {
        Ok(Self {
            norm: LayerNorm::load(c, &format!("{block}.mlp_ln"), width)?,
            wide: Linear::load(c, &format!("{block}.mlp.0"), 4 * width, width, true)?,
            narrow: Linear::load(c, &format!("{block}.mlp.2"), width, 4 * width, true)?,
        })
    }

    /// `x += narrow(gelu(wide(norm(x))))`; `normed` takes as many values as `x`, `hidden` four times as many.
    pub(crate) fn apply(&self, backend: &dyn Backend, x: &mut [f32], normed: &mut [f32], hidden: &mut [f32]) {
        let width = self.norm.gain.len();
        self.norm.apply(backend, x, normed);
        self.wide
            .apply(backend, Rows::dense(normed, width), Epilogue::Gelu, hidden);
        self.narrow
            .apply(backend, Rows::dense(hidden, 4 * width), Epilogue::Add, x);
    }
}
