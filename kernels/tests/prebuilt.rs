//! What is checked in under `prebuilt/` is what the designs make, and what cannot be built is refused with the reason.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use xdna_kernels::{
    DesignError, carried,
    design::{Channel, Connection, Descriptor, Dimension, LockUse, Port, Start, Tile},
    loopback::{self, Pattern},
    manifest::{Manifest, sha256},
    prebuilt,
};
use xdna_runtime::formats::{Generation, Txn, Xclbin};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/prebuilt"))
}

#[test]
fn every_file_is_what_its_design_makes() {
    let files = prebuilt::files().unwrap();
    assert_eq!(files.len(), 2 * 4 * 2 * 4);
    for file in files {
        assert!(
            fs::read(folder().join(&file.path)).unwrap() == file.bytes,
            "{}",
            file.path
        );
    }
}

#[test]
fn manifests_say_what_the_files_are() {
    for (generation, kernel) in prebuilt::kernels().unwrap() {
        let path = folder().join(prebuilt::device(generation));
        let text = fs::read_to_string(path.join(format!("{}.toml", kernel.manifest.name))).unwrap();
        let manifest = Manifest::read(&text).unwrap();
        assert_eq!(manifest, kernel.manifest);
        let xclbin = fs::read(path.join(&manifest.xclbin)).unwrap();
        assert_eq!(sha256(&xclbin), manifest.sha256);
        let xclbin = Xclbin::read(&xclbin).unwrap();
        let found = xclbin.kernels().unwrap();
        let found = found.iter().find(|k| k.name == manifest.kernel).unwrap();
        let partition = xclbin.partition().unwrap();
        assert_eq!(partition.width, manifest.columns.into());
        assert!(partition.pdi_of_kernel(found.id.unwrap()).is_some());
        for run in &manifest.runs {
            let control = fs::read(path.join(&run.control)).unwrap();
            assert_eq!(sha256(&control), run.sha256);
            let txn = Txn::read(&control).unwrap();
            assert_eq!(
                (txn.header.generation, txn.header.columns),
                (generation.number(), manifest.columns)
            );
            assert!(txn.patches().all(|p| p.argument < run.buffers.len() as u64));
            for (i, buffer) in run.buffers.iter().enumerate() {
                assert!(found.arguments.iter().any(|a| a.name == buffer.name));
                let last = txn
                    .patches()
                    .filter(|p| p.argument == i as u64)
                    .map(|p| p.offset)
                    .max()
                    .unwrap();
                assert!(last < buffer.bytes);
            }
        }
    }
    let unknown = Manifest::read("schema = \"xdna.kernel/1\"\nfoo = 1")
        .unwrap_err()
        .to_string();
    assert!(unknown.contains("foo"), "{unknown}");
}

#[test]
fn programs_carry_all_of_them() {
    let kernels = prebuilt::kernels().unwrap();
    assert_eq!(kernels.len(), carried::LOOPBACKS.len());
    for ((generation, kernel), carried) in kernels.iter().zip(carried::LOOPBACKS) {
        assert_eq!(
            (carried.generation, carried.columns),
            (*generation, kernel.manifest.columns)
        );
        let name = format!("loopback_{}_{}", carried.pattern.name(), carried.columns);
        assert_eq!(name, kernel.manifest.name);
        assert!(carried.xclbin == kernel.xclbin, "{name}");
        assert_eq!(carried.runs.len(), kernel.manifest.runs.len());
        for (i, run) in carried.runs.into_iter().enumerate() {
            let described = &kernel.manifest.runs[i];
            assert_eq!(format!("{}", run.blocks), described.name);
            assert!(run.control == kernel.controls[i], "{name}");
            let (from, to) = carried.bytes(run);
            assert_eq!(
                [from as u64, to as u64],
                [described.buffers[0].bytes, described.buffers[1].bytes]
            );
        }
    }
}

