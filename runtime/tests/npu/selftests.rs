//! Kernels are not believed: they are compared with references, and arguments with the control code.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use xdna_runtime::{
    Arg, BufferUse, Direction, Error, Finding, KernelBuilder, Problem, Runtime, SelfTest, Trust,
};
use xdna_sim::Npu;

use crate::loopback::{BLOCK, kernel_of, pair};
use crate::{Test, soon, test};

/// Outputs from inputs.
type Reference<'a> = &'a dyn Fn(&[Vec<u8>]) -> Vec<Vec<u8>>;

pub fn tests() -> Vec<Test> {
    vec![
        test(
            "selftest/a_kernel_is_tested_when_it_is_first_built",
            Npu::strix(),
            self_test,
        ),
        test("selftest/a_self_test_says_what_is_wrong", Npu::strix(), findings),
        test(
            "selftest/what_completes_and_writes_nothing_is_refused",
            Npu::strix(),
            silent,
        ),
        test(
            "selftest/the_control_code_says_how_large_buffers_are",
            Npu::strix(),
            extents,
        ),
    ]
}

fn self_test() {
    let runtime = Runtime::open().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/prebuilt/npu4");
    let overlay = runtime
        .overlay_from(&folder.join("loopback_memory_1.xclbin"))
        .unwrap();
    let build = |runs: &str, reference: Reference<'_>| {
        let code = std::fs::read(folder.join(format!("loopback_memory_1.{runs}.txn.bin"))).unwrap();
        let test = SelfTest::new(reference);
        KernelBuilder::new(&overlay, &code)
            .tested_by(&test)
            .build(&runtime)
    };
    let asked = AtomicU32::new(0);
    let right = |inputs: &[Vec<u8>]| {
        asked.fetch_add(1, Ordering::Relaxed);
        // Random, to the last byte.
        let distinct: BTreeSet<u8> = inputs[0].iter().copied().collect();
        assert!((inputs[0].len(), distinct.len()) == (BLOCK, 256));
        inputs.to_vec()
    };
    let kernel = build("1", &right).unwrap();
    assert_eq!(
        (kernel.trust(), asked.load(Ordering::Relaxed)),
        (Trust::Tested, 1)
    );
    // It is the same kernel the next time: it runs once for the test, and not again.
    assert_eq!(build("1", &right).unwrap().stats().completed, 1);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // The last byte counts, and what was found is remembered.
    let wrong = |inputs: &[Vec<u8>]| {
        let mut outputs = inputs.to_vec();
        *outputs[0].last_mut().unwrap() ^= 1;
        outputs
    };
    let last = 64 * BLOCK - 1;
    let refused = build("64", &wrong).unwrap_err();
    let is_last = matches!(refused, Error::Untrusted { finding: Finding::Differs(at), .. } if at == last);
    assert!(is_last, "{refused}");
    let again = build("64", &right).unwrap_err();
    assert_eq!(again.to_string(), refused.to_string());
    // Nobody has said what the other overlay does.
    let untested = kernel_of(&runtime, "npu4", "loopback_shim_1", BLOCK);
    assert_eq!(untested.trust(), Trust::NoReference);
}

/// What a test finds out about a kernel that is described wrongly.
fn findings() {
    let runtime = Runtime::open().unwrap();
    let find = |name: &str, bytes: [usize; 2], reference: Reference<'_>| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/prebuilt/npu4");
        let overlay = runtime
            .overlay_from(&folder.join(format!("{name}.xclbin")))
            .unwrap();
        let code = std::fs::read(folder.join(format!("{name}.1.txn.bin"))).unwrap();
        let uses = [(Direction::In, bytes[0]), (Direction::Out, bytes[1])];
        let uses = uses.map(|(direction, bytes)| BufferUse {
            direction,
            bytes,
            elements: None,
        });
        let kernel = KernelBuilder::new(&overlay, &code)
            .buffers(&uses)
            .build(&runtime)
            .unwrap();
        match kernel.self_test(&SelfTest::new(reference), soon()) {
            Err(Error::Untrusted { finding, output, .. }) => (output, finding),
            other => panic!("{other:?}"),
        }
    };
    let name = "loopback_shim_1";
    let output = |finding| ("bo1".to_owned(), finding);
    // Its end is not written to.
    let long = find(name, [BLOCK, 2 * BLOCK], &|inputs| {
        vec![[&inputs[0][..], &inputs[0][..]].concat()]
    });
    assert_eq!(long, output(Finding::Differs(BLOCK)));
    for outputs in [vec![], vec![vec![0; BLOCK - 1]]] {
        let expected = outputs.first().map_or(0, Vec::len);
        let length = Finding::Length {
            found: BLOCK,
            expected,
        };
        assert_eq!(find(name, [BLOCK; 2], &|_| outputs.clone()), output(length));
    }
}

/// Control code that does nothing: COMPLETED, and no result.
fn silent() {
    let runtime = Runtime::open().unwrap();
    let uses = [Direction::In, Direction::Out].map(|direction| BufferUse {
        direction,
        bytes: 4096,
        elements: None,
    });
    let overlay = runtime.overlay(&crate::files::xclbin(4, 0)).unwrap();
    let code = crate::files::code(4, 4);
    let test = SelfTest::new(&|inputs| inputs.to_vec());
    let builder = KernelBuilder::new(&overlay, &code).buffers(&uses);
    let refused = builder.tested_by(&test).build(&runtime).unwrap_err();
    let untouched = matches!(
        refused,
        Error::Untrusted {
            finding: Finding::Untouched,
            ..
        }
    );
    assert!(untouched, "{refused}");
}

/// What a program is protected from, who says nothing about the kernel: the control code does.
fn extents() {
    let runtime = Runtime::open().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/prebuilt/npu4");
    let overlay = runtime
        .overlay_from(&folder.join("loopback_transpose_8.xclbin"))
        .unwrap();
    let code = std::fs::read(folder.join("loopback_transpose_8.1.txn.bin")).unwrap();
    let kernel = KernelBuilder::new(&overlay, &code).build(&runtime).unwrap();
    let [a, b] = pair(&runtime, 8 * BLOCK);
    let short = b.part(0..8 * BLOCK - 4).unwrap();
    let problem = |args: &[Arg<'_>]| match kernel.run(args, soon()) {
        Err(Error::Argument { index, problem, .. }) => (index, problem),
        other => panic!("{other:?}"),
    };
    let size = Problem::Size {
        given: 8 * BLOCK - 4,
        wanted: 8 * BLOCK,
    };
    assert_eq!(problem(&[Arg::In(&a), Arg::Out(&short)]), (1, size));
    assert_eq!(problem(&[Arg::In(&short), Arg::Out(&a)]), (0, size));
    let direction = |wanted| Problem::Direction { wanted };
    assert_eq!(problem(&[Arg::In(&a), Arg::In(&b)]), (1, direction("an output")));
    assert_eq!(problem(&[Arg::Out(&a), Arg::In(&b)]), (0, direction("an input")));
    assert_eq!(runtime.device().contexts().unwrap(), [], "nothing was submitted");
    kernel.run(&[Arg::In(&a), Arg::Out(&b)], soon()).unwrap();
}
