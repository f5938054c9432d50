//! Kernels that others built, from their xclbin to bytes in a buffer: runtime, driver, simulated kernel and firmware, array.
//! Closures stand in for the programs of their cores, which do not execute.
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_runtime::{Arg, KernelBuilder, Runtime};
use xdna_sim::{
    Npu,
    array::{Core, Program, TileId},
};

/// The only core of these designs.
const CORE: TileId = TileId { column: 0, row: 2 };
/// Commands one after the other.
const RUNS: u32 = 3;

/// A core that takes buffers of `words` words from one FIFO and gives their sums to another.
#[derive(Clone, Copy)]
struct Adder {
    input: [u32; 2],
    output: [u32; 2],
    words: usize,
    /// Where in the core's memory what is added lies, word for word; else it is one.
    constants: Option<u32>,
}

impl Adder {
    /// Locks 0 and 1 are the input's (empty, full), 2 and 3 the output's.
    async fn run(self, core: Core) {
        let [empty_in, full_in, empty_out, full_out] = [0, 1, 2, 3].map(|lock| Core::OWN + lock);
        for turn in (0..2).cycle() {
            core.acquire(full_in, -1).await;
            core.acquire(empty_out, -1).await;
            let words = core.words(self.input[turn], self.words).await;
            let added = match self.constants {
                Some(at) => core.words(at, self.words).await,
                None => vec![1; self.words],
            };
            let sums: Vec<u32> = words
                .iter()
                .zip(&added)
                .map(|(w, a)| w.wrapping_add(*a))
                .collect();
            core.set_words(self.output[turn], &sums).await;
            core.release(empty_in, 1).await;
            core.release(full_out, 1).await;
        }
    }

    fn program(self) -> Program {
        Program::new(move |core| self.run(core))
    }
}

struct Case {
    name: &'static str,
    npu: fn() -> Npu,
    folder: &'static str,
    files: [&'static str; 2],
    adder: Adder,
    /// Words of each buffer; the last is the output.
    buffers: &'static [usize],
    expected: fn(usize, u32) -> u32,
}

const CASES: [Case; 2] = [
    Case {
        name: "add_one_of_npu1",
        npu: Npu::phoenix,
        folder: "npu1/xdna-emu",
        files: ["add_one.xclbin", "add_one.insts.bin"],
        adder: Adder {
            input: [0x400, 0x4000],
            output: [0x8000, 0xc000],
            words: 16,
            constants: None,
        },
        buffers: &[17, 16, 16],
        expected: |_, word| word.wrapping_add(1),
    },
    Case {
        name: "add_blockwrite_of_npu4",
        npu: Npu::strix,
        folder: "npu4/mlir-aie",
        files: ["add_blockwrite.xclbin", "add_blockwrite.insts.bin"],
        adder: Adder {
            input: [0x400, 0x420],
            output: [0x440, 0x460],
            words: 8,
            constants: Some(0x480),
        },
        buffers: &[64, 32, 64],
        // The control code writes 1 to 8, and then another fifth word.
        expected: |i, word| word.wrapping_add([1, 2, 3, 4, 42, 6, 7, 8][i % 8]),
    },
];

fn bytes(words: impl Iterator<Item = u32>) -> Vec<u8> {
    words.flat_map(u32::to_le_bytes).collect()
}

impl Case {
    fn paths(&self) -> [PathBuf; 2] {
        let data = std::env::var_os("XDNA_TESTDATA").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
            PathBuf::from,
        );
        let folder = data.join("fixtures/npu").join(self.folder);
        self.files.map(|file| folder.join(file))
    }

    fn run(&self) -> Result<(), Failed> {
        let [xclbin, code] = self.paths();
        let code = fs::read(code)?;
        let npu = (self.npu)().core(CORE, self.adder.program());
        npu.run(|| self.on_device(&xclbin, &code))
            .map_err(|e| e.to_string())?
    }

    fn on_device(&self, xclbin: &Path, code: &[u8]) -> Result<(), Failed> {
        let runtime = Runtime::open()?;
        let overlay = runtime.overlay_from(xclbin)?;
        let kernel = KernelBuilder::new(&overlay, code).build(&runtime)?;
        let buffers = self.buffers.iter().map(|words| runtime.buffers().get(4 * words));
        let buffers = buffers.collect::<Result<Vec<_>, _>>()?;
        let Some((output, inputs)) = buffers.split_last() else {
            return Err("no buffers".into());
        };
        // Each finds the array as the one before it left it.
        for run in 0..RUNS {
            let word = |i: usize| (i as u32 + run).wrapping_mul(0x9e37_79b9);
            for buffer in inputs {
                buffer.write(0, &bytes((0..buffer.len() / 4).map(word)))?;
            }
            output.write(0, &vec![0; output.len()])?;
            let args = inputs.iter().map(Arg::In).chain([Arg::Out(output)]);
            let deadline = Instant::now() + Duration::from_secs(30);
            kernel.run(&args.collect::<Vec<_>>(), deadline)?;
            let mut found = vec![0; output.len()];
            output.read(0, &mut found)?;
            let expected = bytes((0..output.len() / 4).map(|i| (self.expected)(i, word(i))));
            if found != expected {
                return Err(format!("run {run}: {found:x?} for {expected:x?}").into());
            }
        }
        Ok(())
    }

    /// Without a closure the core makes the command fail, and the error says so.
    fn fails(&self) -> Result<(), Failed> {
        let [xclbin, code] = self.paths();
        let code = fs::read(code)?;
        let ran = (self.npu)().run(|| self.on_device(&xclbin, &code));
        match ran.map_err(|e| e.to_string())? {
            Ok(()) => Err("it ran without a program".into()),
            Err(e) if format!("{e:?}").contains("failed") => Ok(()),
            Err(e) => Err(e),
        }
    }
}

fn main() -> ExitCode {
    let no_device = Npu::available().err().map(|e| e.to_string());
    let trials = CASES.iter().flat_map(|case| {
        let missing = case.paths().into_iter().find(|p| !p.exists());
        let missing = missing.map(|p| format!("no {}", p.display()));
        let reason = no_device.clone().or(missing);
        let trial = |name: String, run: fn(&Case) -> Result<(), Failed>| {
            let name = match &reason {
                Some(reason) => format!("{name} ({reason})"),
                None => name,
            };
            Trial::test(name, move || run(case)).with_ignored_flag(reason.is_some())
        };
        [
            trial(case.name.to_owned(), Case::run),
            trial(format!("{}_without_its_core", case.name), Case::fails),
        ]
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
