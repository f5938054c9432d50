//! The rules that readers follow and the traps that the formats set, on small files of our own.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "feed/seeds.rs"]
mod seeds;

use xdna_runtime::formats::{
    Cdo, Checked, ControlCode, ControlFile, Format, Pdi, Reason, Transform, Txn, Xclbin,
    cdo::Command,
    elf::ControlElf,
    txn::{Header, Operation, Version},
    xclbin::{Instance, Mode, Partition, SectionKind, Uuid, read_connectivity, read_kernels},
};

/// Seeds by what they are; see `seeds::seeds`.
const XCLBIN: usize = 0;
const IMAGE: usize = 1;
const STREAM: usize = 2;
const SPLIT: usize = 3;
const TXN: usize = 4;
const COMPACT: usize = 5;
const TEXT: usize = 6;
const DPU: usize = 7;

fn seed(which: usize) -> Vec<u8> {
    seeds::seeds().swap_remove(which)
}

fn set(file: &mut [u8], at: usize, word: u32) {
    file[at..at + 4].copy_from_slice(&word.to_le_bytes());
}

fn word(file: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(file[at..at + 4].try_into().unwrap())
}

#[test]
fn counts_and_offsets_are_checked_and_told() {
    let mut file = seed(XCLBIN);
    set(&mut file, 0x1c0, 0x1_0000);
    let error = Xclbin::read(&file).unwrap_err();
    assert!(
        matches!(error.reason, Reason::TooMany { limit: 256, .. }),
        "{error}"
    );
    let mut file = seed(XCLBIN);
    // The offset of the first section's data is at +24 of its 40 bytes.
    set(&mut file, 0x1c8 + 24, u32::MAX);
    let error = Xclbin::read(&file).unwrap_err();
    assert_eq!((error.format, error.offset), (Format::Xclbin, 0x1c8 + 24));
    assert!(matches!(error.reason, Reason::Short { .. }), "{error}");
}

#[test]
fn an_xclbin_may_be_followed_by_bytes_but_not_be_cut_off() {
    let mut file = seed(XCLBIN);
    assert!(Xclbin::read(&file[..file.len() - 1]).is_err());
    file.extend([1, 2, 3]);
    let read = Xclbin::read(&file).unwrap();
    assert_eq!((read.sections.len(), read.trailer), (3, &b"trailer"[..]));
}

#[test]
fn any_mode_and_unknown_and_overlapping_sections_are_accepted() {
    let mut file = seed(XCLBIN);
    file[0x14c] = 4;
    set(&mut file, 0x1c8 + 40, 999);
    let offset = word(&file, 0x1c8 + 24);
    set(&mut file, 0x1c8 + 40 + 24, offset);
    let read = Xclbin::read(&file).unwrap();
    assert_eq!(read.header.mode, Mode::HARDWARE_EMULATION);
    assert_eq!(read.sections[1].kind.to_string(), "UNKNOWN_999");
}

#[test]
fn of_two_sections_of_a_kind_the_first_counts() {
    let file = seed(XCLBIN);
    let mut read = Xclbin::read(&file).unwrap();
    let mut second = read.sections[0].clone();
    second.data = &[];
    read.sections.push(second);
    let written = read.write();
    assert!(Xclbin::read(&written).unwrap().partition().is_ok());
}

#[test]
fn what_an_image_section_holds_is_never_what_is_loaded() {
    let mut file = seed(XCLBIN);
    let kind = u32::from(SectionKind::PDI);
    set(&mut file, 0x1c8, kind);
    let read = Xclbin::read(&file).unwrap();
    assert!(read.section(SectionKind::PDI).is_some());
    assert_eq!(
        read.partition().unwrap_err().reason,
        Reason::Missing("section AIE_PARTITION")
    );
}

#[test]
fn images_are_size_then_offset_and_arrays_count_then_offset() {
    let file = seed(XCLBIN);
    let section = Xclbin::read(&file)
        .unwrap()
        .section(SectionKind::AIE_PARTITION)
        .unwrap();
    let partition = Partition::read(section).unwrap();
    let record = word(section, 0x7c) as usize;
    assert_eq!(word(section, 0x78), 1);
    let image = partition.pdis[0].image;
    assert_eq!(word(section, record + 16) as usize, image.len());
    let offset = word(section, record + 20) as usize;
    assert_eq!(&section[offset..offset + image.len()], image);
}

#[test]
fn kernels_without_an_image_exist() {
    let file = seed(XCLBIN);
    let read = Xclbin::read(&file).unwrap();
    let partition = read.partition().unwrap();
    assert!(partition.pdi_of_kernel(0x901).is_some());
    assert!(partition.pdi_of_kernel(0x104).is_none());
}

