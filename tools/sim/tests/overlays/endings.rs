//! Control code that waits for too little, and for what never comes while words move.

use libtest_mimic::Failed;
use xdna_kernels::Sequence;
use xdna_kernels::design::{Channel, Descriptor, Step};
use xdna_kernels::loopback::{self, Pattern};
use xdna_runtime::formats::{Generation, Pdi};
use xdna_sim::array::{Arguments, Array, RunError, Shape, Stop, Timing, Window};

use super::Case;
use super::bench::{Buffers, random, to_bytes, to_words};

const WORDS: u32 = 1000;

pub const TOO_EARLY: Case = ("control_code_that_does_not_wait_ends_early", &[], too_early);
pub const ENDLESS: Case = ("descriptors_that_follow_themselves_are_endless", &[], endless);
pub const LATENCIES: Case = ("latencies_are_parameters", &[], latencies);

/// An array of one column that sends what its shim sends back to it.
fn array(timing: Timing) -> Result<Array, Failed> {
    let design = loopback::design(Generation::Npu4, 1, Pattern::Shim);
    let mut array = Array::new(Shape::npu4().partition(0, 1).ok_or("no column")?, timing);
    array.configure(&Pdi::read(&design.pdi()?)?.cdo.commands)?;
    Ok(array)
}

/// A transfer there and back; descriptors follow themselves or not.
fn sequence(endless: bool, waits: bool) -> Sequence {
    let (column, channel) = (0, Channel::input(0));
    let transfer = |channel, id: u8, token| Step::Transfer {
        column,
        channel,
        descriptor: Descriptor {
            id,
            length: WORDS,
            next: endless.then_some(id),
            ..Descriptor::default()
        },
        argument: id,
        times: 1,
        token,
    };
    let mut steps = vec![transfer(channel, 1, true), transfer(Channel::output(0), 0, false)];
    steps.extend(waits.then_some(Step::Wait { column, channel }));
    Sequence {
        generation: Generation::Npu4,
        columns: 1,
        steps,
    }
}

fn buffers() -> (Buffers, Vec<u32>) {
    let words: Vec<u32> = random(1).take(WORDS as usize).collect();
    let mut buffers = Buffers::default();
    buffers.add(to_bytes(&words));
    buffers.add(vec![0; 4 * words.len()]);
    (buffers, words)
}

/// Cycles of a run.
fn run(
    array: &mut Array,
    sequence: &Sequence,
    buffers: &mut Buffers,
) -> Result<Result<u64, RunError>, Failed> {
    let addresses = buffers.addresses();
    let code = sequence.control_code()?;
    Ok(array.run(&code, Arguments::Host(&addresses), &mut Window::new(buffers)))
}

fn too_early() -> Result<(), Failed> {
    let mut array = array(Timing::default())?;
    let (mut buffers, words) = buffers();
    run(&mut array, &sequence(false, false), &mut buffers)??;
    let left: Vec<String> = array.unfinished().map(|c| c.to_string()).collect();
    assert_eq!(left, ["shim tile (0, 0) S2MM 0", "shim tile (0, 0) MM2S 0"]);
    assert_ne!(to_words(buffers.bytes(1, 4 * words.len())?), words);
    // The next control code finds it at work; its token comes before that of the own transfer.
    run(&mut array, &sequence(false, true), &mut buffers)??;
    assert_eq!(to_words(buffers.bytes(1, 4 * words.len())?), words);
    Ok(())
}

fn endless() -> Result<(), Failed> {
    let limit = 10_000;
    let mut array = array(Timing {
        limit,
        ..Timing::default()
    })?;
    let (mut buffers, _) = buffers();
    let stopped = run(&mut array, &sequence(true, true), &mut buffers)?;
    let Err(RunError::Interrupted(interrupted)) = stopped else {
        return Err(format!("{stopped:?}").into());
    };
    let said = interrupted.to_string();
    assert!(matches!(interrupted.stop, Stop::Endless { .. }), "{said}");
    assert_eq!(
        said,
        "operation 7: the token of shim tile (0, 0) S2MM 0 does not happen in 10001 cycles, though words move"
    );
    // Without the wait it ends, and never comes to rest.
    let mut array = self::array(Timing::default())?;
    run(&mut array, &sequence(true, false), &mut buffers)??;
    assert_eq!(array.unfinished().count(), 2);
    Ok(())
}

fn latencies() -> Result<(), Failed> {
    let cycles = |timing| -> Result<u64, Failed> {
        let (mut buffers, _) = buffers();
        Ok(run(&mut array(timing)?, &sequence(false, true), &mut buffers)??)
    };
    let usual = Timing::default();
    let base = cycles(usual)?;
    // A word a cycle, and what it takes to begin.
    assert!(
        (u64::from(WORDS)..u64::from(WORDS) + 1000).contains(&base),
        "{base}"
    );
    let shim = usual.shim + 1000;
    assert_eq!(cycles(Timing { shim, ..usual })?, base + 1000);
    // Eight operations, the last of which waits.
    let operation = usual.operation + 10;
    assert!((base + 10..=base + 80).contains(&cycles(Timing { operation, ..usual })?));
    Ok(())
}
