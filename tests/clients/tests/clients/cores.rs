//! In a thread of the test: the overlay adds one to 16 words, and a closure stands in for the program of its core.

use std::fs;
use std::path::{Path, PathBuf};

use xdna_sim::Npu;
use xdna_sim::array::{Core, Program, TileId};
use xdna_sim::profile::Kernel;

use crate::{Outcome, Test};

fn fixtures() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("XDNA_TESTDATA").map_or_else(|| default.into(), PathBuf::from);
    root.join("fixtures/npu/npu1/xdna-emu")
}

/// The xclbin and control code of `add_one`.
fn add_one() -> (PathBuf, PathBuf) {
    let file = |name: &str| fixtures().join(name);
    (file("add_one.xclbin"), file("add_one.insts.bin"))
}

/// Words that the core adds one to.
const WORDS: usize = 16;
const CORE: TileId = TileId { column: 0, row: 2 };

/// What stands in for the core's program.
fn adds_one() -> Program {
    // Two buffers each way; locks 1 and 2 are acquired, 0 and 3 released.
    Program::new(|core| async move {
        for turn in 0.. {
            core.acquire(Core::OWN + 1, -1).await;
            core.acquire(Core::OWN + 2, -1).await;
            let words = core.words([0x400, 0x4000][turn % 2], WORDS).await;
            let sums: Vec<u32> = words.iter().map(|w| w.wrapping_add(1)).collect();
            core.set_words([0x8000, 0xc000][turn % 2], &sums).await;
            core.release(Core::OWN, 1).await;
            core.release(Core::OWN + 3, 1).await;
        }
    })
}

fn taconite_runs(file: &Path, insts: &Path) -> Result<(), taconite::Error> {
    use taconite::direct::Session;
    let session = Session::open(0)?;
    assert_eq!(session.array(), (5, 6));
    assert_eq!(session.aie_version()?, (1, 1));
    session.firmware_version()?;
    session.power_mode()?;
    let kernel = session.load_kernel(file, insts, None, 0)?;
    let mut buffers = (0..3)
        .map(|_| session.alloc(4096))
        .collect::<Result<Vec<_>, _>>()?;
    buffers[0].write(&[7u32; WORDS + 1])?;
    let arguments: Vec<_> = buffers.iter().collect();
    for _ in 0..100 {
        kernel.run(&arguments)?;
    }
    drop(arguments);
    assert_eq!(buffers[2].as_slice::<u32>()[..WORDS], [8; WORDS]);
    let exported = buffers[0].export_dmabuf()?;
    let other = Session::open(0)?;
    use std::os::fd::AsFd;
    let imported = other.import_dmabuf(exported.as_fd())?;
    assert_eq!(imported.as_slice::<u32>()[..WORDS], [7; WORDS]);
    Ok(())
}

fn taconite_submits_and_waits() -> Outcome {
    let (file, insts) = add_one();
    for kernel in Kernel::all() {
        let result = Npu::phoenix()
            .kernel(kernel)
            .core(CORE, adds_one())
            .run(|| taconite_runs(&file, &insts))?;
        result.map_err(|e| format!("{kernel}: {e}"))?;
    }
    Ok(())
}

fn taconite_hears_of_cores_that_nothing_executes() -> Outcome {
    let (file, insts) = add_one();
    let error = Npu::phoenix()
        .run(|| taconite_runs(&file, &insts))?
        .err()
        .ok_or("a command succeeded")?;
    assert!(error.to_string().contains("state 5"), "{error}");
    Ok(())
}

fn rlx_submits_and_waits() -> Outcome {
    let (file, insts) = add_one();
    let xclbin = fs::read(file)?;
    let insts: Vec<u32> = fs::read(insts)?
        .chunks_exact(4)
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect();
    let npu = Npu::phoenix().core(CORE, adds_one());
    let result = npu.run(|| -> std::io::Result<_> {
        let gemm = rlx_xdna::direct::Gemm::open(&xclbin, &insts, 32, 32, 32)?;
        gemm.run(&[1; 1024], &[1; 1024])
    })??;
    // Four bytes of ones are a word.
    assert_eq!(result[..WORDS], [0x0101_0102; WORDS]);
    assert_eq!(result[WORDS..], [0; 1024 - WORDS]);
    Ok(())
}

pub const TESTS: &[Test] = &[
    ("cores/taconite_submits_and_waits", taconite_submits_and_waits),
    (
        "cores/taconite_hears_of_cores_that_nothing_executes",
        taconite_hears_of_cores_that_nothing_executes,
    ),
    ("cores/rlx_submits_and_waits", rlx_submits_and_waits),
];

/// Why these can't run here.
pub fn unavailable() -> Option<String> {
    let no_fixtures = (!fixtures().exists()).then(|| format!("needs {}", fixtures().display()));
    Npu::available().err().map(|e| e.to_string()).or(no_fixtures)
}
