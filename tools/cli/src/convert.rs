//! `xdna convert`: thin over `xdna_whisper::convert`.

use xdna_ops::DType;
use xdna_whisper::{
    convert::{self, ConvertError},
    model::locate::Places,
};

use crate::{
    args::{Convert, Type},
    exit::usage,
    model,
    terminal::Out,
};

fn dtype(name: Type) -> DType {
    match name {
        Type::F32 => DType::F32,
        Type::F16 => DType::F16,
        Type::Bf16 => DType::BF16,
        Type::Q8_0 => DType::Q8_0,
        Type::Q5_1 => DType::Q5_1,
        Type::Q5_0 => DType::Q5_0,
        Type::Q4_1 => DType::Q4_1,
        Type::Q4_0 => DType::Q4_0,
    }
}

/// Reads the model and writes it; says where.
///
/// # Errors
/// Where the model is not there or not sound, `OUT` exists, the form cannot hold the type, or writing fails.
pub(crate) fn run(args: &Convert, places: &Places, out: &mut Out) -> anyhow::Result<()> {
    let checkpoint = model::load(&args.from, places, false)?;
    let (to, dtype) = (&args.to, dtype(args.dtype));
    let is_file = to.extension().is_some_and(|e| e == "bin") && !to.is_dir();
    let result = if is_file {
        convert::ggml_file(&checkpoint, dtype, to, args.force)
    } else {
        convert::huggingface_directory(&checkpoint, dtype, to, args.force)
    };
    match result {
        Ok(()) => Ok(out.line(&to.display().to_string())?),
        Err(e @ ConvertError::Type { .. }) => Err(usage(e.to_string())),
        Err(ConvertError::Exists { path }) => {
            Err(anyhow::anyhow!("{} exists; --force replaces it", path.display()))
        }
        Err(e) => Err(e.into()),
    }
}
