//! What must hold for any bytes: they are refused, or understood and written so that they are understood the same.

use xdna_runtime::formats::{
    Cdo, ControlFile, Pdi, Txn, Xclbin,
    control_packet::read_control_packets,
    dpu::Dpu,
    elf::{ControlElf, CoreElf},
    xclbin::{Partition, read_connectivity, read_ip_layout, read_mem_topology, write_ip_layout},
};

/// Feeds bytes to every reader of a format; gives whether one of them understood.
pub type Feed = fn(&[u8]) -> bool;

/// Formats by name.
pub const FORMATS: [(&str, Feed); 5] = [
    ("xclbin", xclbin),
    ("pdi", pdi),
    ("cdo", cdo),
    ("control", control),
    ("elf", elf),
];

fn xclbin(bytes: &[u8]) -> bool {
    let Ok(file) = Xclbin::read(bytes) else {
        return false;
    };
    let written = file.write();
    assert_eq!(Xclbin::read(&written).as_ref(), Ok(&file));
    if let Ok(partition) = file.partition() {
        let section = partition.write();
        assert_eq!(Partition::read(&section).as_ref(), Ok(&partition));
        for id in partition
            .pdis
            .iter()
            .flat_map(|p| &p.groups)
            .flat_map(|g| &g.kernel_ids)
        {
            assert!(partition.pdi_of_kernel(*id).is_some());
        }
    }
    let _ = file.kernels();
    if let Ok(instances) = file.instances() {
        let section = write_ip_layout(&instances);
        assert_eq!(read_ip_layout(&section).map(|i| i.len()), Ok(instances.len()));
    }
    for section in &file.sections {
        let _ = (read_mem_topology(section.data), read_connectivity(section.data));
    }
    true
}

fn pdi(bytes: &[u8]) -> bool {
    let Ok(image) = Pdi::read(bytes) else { return false };
    let again = Pdi::read(&image.write()).expect("what was written is read");
    assert_eq!((again.cdo, again.name), (image.cdo, image.name));
    true
}

fn cdo(bytes: &[u8]) -> bool {
    let Ok(stream) = Cdo::read(bytes) else {
        return false;
    };
    assert_eq!(Cdo::read(&stream.write()), Ok(stream));
    true
}

fn control(bytes: &[u8]) -> bool {
    let file = ControlFile::read(bytes);
    if let Ok(txn) = Txn::read(bytes) {
        assert_eq!(txn.size(), bytes.len());
        assert_eq!(Txn::read(&txn.write()), Ok(txn));
    }
    let words: Vec<u32> = bytes
        .chunks_exact(4)
        .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if let Ok(dpu) = Dpu::read(&words) {
        let counted: usize = dpu.operations.iter().map(|o| 1 + o.words.len()).sum();
        assert_eq!(dpu.prolog.len() + counted, words.len());
    }
    if let Ok(packets) = read_control_packets(bytes)
        && packets.iter().all(|p| p.parity_holds)
    {
        let written = packets.iter().flat_map(|p| p.encode()).flat_map(u32::to_le_bytes);
        let again = read_control_packets(&written.collect::<Vec<u8>>());
        assert_eq!(again, Ok(packets));
    }
    file.is_ok()
}

fn elf(bytes: &[u8]) -> bool {
    let core = CoreElf::read(bytes).is_ok();
    let Ok(file) = ControlElf::read(bytes) else {
        return core;
    };
    for text in file.texts() {
        if let Ok(patched) = file.relocate(text.index, |_| Some(0x1234_5678_9abc)) {
            assert_eq!(patched.len(), text.data.len());
        }
    }
    true
}
