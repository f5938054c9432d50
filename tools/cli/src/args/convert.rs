//! Flags of `xdna convert`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Type {
    /// Single precision; directories only
    F32,
    /// Half precision, as OpenAI released them
    F16,
    /// bfloat16; directories only
    Bf16,
    /// 8 bits, blocks of 32
    #[value(name = "q8_0")]
    Q8_0,
    /// 5 bits with a minimum
    #[value(name = "q5_1")]
    Q5_1,
    /// 5 bits
    #[value(name = "q5_0")]
    Q5_0,
    /// 4 bits with a minimum
    #[value(name = "q4_1")]
    Q4_1,
    /// 4 bits
    #[value(name = "q4_0")]
    Q4_0,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  xdna convert whisper-base/ ggml-base-q5_1.bin --type q5_1   a file for whisper.cpp and xdna
  xdna convert ggml-base.bin whisper-base/ --type f16         a directory for transformers and xdna")]
pub(crate) struct Convert {
    /// Model to read: whatever `xdna transcribe --model` takes
    #[arg(value_name = "IN")]
    pub(crate) from: String,
    /// Where to write: a whisper.cpp file if it ends in .bin, else a Hugging Face directory
    #[arg(value_name = "OUT")]
    pub(crate) to: PathBuf,
    /// How to store the weights
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "f16")]
    pub(crate) dtype: Type,
    /// Replace a file that exists
    #[arg(long)]
    pub(crate) force: bool,
}
