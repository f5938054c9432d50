//! All files of `prebuilt/`, made anew: the same designs give the same bytes.

use xdna_runtime::formats::Generation;

use crate::{
    DesignError,
    build::KERNEL,
    loopback::{self, Pattern},
    manifest::{Buffer, Manifest, Run, SCHEMA, Use, sha256},
};

/// Blocks of the runs that each overlay has: one block, and a MiB in each column.
const BLOCKS: [u32; 2] = [1, 64];
/// Opcode of commands whose control code firmware patches.
const OPCODE: u32 = 3;

/// A file and its path below `prebuilt/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path with `/` between folders.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A kernel: manifest, xclbin, control codes in the order of the manifest's runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// What it is.
    pub manifest: Manifest,
    /// The overlay.
    pub xclbin: Vec<u8>,
    /// A control code for each run.
    pub controls: Vec<Vec<u8>>,
}

/// The loopback overlay of a pattern on one column or on all of them.
///
/// # Errors
/// None: a test builds all of them.
pub fn loopback(generation: Generation, columns: u8, pattern: Pattern) -> Result<Kernel, DesignError> {
    let device = device(generation);
    let name = format!("loopback_{}_{columns}", pattern.name());
    let xclbin = loopback::design(generation, columns, pattern).xclbin()?;
    let (mut runs, mut controls) = (Vec::new(), Vec::new());
    for blocks in BLOCKS {
        let control = loopback::sequence(generation, columns, pattern, blocks).control_code()?;
        runs.push(Run {
            name: format!("{blocks}"),
            control: format!("{name}.{blocks}.txn.bin"),
            sha256: sha256(&control),
            buffers: buffers(columns, pattern, blocks),
        });
        controls.push(control);
    }
    let manifest = Manifest {
        schema: SCHEMA.to_owned(),
        operator: format!("loopback/{}", pattern.name()),
        device: device.to_owned(),
        columns,
        xclbin: format!("{name}.xclbin"),
        sha256: sha256(&xclbin),
        kernel: KERNEL.to_owned(),
        opcode: OPCODE,
        runs,
        name,
    };
    Ok(Kernel {
        manifest,
        xclbin,
        controls,
    })
}

/// The device's name, and the name of its folder.
pub fn device(generation: Generation) -> &'static str {
    match generation {
        Generation::Npu1 => "npu1",
        Generation::Npu4 => "npu4",
    }
}

fn buffers(columns: u8, pattern: Pattern, blocks: u32) -> Vec<Buffer> {
    let words = pattern.block();
    let (shape_in, shape_out) = match pattern {
        Pattern::Shim | Pattern::Memory => (vec![words.0], vec![words.1]),
        Pattern::Transpose => (
            vec![loopback::ROWS, loopback::COLUMNS],
            vec![loopback::COLUMNS, loopback::ROWS],
        ),
        Pattern::Pad => {
            let (rows, width) = (loopback::PAD_ROWS, loopback::PAD_COLUMNS);
            let around = |pad: (u8, u8)| u32::from(pad.0) + u32::from(pad.1);
            let padded = rows + around(loopback::PAD_ROWS_AROUND);
            (
                vec![rows, width],
                vec![padded, width + around(loopback::PAD_COLUMNS_AROUND)],
            )
        }
    };
    let buffer = |name: &str, usage, shape: Vec<u32>| {
        let inner = if shape.len() == 1 { "word" } else { "row, word" };
        let shape: Vec<u64> = [u32::from(columns), blocks]
            .into_iter()
            .chain(shape)
            .map(u64::from)
            .collect();
        Buffer {
            name: name.to_owned(),
            usage,
            dtype: "u32".to_owned(),
            bytes: shape.iter().product::<u64>() * 4,
            shape,
            layout: format!("column of the array, block, {inner}"),
        }
    };
    vec![
        buffer("bo0", Use::In, shape_in),
        buffer("bo1", Use::Out, shape_out),
    ]
}

/// All of them: every pattern, on one column and on all, of both generations.
///
/// # Errors
/// None: a test builds all of them.
pub fn kernels() -> Result<Vec<(Generation, Kernel)>, DesignError> {
    let mut kernels = Vec::new();
    for generation in [Generation::Npu1, Generation::Npu4] {
        for pattern in Pattern::ALL {
            for columns in [1, loopback::columns(generation)] {
                kernels.push((generation, loopback(generation, columns, pattern)?));
            }
        }
    }
    Ok(kernels)
}

/// All files.
///
/// # Errors
/// What is wrong with a design, as text.
pub fn files() -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for (generation, kernel) in kernels().map_err(|e| e.to_string())? {
        let folder = device(generation);
        let mut put = |name: &str, bytes: Vec<u8>| {
            let path = format!("{folder}/{name}");
            files.push(File { path, bytes });
        };
        let manifest = kernel.manifest.write().map_err(|e| e.to_string())?;
        put(&format!("{}.toml", kernel.manifest.name), manifest.into_bytes());
        put(&kernel.manifest.xclbin, kernel.xclbin);
        for (run, control) in kernel.manifest.runs.iter().zip(kernel.controls) {
            put(&run.control, control);
        }
    }
    Ok(files)
}
