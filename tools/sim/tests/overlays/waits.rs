//! What is said where nothing moves any more: which channel waits for which lock or stream, up to the cause.

use libtest_mimic::Failed;
use xdna_kernels::design::Channel;
use xdna_kernels::loopback::{self, Pattern};
use xdna_runtime::formats::{Generation, Pdi};
use xdna_sim::array::{Address, Arguments, Array, Core, Program, Shape, TileId, Timing, Window};

use super::Case;
use super::bench::{Buffers, random, to_bytes};

pub const CHAIN: Case = ("a_deadlock_is_followed_to_its_cause", &[], chain);
pub const CORE: Case = ("a_core_that_waits_says_for_what", &[], core);
pub const MODES: Case = ("modes_that_are_not_simulated_are_named", &[], modes);

const GENERATION: Generation = Generation::Npu4;
const MEMORY: TileId = TileId { column: 0, row: 1 };

/// The loopback through a memory tile, in which only the channels of `starts` begin.
fn array(starts: &[Channel]) -> Result<Array, Failed> {
    let mut design = loopback::design(GENERATION, 1, Pattern::Memory);
    design.starts.retain(|s| starts.contains(&s.channel));
    let mut array = Array::new(
        Shape::npu4().partition(0, 1).ok_or("no column")?,
        Timing::default(),
    );
    array.configure(&Pdi::read(&design.pdi()?)?.cdo.commands)?;
    Ok(array)
}

/// What a run over a block says.
fn said(array: &mut Array) -> Result<String, Failed> {
    let words: Vec<u32> = random(1).take(loopback::BLOCK as usize).collect();
    let mut buffers = Buffers::default();
    buffers.add(to_bytes(&words));
    buffers.add(vec![0; 4 * words.len()]);
    let code = loopback::sequence(GENERATION, 1, Pattern::Memory, 1).control_code()?;
    let addresses = buffers.addresses();
    let ran = array.run(&code, Arguments::Host(&addresses), &mut Window::new(&mut buffers));
    match ran {
        Ok(cycles) => Err(format!("ended after {cycles} cycles").into()),
        Err(e) => Ok(e.to_string()),
    }
}

fn chain() -> Result<(), Failed> {
    // The memory tile sends, and nothing ever fills it.
    let said = said(&mut array(&[Channel::output(0)])?)?;
    assert_eq!(
        said,
        "operation 7: deadlock: the token of shim tile (0, 0) S2MM 0 never happens\n  \
         shim tile (0, 0) S2MM 0, descriptor 1: waits for words from memory tile (0, 1) MM2S 0 (4096 words left)\n  \
         shim tile (0, 0) MM2S 0, descriptor 0: waits for room: S2MM 0 at memory tile (0, 1) (4 words wait) \
         (4084 words left)\n  \
         memory tile (0, 1) MM2S 0, descriptor 2: waits for lock 1 of memory tile (0, 1), which is 0 and must be at \
         least 1\n"
    );
    Ok(())
}

fn core() -> Result<(), Failed> {
    let place = TileId::new(0, 2);
    let mut array = array(&[Channel::output(0)])?;
    let waits = Program::new(|core: Core| async move { core.acquire(Core::OWN + 5, -2).await });
    assert!(array.stand_in(place, waits));
    array.write(Address::new(place, 0x3_2000), 1)?;
    let said = said(&mut array)?;
    let line = "  core of core tile (0, 2): waits for lock 5 of core tile (0, 2), which is 0 and must be at least 2\n";
    assert!(said.ends_with(line), "{said}");
    Ok(())
}

fn modes() -> Result<(), Failed> {
    let all = [Channel::input(0), Channel::output(0)];
    let mut compressed = array(&all)?;
    // Word 4 of the descriptor that sends, bit 31.
    compressed.write(Address::new(MEMORY, 0xa_0000 + 0x20 * 2 + 16), 1 << 31)?;
    let text = said(&mut compressed)?;
    assert!(
        text.contains("memory tile (0, 1) MM2S 0, descriptor 2: stopped, compression is not simulated"),
        "{text}"
    );
    // Bit 3 of the control register of S2MM 0, before its first descriptor.
    let mut unordered = array(&[Channel::output(0)])?;
    unordered.write(Address::new(MEMORY, 0xa_0600), 1 << 3)?;
    unordered.write(Address::new(MEMORY, 0xa_0604), 0)?;
    let text = said(&mut unordered)?;
    assert!(
        text.contains("memory tile (0, 1) S2MM 0, descriptor 0: stopped, out-of-order mode is not simulated"),
        "{text}"
    );
    Ok(())
}
