//! Small files made by our own writers.

mod elves;

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
    seeds.extend(elves::elves());
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
