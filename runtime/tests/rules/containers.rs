//! xclbin: the container and its sections.

use xdna_runtime::formats::{
    Format, Reason, Xclbin,
    xclbin::{Instance, Mode, Partition, SectionKind, Uuid, read_connectivity, read_kernels},
};

use crate::{XCLBIN, seed, set, word};

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
fn images_are_handed_on_unread() {
    let file = seed(XCLBIN);
    let mut partition = Xclbin::read(&file).unwrap().partition().unwrap();
    let garbage = [0xa5; 100];
    partition.pdis[0].image = &garbage;
    let section = partition.write();
    assert_eq!(Partition::read(&section).unwrap().pdis[0].image, garbage);
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
fn names_that_many_may_share_are_short() {
    let file = seed(XCLBIN);
    let read = Xclbin::read(&file).unwrap();
    let mut section = read.section(SectionKind::AIE_PARTITION).unwrap().to_vec();
    let end = section.len() as u32;
    set(&mut section, 4, end);
    section.extend([b'a'; 255]);
    assert_eq!(Partition::read(&section).unwrap().name.len(), 255);
    // What is no text is replaced, and must fit as that, so that it can be written.
    section[end as usize..].fill(0xff);
    assert!(Partition::read(&section).is_err());
    section.truncate(end as usize + 85);
    let partition = Partition::read(&section).unwrap();
    assert_eq!(Partition::read(&partition.write()).as_ref(), Ok(&partition));
    section.truncate(end as usize);
    section.extend([b'a'; 256]);
    let error = Partition::read(&section).unwrap_err();
    assert!(
        matches!(error.reason, Reason::TooMany { limit: 255, .. }),
        "{error}"
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