#[test]
fn identities_may_be_shared_and_zero_and_strings_may_end_with_the_section() {
    let file = seed(XCLBIN);
    let mut partition = Xclbin::read(&file).unwrap().partition().unwrap();
    partition.pdis[0].uuid = Uuid::default();
    partition.pdis.push(partition.pdis[0].clone());
    let mut section = partition.write();
    let end = section.len() as u32;
    section.extend(b"end");
    set(&mut section, 4, end);
    let read = Partition::read(&section).unwrap();
    assert_eq!((read.name.as_str(), read.pdis.len()), ("end", 2));
    assert_eq!(
        read.pdis[0].uuid.to_string(),
        "00000000-0000-0000-0000-000000000000"
    );
}

#[test]
fn tables_are_as_long_as_they_say() {
    let mut section = vec![0; 64];
    set(&mut section, 0, 2);
    assert_eq!(read_connectivity(&section).unwrap().len(), 2);
    set(&mut section, 0, 6);
    assert!(read_connectivity(&section).is_err());
}

#[test]
fn metadata_is_read_whatever_the_order_of_attributes() {
    let xml = "<project><platform><device><core><kernel type=\"dpu\" name=\"K\">\
        <extended-data subtype=\"\" dpu_kernel_id=\"0x901\" functional=\"0\"/>\
        <arg size=\"0x8\" id=\"1\" type=\"uint64_t\" addressQualifier=\"0\" offset=\"0x14\" name=\"argv0\"/>\
        </kernel></core></device></platform></project>";
    let kernels = read_kernels(xml.as_bytes()).unwrap();
    assert_eq!((kernels[0].id, kernels[0].subtype), (Some(0x901), None));
    assert_eq!(
        (kernels[0].arguments[0].offset, kernels[0].arguments[0].size),
        (0x14, 8)
    );
    assert!(read_kernels(b"<project><platform><device><core><kernel><arg/>").is_err());
    let instance = Instance::new("K", "I", 0x901);
    assert_eq!(
        (instance.properties, instance.kernel_id(), instance.kernel()),
        (0x0901_0001, 0x901, "K")
    );
}

#[test]
fn images_have_a_signature_one_partition_and_an_offset_of_their_data() {
    let good = seed(IMAGE);
    for (at, value) in [(0x38, 0), (0x14, 2), (0x1c, 2), (0, 0), (0xd0 + 0x70, 2)] {
        let mut file = good.clone();
        set(&mut file, at, value);
        let error = Pdi::read(&file).unwrap_err();
        assert_eq!((error.format, error.offset), (Format::Pdi, at), "{error}");
    }
    // The stream may lie elsewhere: four words on, here.
    let mut file = good.clone();
    let words = word(&file, 0xd0 + 0x20);
    set(&mut file, 0xd0 + 0x20, words + 4);
    file.splice(0x150..0x150, [0; 16]);
    assert_eq!(Pdi::read(&file).unwrap().cdo, Pdi::read(&good).unwrap().cdo);
}

#[test]
fn wrong_checksums_are_told_and_not_refused() {
    let mut file = seed(IMAGE);
    assert!(Pdi::read(&file).unwrap().wrong.is_empty());
    file[0x8c] ^= 1;
    file[0x150 + 16] ^= 1;
    let image = Pdi::read(&file).unwrap();
    assert_eq!(image.wrong, [Checked::Table, Checked::Cdo]);
}

#[test]
fn split_images_lack_twenty_bytes_and_not_more() {
    let file = seed(SPLIT);
    let image = Pdi::read(&file).unwrap();
    assert_eq!((image.transform, image.borrowed), (Transform::Split, 20));
    assert!(image.wrong.contains(&Checked::Partition));
    let commands = &image.cdo.commands;
    assert_eq!(commands.len(), 5);
    let data = |address, words: &[u32]| Command::DmaWrite {
        address,
        data: words.to_vec(),
    };
    let ones = 0x0101_0101;
    assert_eq!(commands[3], data(0x22_0000, &[ones, ones, ones, 0, 0, 0, 0, 0]));
    // A bit says that all words are zeros, and none is stored.
    assert_eq!(commands[4], data(0x1000, &[0; 8]));
    assert!(Pdi::read(&file[..file.len() - 4]).is_err());
}

#[test]
fn streams_have_the_mask_first_and_control_code_the_value() {
    let stream = Cdo::new(vec![Command::MaskWrite {
        address: 1,
        mask: 2,
        value: 3,
    }]);
    let bytes = stream.write();
    assert_eq!([word(&bytes, 24), word(&bytes, 28), word(&bytes, 32)], [1, 2, 3]);
    let txn = Txn::read(&seed(TXN)).unwrap();
    let record = txn
        .records
        .iter()
        .find(|r| matches!(r.operation, Operation::MaskWrite { .. }))
        .unwrap();
    let bytes = seed(TXN);
    assert_eq!(
        [word(&bytes, record.offset + 16), word(&bytes, record.offset + 20)],
        [1, 0xff]
    );
}

