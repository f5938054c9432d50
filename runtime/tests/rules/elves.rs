//! ELF files.

use xdna_runtime::formats::{
    Generation,
    elf::{ControlElf, CoreElf, Patch, Target, Where},
};

use crate::{CORE, ELF, ELF_OLD, seed, set, word};

#[test]
fn other_elf_files_are_refused() {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    file.resize(64, 0);
    assert_eq!(ControlElf::read(&file).unwrap_err().offset, 4);
    file[4] = 1;
    file[5] = 2;
    assert_eq!(ControlElf::read(&file).unwrap_err().offset, 5);
}

/// Words of a control code's block at which every patch but that of the address lies, as `address` puts them.
fn patched(kind: Patch, stored: &[u32]) -> Vec<u32> {
    let file = seed(ELF);
    let mut elf = ControlElf::read(&file).unwrap();
    elf.relocations.retain(|r| r.patch == kind);
    let mut text = elf.sections[1].data.to_vec();
    for (i, value) in stored.iter().enumerate() {
        set(&mut text, 32 + 4 * i, *value);
    }
    elf.sections[1].data = &text;
    let bytes = elf.relocate(1, |_| Some(0x2_0000_1000)).unwrap();
    (0..stored.len()).map(|i| word(&bytes, 32 + 4 * i)).collect()
}

#[test]
fn patches_add_to_what_is_stored_and_keep_other_bits() {
    // 8 more than the address, and where the array sees it.
    assert_eq!(
        patched(Patch::Shim48, &[9, 0x40, 0xffff_0001]),
        [9, 0x8000_1048, 0xffff_0003]
    );
    let shim57 = [9, 0x40, 0xffff_0001, 0, 0, 0, 0, 0, 0xfe00];
    assert_eq!(
        patched(Patch::Shim57, &shim57),
        [9, 0x1048, 0xffff_0003, 0, 0, 0, 0, 0, 0xfe00]
    );
    assert_eq!(
        patched(Patch::ControlPacket48, &[9, 9, 0x43, 0xffff_0001])[2..],
        [0x8000_1048, 0xffff_0003]
    );
    assert_eq!(
        patched(Patch::ControlPacket57, &[9, 9, 0x43, 0xffff_0001])[2..],
        [0x1048, 0xffff_0003]
    );
    // The symbol's size is the mask: 64.
    assert_eq!(patched(Patch::Scalar, &[0xff]), [0xbf]);
}

#[test]
fn older_files_hide_the_kind_of_a_patch_in_its_addend() {
    let (old, new) = (seed(ELF_OLD), seed(ELF));
    let (old, new) = (ControlElf::read(&old).unwrap(), ControlElf::read(&new).unwrap());
    assert_eq!((old.abi_version, new.abi_version), (1, 2));
    assert_eq!(old.relocations, new.relocations);
    assert_eq!(old.relocations.len(), 6);
    assert!(old.relocations.iter().all(|r| r.addend == 8));
    let targets = [Target::Argument(0), Target::Pdi(1), Target::ControlPacket];
    assert!(
        targets
            .iter()
            .all(|t| old.relocations.iter().any(|r| r.target == *t))
    );
    assert_eq!((new.columns, new.uid), (Some(8), Some([7; 16])));
    assert_eq!(
        (new.kernels[0].name.as_str(), new.kernels[0].instance.as_str()),
        ("kernel", "instance")
    );
    let text = new.kernels[0].text;
    let missing = new
        .relocate(text, |t| (*t == Target::Argument(0)).then_some(0))
        .unwrap_err();
    assert!(missing.to_string().contains("no address for"), "{missing}");
}

#[test]
fn what_a_dynamic_section_says_is_not_looked_at() {
    let good = seed(ELF);
    let read = ControlElf::read(&good).unwrap();
    let dynamic = read.sections.iter().find(|s| s.name == ".dynamic").unwrap();
    // DT_RELA, and the number of a section where ELF has an address.
    assert_eq!([word(dynamic.data, 0), word(dynamic.data, 4)], [7, 4]);
    assert_eq!(read.sections[4].name, ".rela.dyn");
    let at = dynamic.data.as_ptr() as usize - good.as_ptr() as usize;
    let mut file = good.clone();
    set(&mut file, at + 4, 0xffff_ffff);
    assert_eq!(ControlElf::read(&file).unwrap().relocations, read.relocations);
}

#[test]
fn core_programs_say_where_their_parts_go() {
    let file = seed(CORE);
    let program = CoreElf::read(&file).unwrap();
    assert_eq!(program.generation, Generation::Npu1);
    let part = &program.segments[0];
    assert_eq!(
        (part.memory, part.offset, part.data),
        (Where::Own, 0x440, &[1; 16][..])
    );
}
