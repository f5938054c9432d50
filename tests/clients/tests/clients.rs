//! taconite and rlx-xdna, unmodified: discovery, contexts, buffers, submit and wait.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_sim::Npu;
use xdna_sim::profile::{Device, Kernel};

type Outcome = Result<(), Box<dyn Error>>;

/// Bytes that every PDI begins with.
const PDI_START: [u8; 16] = [
    0xdd, 0, 0, 0, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55, 0xcc, 0xbb, 0xaa, 0x99,
];
/// The CDO of a PDI: header words, identification, version, body words.
const CDO_START: usize = 0x150;

fn fixtures() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("XDNA_TESTDATA").map_or_else(|| default.into(), PathBuf::from);
    root.join("fixtures/npu/npu1/xdna-emu")
}

/// The xclbin and control code of `add_one`, in a directory of their own; `cores` false makes the configuration
/// one that starts nothing, since nothing here executes cores.
fn add_one(cores: bool) -> Result<(tempfile::TempDir, PathBuf, PathBuf), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut xclbin = fs::read(fixtures().join("add_one.xclbin"))?;
    if !cores {
        let pdi = xclbin
            .windows(16)
            .position(|w| w == PDI_START)
            .ok_or("no PDI in the xclbin")?;
        // The configuration stream becomes three NOPs.
        let body = pdi + CDO_START;
        xclbin[body + 12..body + 16].copy_from_slice(&3u32.to_le_bytes());
        for i in 0..3 {
            xclbin[body + 20 + 4 * i..body + 24 + 4 * i].copy_from_slice(&0x111u32.to_le_bytes());
        }
    }
    let (file, insts) = (
        dir.path().join("add_one.xclbin"),
        dir.path().join("add_one.insts.bin"),
    );
    fs::write(&file, xclbin)?;
    fs::copy(fixtures().join("add_one.insts.bin"), &insts)?;
    Ok((dir, file, insts))
}

fn taconite_runs(file: &Path, insts: &Path) -> Result<(), taconite::Error> {
    use taconite::direct::Session;
    let session = Session::open(0)?;
    assert_eq!(session.array(), (5, 6));
    assert_eq!(session.aie_version()?, (1, 1));
    session.firmware_version()?;
    session.power_mode()?;
    let kernel = session.load_kernel(file, insts, None, 0)?;
    assert_eq!(session.contexts()?.len(), 1);
    let mut buffers = (0..3)
        .map(|_| session.alloc(4096))
        .collect::<Result<Vec<_>, _>>()?;
    buffers[0].write(&[7u32; 16])?;
    let arguments: Vec<_> = buffers.iter().collect();
    for _ in 0..100 {
        kernel.run(&arguments)?;
    }
    let exported = buffers[0].export_dmabuf()?;
    let other = Session::open(0)?;
    use std::os::fd::AsFd;
    let imported = other.import_dmabuf(exported.as_fd())?;
    assert_eq!(imported.as_slice::<u32>()[..16], [7; 16]);
    Ok(())
}

fn taconite_submits_and_waits() -> Outcome {
    let (_dir, file, insts) = add_one(false)?;
    for kernel in Kernel::all().filter(|&k| k >= Kernel::V6_18) {
        let result = Npu::phoenix()
            .kernel(kernel)
            .run(|| taconite_runs(&file, &insts))?;
        result.map_err(|e| format!("{kernel}: {e}"))?;
    }
    Ok(())
}

fn taconite_hears_of_cores_that_nothing_executes() -> Outcome {
    let (_dir, file, insts) = add_one(true)?;
    let error = Npu::phoenix()
        .run(|| taconite_runs(&file, &insts))?
        .err()
        .ok_or("a command succeeded")?;
    assert!(error.to_string().contains("state 5"), "{error}");
    Ok(())
}

fn rlx_finds_and_probes_the_device() -> Outcome {
    use rlx_xdna::direct;
    for device in [Device::Npu1, Device::Npu4] {
        let columns = device.columns() as u16;
        let (version, metadata, report) = Npu::new(device).run(|| -> std::io::Result<_> {
            let npu = direct::Npu::open("")?;
            let syncobj = npu.syncobj_create(true)?;
            npu.syncobj_destroy(syncobj);
            let mut bo = npu.alloc_shmem(8192)?;
            bo.as_mut_slice()[..4].copy_from_slice(b"rlx!");
            assert_eq!(&bo.as_slice()[..4], b"rlx!");
            drop(bo);
            Ok((npu.aie_version()?, npu.aie_metadata()?, direct::probe()?))
        })??;
        assert_eq!((version, metadata.0), ((1, 1), columns));
        assert!(!report.is_empty());
    }
    Ok(())
}

fn rlx_submits_and_waits() -> Outcome {
    let (_dir, file, insts) = add_one(false)?;
    let xclbin = fs::read(file)?;
    let insts: Vec<u32> = fs::read(insts)?
        .chunks_exact(4)
        .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
        .collect();
    let result = Npu::phoenix().run(|| -> std::io::Result<_> {
        let gemm = rlx_xdna::direct::Gemm::open(&xclbin, &insts, 32, 32, 32)?;
        gemm.run(&[1; 1024], &[1; 1024])
    })??;
    // No core computed anything.
    assert_eq!(result, vec![0; 1024]);
    Ok(())
}

type Test = fn() -> Outcome;

const TESTS: &[(&str, Test)] = &[
    ("taconite_submits_and_waits", taconite_submits_and_waits),
    (
        "taconite_hears_of_cores_that_nothing_executes",
        taconite_hears_of_cores_that_nothing_executes,
    ),
    ("rlx_finds_and_probes_the_device", rlx_finds_and_probes_the_device),
    ("rlx_submits_and_waits", rlx_submits_and_waits),
];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let no_fixtures = (!fixtures().exists()).then(|| format!("needs {}", fixtures().display()));
    let reason = Npu::available().err().map(|e| e.to_string()).or(no_fixtures);
    let trials = TESTS.iter().map(|&(name, test)| {
        let shown = reason
            .as_ref()
            .map_or(name.to_owned(), |r| format!("{name} ({r})"));
        Trial::test(shown, move || test().map_err(Failed::from)).with_ignored_flag(reason.is_some())
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