#[test]
fn no_two_overlays_have_the_same_identity() {
    let kernels = prebuilt::kernels().unwrap();
    let uuid = |k: &prebuilt::Kernel| Xclbin::read(&k.xclbin).unwrap().header.uuid;
    let mut seen = Vec::new();
    for (_, kernel) in &kernels {
        // Overlays of one design for both generations are the same file where even the start columns agree.
        if !seen.contains(&(uuid(kernel), kernel.manifest.sha256.clone())) {
            assert!(
                seen.iter().all(|(u, _)| *u != uuid(kernel)),
                "{}",
                kernel.manifest.name
            );
            seen.push((uuid(kernel), kernel.manifest.sha256.clone()));
        }
    }
}

#[test]
fn patterns_do_what_they_say() {
    let words: Vec<u32> = (0..loopback::BLOCK).collect();
    assert_eq!(Pattern::Shim.apply(&words), words);
    let turned = Pattern::Transpose.apply(&words);
    assert_eq!(turned[..3], [0, loopback::COLUMNS, 2 * loopback::COLUMNS]);
    assert_eq!(turned[loopback::ROWS as usize], 1);
    let padded = Pattern::Pad.apply(&vec![1; (loopback::PAD_ROWS * loopback::PAD_COLUMNS) as usize]);
    assert_eq!(
        padded.iter().sum::<u32>(),
        loopback::PAD_ROWS * loopback::PAD_COLUMNS
    );
    assert_eq!(
        (
            padded[2 * 128 + 2],
            padded[2 * 128 + 3],
            padded[2 * 128 + 122],
            padded[2 * 128 + 123]
        ),
        (0, 1, 1, 0)
    );
}

#[test]
fn what_does_not_exist_is_refused() {
    let good = loopback::design(Generation::Npu1, 1, Pattern::Memory);
    assert!(good.pdi().is_ok());
    let mut odd = good.clone();
    odd.starts[0].descriptor = 24;
    let (tile, channel, id) = (Tile::memory(0), 0, 24);
    assert_eq!(odd.pdi(), Err(DesignError::Unreachable { tile, channel, id }));
    let mut far = good.clone();
    far.connections
        .push(Connection::circuit(tile, Port::East(0), Port::Dma(0)));
    assert!(matches!(far.pdi(), Err(DesignError::NoSuch { .. })));
    let mut channels = good.clone();
    channels.starts.push(Start {
        tile,
        channel: Channel::output(6),
        descriptor: 0,
        times: 1,
    });
    assert!(matches!(
        channels.pdi(),
        Err(DesignError::NoSuch {
            what: "DMA channel",
            ..
        })
    ));
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let words = |tile: Tile, change: fn(&mut Descriptor)| {
        let mut descriptor = Descriptor {
            length: 16,
            ..Descriptor::default()
        };
        change(&mut descriptor);
        descriptor.words(tile)
    };
    let core = Tile::core(0, 2);
    let wrong = words(core, |d| d.length = 1 << 14).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "tile (0, 2), descriptor 0: length 16384 does not fit (16383 at most)"
    );
    assert!(words(core, |d| d.address = 2).is_err());
    assert!(words(core, |d| d.dimensions = vec![Dimension::new(1, 1); 4]).is_err());
    assert!(
        words(Tile::shim(0), |d| d.dimensions = vec![Dimension {
            pad: (1, 0),
            ..Dimension::new(1, 4)
        }])
        .is_err()
    );
    assert!(
        words(Tile::memory(0), |d| d.dimensions = vec![Dimension {
            pad: (64, 0),
            ..Dimension::new(1, 4)
        }])
        .is_err()
    );
    // Steps are stored minus one, wraps as they are, locks and memory of the own tile behind the neighbour's.
    let memory = words(Tile::memory(0), |d| {
        d.dimensions = vec![Dimension::new(128, 32), Dimension::new(1, 0)];
        d.acquire = Some(LockUse { id: 1, value: -1 });
        d.release = Some(LockUse { id: 0, value: 1 });
        d.next = Some(3);
    });
    assert_eq!(
        memory.unwrap(),
        [16, 0x003a_0000, 0x0040_007f, 0, 0, 0, 0, 0x8140_ff41]
    );
}