#[test]
fn long_commands_have_their_length_in_the_next_word() {
    for length in [0, 252, 253, 254, 300] {
        let data = vec![7; length];
        let stream = Cdo::new(vec![Command::DmaWrite { address: 4, data }]);
        let bytes = stream.write();
        let long = length + 2 >= 255;
        assert_eq!(bytes.len(), 4 * (5 + 1 + usize::from(long) + 2 + length));
        assert_eq!(Cdo::read(&bytes), Ok(stream));
    }
    let mut bytes = seed(STREAM);
    set(&mut bytes, 12, u32::MAX);
    assert!(Cdo::read(&bytes).is_err());
}

#[test]
fn bytes_that_mean_nothing_are_not_looked_at() {
    let bytes = seed(TXN);
    let txn = Txn::read(&bytes).unwrap();
    let mut dirty = bytes.clone();
    for record in &txn.records {
        let at = record.offset;
        match record.operation {
            Operation::Write { .. } | Operation::BlockWrite { .. } | Operation::MaskWrite { .. } => {
                dirty[at + 1..at + 8].fill(0xa5);
            }
            Operation::DdrPatch(_) => {
                dirty[at + 1..at + 4].fill(0xa5);
                dirty[at + 8..at + 24].fill(0xa5);
            }
            _ => {}
        }
    }
    assert_ne!(dirty, bytes);
    assert_eq!(Txn::read(&dirty), Ok(txn));
}

#[test]
fn mask_writes_may_be_longer_than_they_need() {
    let header = Header {
        version: Version::Normal,
        generation: 3,
        rows: 6,
        columns: 5,
        memory_rows: 1,
    };
    let (address, value, mask) = (8, 1, 3);
    let mut txn = Txn::new(
        header,
        [Operation::MaskWrite { address, value, mask }, Operation::Noop],
    );
    assert_eq!(txn.records[0].size, 28);
    txn.records[0].size = 32;
    txn.records[1].offset += 4;
    assert_eq!(Txn::read(&txn.write()), Ok(txn));
}

#[test]
fn control_code_ends_where_it_says_with_as_many_operations() {
    let good = seed(TXN);
    for (at, by) in [(8, 1), (12, 4)] {
        let mut file = good.clone();
        let wrong = word(&file, at) + by;
        set(&mut file, at, wrong);
        assert!(Txn::read(&file).is_err());
        file.extend([0; 4]);
        assert!(Txn::read_prefix(&file).is_err(), "{at}");
    }
    let mut longer = good.clone();
    longer.extend([0; 8]);
    assert!(Txn::read(&longer).is_err());
    assert_eq!(Txn::read_prefix(&longer), Txn::read(&good));
}

#[test]
fn unknown_operations_are_skipped_from_128_on_and_stop_below() {
    let good = seed(TXN);
    let txn = Txn::read(&good).unwrap();
    let place = |name| {
        txn.records
            .iter()
            .find(|r| r.operation.name() == name)
            .unwrap()
            .offset
    };
    let mut file = good.clone();
    file[place("CUSTOM")] = 199;
    let read = Txn::read(&file).unwrap();
    assert!(
        read.operations()
            .any(|o| matches!(o, Operation::Custom { op: 199, .. }))
    );
    for op in [2, 11, 13, 14, 15, 16, 127] {
        let mut file = good.clone();
        file[place("NOOP")] = op;
        let error = Txn::read(&file).unwrap_err();
        assert_eq!((error.format, error.offset), (Format::Txn, place("NOOP")));
    }
}

#[test]
fn the_compact_version_says_the_same_in_fewer_bytes() {
    let (normal, compact) = (Txn::read(&seed(TXN)).unwrap(), Txn::read(&seed(COMPACT)).unwrap());
    assert!(normal.operations().eq(compact.operations()));
    assert!(compact.size() < normal.size());
}

#[test]
fn text_is_told_from_bytes_by_its_content() {
    let file = seed(TEXT);
    let read = ControlFile::read(&file).unwrap();
    assert_eq!(read.bytes.as_ref(), seed(TXN));
    assert!(matches!(read.code, ControlCode::Txn(_)));
    let bytes = seed(TXN);
    assert_eq!(ControlFile::read(&bytes).unwrap().code, read.code);
    let dpu = seed(DPU);
    let ControlCode::Dpu(words) = ControlFile::read(&dpu).unwrap().code else {
        panic!("transactions")
    };
    assert_eq!(words.prolog, [2, 0]);
    assert_eq!(
        words.operations.iter().map(|o| o.name()).collect::<Vec<_>>(),
        ["WRITE32", "SYNC"]
    );
}

#[test]
fn pointers_of_git_lfs_are_told() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let errors = [
        Xclbin::read(pointer).unwrap_err(),
        Pdi::read(pointer).unwrap_err(),
        ControlFile::read(pointer).unwrap_err(),
        ControlElf::read(pointer).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.reason, Reason::LfsPointer);
        assert!(error.to_string().contains("git lfs pull"), "{error}");
    }
}

#[test]
fn other_elf_files_are_refused() {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    file.resize(64, 0);
    assert_eq!(ControlElf::read(&file).unwrap_err().offset, 4);
    file[4] = 1;
    file[5] = 2;
    assert_eq!(ControlElf::read(&file).unwrap_err().offset, 5);
}
