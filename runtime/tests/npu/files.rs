//! Kernel files that configure nothing and do nothing, made by our own writers.

use xdna_runtime::formats::cdo::{Cdo, Command};
use xdna_runtime::formats::txn::{DdrPatch, Header, Operation, Txn, Version};
use xdna_runtime::formats::xclbin::{
    CdoGroup, Header as FileHeader, Instance, Partition, PartitionPdi, Section, SectionKind, Uuid,
    write_ip_layout,
};
use xdna_runtime::formats::{Pdi, Xclbin};

/// An xclbin of `columns` columns with the open tools' kernel of five buffers; `tag` tells it from others.
pub fn xclbin(columns: u16, tag: u8) -> Vec<u8> {
    let cdo = Cdo::new(vec![Command::Nop {
        words: vec![tag.into()],
    }]);
    let image = Pdi::new(cdo).write();
    let partition = Partition {
        operations_per_cycle: 2048,
        width: columns,
        start_columns: vec![0],
        pdis: vec![PartitionPdi {
            image: &image,
            groups: vec![CdoGroup {
                name: "DPU".into(),
                kind: 1,
                pdi_id: 1,
                kernel_ids: vec![0x901],
                pre_groups: vec![0xc1],
            }],
            ..PartitionPdi::default()
        }],
        ..Partition::default()
    };
    let partition = partition.write();
    let layout = write_ip_layout(&[Instance::new("MLIR_AIE", "MLIRAIE", 0x901)]);
    let metadata = metadata();
    let section = |kind, data| Section {
        kind,
        name: [0; 16],
        data,
    };
    Xclbin {
        header: FileHeader::new(Uuid([0; 16])),
        sections: vec![
            section(SectionKind::AIE_PARTITION, &partition[..]),
            section(SectionKind::EMBEDDED_METADATA, metadata.as_bytes()),
            section(SectionKind::IP_LAYOUT, &layout),
        ],
        trailer: &[],
    }
    .write()
}

fn metadata() -> String {
    let head = [("opcode", 0, 8, 0), ("instr", 8, 8, 1), ("ninstr", 16, 4, 0)];
    let names = ["bo0", "bo1", "bo2", "bo3", "bo4"];
    let buffers = names
        .iter()
        .enumerate()
        .map(|(i, name)| (*name, 0x14 + 8 * i, 8, 1));
    let args: String = head
        .into_iter()
        .chain(buffers)
        .enumerate()
        .map(|(id, (name, offset, size, qualifier))| {
            format!(
                r#"<arg name="{name}" id="{id}" offset="{offset:#x}" size="{size:#x}" addressQualifier="{qualifier}" type="void *"/>"#
            )
        })
        .collect();
    format!(
        r#"<project><platform><device><core><kernel name="MLIR_AIE" language="c" type="dpu">
           <extended-data subtype="1" functional="0" dpu_kernel_id="0x901"/>{args}<instance name="MLIRAIE"/>
           </kernel></core></device></platform></project>"#
    )
}

/// Control code that puts two buffers into descriptors nobody starts.
pub fn code(generation: u8, columns: u8) -> Vec<u8> {
    let header = Header {
        version: Version::Normal,
        generation,
        rows: 6,
        columns,
        memory_rows: 1,
    };
    let patch = |argument| {
        Operation::DdrPatch(DdrPatch {
            register: 0x1d004 + 0x20 * argument,
            argument,
            offset: 0,
        })
    };
    Txn::new(header, [patch(0), patch(1)]).write()
}
