//! Small files made by our own writers.

use xdna_runtime::formats::{
    Cdo, Pdi, Txn, Xclbin,
    cdo::Command,
    txn::{DdrPatch, Header, Operation, Tokens, Version},
    xclbin::{CdoGroup, Instance, Partition, PartitionPdi, Section, SectionKind, Uuid, write_ip_layout},
};

/// Something for each branch of each reader.
pub fn seeds() -> Vec<Vec<u8>> {
    let cdo = Cdo::new(vec![
        Command::Nop { words: vec![0, 0] },
        Command::MaskWrite {
            address: 0x23_2000,
            mask: 1,
            value: 1,
        },
        Command::Write {
            address: 0x21_f000,
            value: 2,
        },
        Command::DmaWrite {
            address: 0x22_0000,
            data: (0..300).collect(),
        },
        Command::MaskWrite64 {
            address: 0x23_2000,
            mask: 2,
            value: 0,
        },
        Command::Write64 {
            address: 0x21_f010,
            value: 1,
        },
        Command::Other {
            op: 0x104,
            words: vec![9],
        },
    ]);
    let image = Pdi::new(cdo.clone()).write();
    let partition = Partition {
        name: "partition".to_owned(),
        operations_per_cycle: 2048,
        width: 4,
        start_columns: vec![1],
        pdis: vec![PartitionPdi {
            uuid: Uuid([7; 16]),
            image: &image,
            groups: vec![CdoGroup {
                name: "DPU".to_owned(),
                kind: 1,
                pdi_id: 1,
                kernel_ids: vec![0x901],
                pre_groups: vec![0xc1],
            }],
        }],
        kernel_commit: Some("abc".to_owned()),
        ..Partition::default()
    };
    let partition = partition.write();
    let layout = write_ip_layout(&[Instance::new("K", "I", 0x901)]);
    let xml = b"<project><platform><device><core><kernel name='K' type='dpu'>\
        <extended-data dpu_kernel_id='0x901'/>\
        <arg name='bo0' id='3' offset='0x14' size='8' addressQualifier='1' type='void*'/>\
        <instance name='I'/></kernel></core></device></platform></project>";
    let section = |kind, data| Section {
        kind,
        name: [0; 16],
        data,
    };
    let file = Xclbin {
        header: xdna_runtime::formats::xclbin::Header::new(Uuid([9; 16])),
        sections: vec![
            section(SectionKind::AIE_PARTITION, &partition),
            section(SectionKind::EMBEDDED_METADATA, xml),
            section(SectionKind::IP_LAYOUT, &layout),
        ],
        trailer: b"trailer",
    };
    let mut seeds = vec![file.write(), image.clone(), cdo.write(), split(&image)];
    for version in [Version::Normal, Version::Compact] {
        let header = Header {
            version,
            generation: Header::NPU4,
            rows: 6,
            columns: 4,
            memory_rows: 1,
        };
        seeds.push(Txn::new(header, operations()).write());
    }
    let text = seeds[4].chunks_exact(4);
    let text = text.map(|b| format!("0x{:08x}\n", u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    seeds.push(text.collect::<String>().into_bytes());
    // A prolog of two words, a register, a wait.
    let dpu: [u32; 7] = [2, 0, 0x0200_0000, 0x1_d204, 1, 0x0300_0000, 0x0001_0100];
    seeds.push(dpu.iter().flat_map(|w| w.to_le_bytes()).collect());
    seeds.extend(elves());
    seeds
}

fn operations() -> Vec<Operation> {
    let (address, value, mask) = (0x1_d204, 1, 0xff);
    vec![
        Operation::Write { address, value },
        Operation::BlockWrite {
            address: 0x1_d000,
            data: vec![1; 8],
        },
        Operation::MaskWrite { address, value, mask },
        Operation::MaskPoll { address, value, mask },
        Operation::MaskPollBusy { address, value, mask },
        Operation::Noop,
        Operation::Preempt { level: 2 },
        Operation::LoadPdi {
            id: 1,
            size: 368,
            address: 0,
        },
        Operation::LoadPmStart { count: 3, id: 1 },
        Operation::CreateScratchpad {
            usage: 1,
            size: 64,
            address: 8,
        },
        Operation::UpdateRegister {
            state: 1,
            function: 2,
            argument: 3,
            register: 0x1_d000,
        },
        Operation::Wait(Tokens {
            direction: 0,
            row: 0,
            column: 1,
            rows: 1,
            columns: 1,
            channel: 0,
        }),
        Operation::DdrPatch(DdrPatch {
            register: 0x1_d004,
            argument: 2,
            offset: 64,
        }),
        Operation::RecordTimer { id: 1 },
        Operation::MergeSync {
            tokens: 4,
            columns: 4,
        },
        Operation::Custom {
            op: 134,
            data: vec![1, 2, 3, 4],
        },
    ]
}

/// The image with commands and data in zones of their own, twenty bytes short as those of the vendor's tool are.
fn split(plain: &[u8]) -> Vec<u8> {
    let zone: [u32; 20] = [
        2, 1, 0x23_2000, 1, 1, // mask write
        3, 2, 0x21_f000, 2, 0x21_f010, 1, // writes
        5, 2, 0, 0x22_0000, 0, 8, 0, 0x1000, 0, // data, and their last word behind the zone
    ];
    let mut out = plain[..0x150 + 20].to_vec();
    out.extend(zone.iter().flat_map(|w| w.to_le_bytes()));
    out.extend(0x1_0008_u32.to_le_bytes());
    out.extend([1; 12]);
    let size = 84_u32;
    let mark = 0x8866 | 1 << 8 | size.rotate_left(16);
    for (at, word) in [(0x140, 1), (0x144, size), (0x148, mark)] {
        out[at..at + 4].copy_from_slice(&u32::to_le_bytes(word));
    }
    out
}

/// Sections of an ELF file: name, type, link, info, bytes.
type ElfSection<'a> = (&'a str, u32, u32, u32, Vec<u8>);

/// An ELF file of class 32 with these sections behind the empty first one, and the table of names behind them.
fn elf(
    ident: [u8; 2],
    machine: u16,
    flags: u32,
    load: Option<(u32, Vec<u8>)>,
    sections: &[ElfSection<'_>],
) -> Vec<u8> {
    const HEADER: usize = 52;
    const PROGRAM: usize = 32;
    let words = |list: &[u32]| list.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let mut body = Vec::new();
    let mut programs = Vec::new();
    let start = HEADER + if load.is_some() { PROGRAM } else { 0 };
    if let Some((address, data)) = &load {
        let size = data.len() as u32;
        programs = words(&[1, start as u32, *address, *address, size, size, 5, 1]);
        body.extend(data);
    }
    let mut names = vec![0];
    let mut table = vec![0; 40];
    let strings = (".shstrtab", 3, 0, 0, Vec::new());
    for (name, kind, link, info, data) in sections.iter().chain([&strings]) {
        let name_at = names.len() as u32;
        names.extend(name.bytes().chain([0]));
        let data = if *name == ".shstrtab" {
            names.clone()
        } else {
            data.clone()
        };
        let entry = match kind {
            2 | 11 => 16,
            4 => 12,
            _ => 0,
        };
        let offset = (start + body.len()) as u32;
        table.extend(words(&[
            name_at,
            *kind,
            0,
            0,
            offset,
            data.len() as u32,
            *link,
            *info,
            4,
            entry,
        ]));
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut out = vec![0x7f, b'E', b'L', b'F', 1, 1, 1, ident[0], ident[1]];
    out.resize(16, 0);
    out.extend(words(&[
        2 | u32::from(machine) << 16,
        1,
        0,
        if load.is_some() { HEADER as u32 } else { 0 },
    ]));
    let count = sections.len() as u32 + 2;
    out.extend(words(&[
        (start + body.len()) as u32,
        flags,
        HEADER as u32 | (PROGRAM as u32) << 16,
    ]));
    out.extend(words(&[
        u32::from(load.is_some()) | 40 << 16,
        count | (count - 1) << 16,
    ]));
    out.extend(programs);
    out.extend(body);
    out.extend(table);
    out
}

/// Control code with one kernel and a patch of each known kind, by the ABI that has the kinds where ELF says, and by the one
/// that hides them in addends; and a core program.
fn elves() -> Vec<Vec<u8>> {
    let words = |list: &[u32]| list.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let header = Header {
        version: Version::Normal,
        generation: Header::NPU4,
        rows: 6,
        columns: 8,
        memory_rows: 1,
    };
    let block = Operation::BlockWrite {
        address: 0x1_d000,
        data: vec![0; 12],
    };
    let load = Operation::LoadPdi {
        id: 1,
        size: 368,
        address: 0,
    };
    let code = Txn::new(header, [block, load]).write();
    let names = b"\x000\0.pdi.1\0control-packet\0kernel\0instance\0".to_vec();
    let symbol =
        |name: u32, size: u32, kind: u32, section: u32| words(&[name, 0, size, kind | section << 16]);
    let mut files = Vec::new();
    for abi in [1, 2] {
        let dynamic = [
            symbol(0, 0, 0, 0),
            symbol(1, 64, 1, 1),
            symbol(3, 0, 1, 1),
            symbol(10, 0, 1, 1),
        ]
        .concat();
        let statics = [symbol(0, 0, 0, 0), symbol(25, 0, 2, 0), symbol(32, 0, 1, 1)].concat();
        let patches = [(2, 1), (3, 1), (4, 3), (5, 1), (7, 3), (8, 2)].map(|(kind, symbol): (u32, u32)| {
            let place = if kind == 8 { 88 } else { 32 };
            let (kind, addend) = if abi == 1 { (0, kind | 8 << 4) } else { (kind, 8) };
            words(&[place, symbol << 8 | kind, addend])
        });
        let note =
            |kind: u32, data: &[u8]| [&words(&[4, data.len() as u32, kind])[..], b"XRT\0", data].concat();
        files.push(elf(
            [0x45, abi],
            1,
            0,
            None,
            &[
                (".ctrltext.0", 1, 0, 0, code.clone()),
                (".dynstr", 3, 0, 0, names.clone()),
                (".dynsym", 11, 2, 1, dynamic),
                (".rela.dyn", 4, 3, 0, patches.concat()),
                (".symtab", 2, 2, 0, statics),
                (".group.0", 17, 5, 2, words(&[1, 1])),
                (".note.xrt.configuration", 7, 0, 0, note(6, &words(&[8]))),
                (".note.xrt.UID", 7, 0, 0, note(4, &[7; 16])),
            ],
        ));
    }
    files.push(elf([0, 0], 264, 2, Some((0x7_0440, vec![1; 16])), &[]));
    files
}
