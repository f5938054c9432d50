//! The xclbin around a design's image: sections, names and order of the open tools.

use std::fmt::Write;

use xdna_runtime::formats::{
    Xclbin,
    xclbin::{
        CdoGroup, Connection, Header, Instance, Memory, Partition, PartitionPdi, Section, SectionKind, Uuid,
        write_connectivity, write_ip_layout, write_mem_topology,
    },
};

use crate::{Design, DesignError};

/// Name and id of the kernel, as the open tools choose them.
pub(crate) const KERNEL: &str = "MLIR_AIE";
const INSTANCE: &str = "MLIRAIE";
const KERNEL_ID: u16 = 0x901;
/// Group that goes before the kernel's.
const PRE_GROUP: u32 = 0xc1;
/// Buffers that a kernel takes at most.
const BUFFERS: u32 = 5;
const OPERATIONS_PER_CYCLE: u32 = 2048;
const FINGERPRINT: u64 = 23423;
const PRE_POST_FINGERPRINT: u64 = 12345;

/// What an xclbin of the open tools holds besides its header, as bytes that [`Xclbin`] can borrow.
pub(crate) struct Sections(Vec<(SectionKind, &'static str, Vec<u8>)>);

impl Sections {
    pub(crate) fn new(design: &Design) -> Result<Self, DesignError> {
        let image = design.pdi()?;
        let group = CdoGroup {
            name: "DPU".to_owned(),
            kind: 1,
            pdi_id: 1,
            kernel_ids: vec![KERNEL_ID.into()],
            pre_groups: vec![PRE_GROUP],
        };
        let partition = Partition {
            name: String::new(),
            operations_per_cycle: OPERATIONS_PER_CYCLE,
            fingerprint: FINGERPRINT,
            pre_post_fingerprint: PRE_POST_FINGERPRINT,
            width: design.columns.into(),
            start_columns: design.start_columns.clone(),
            pdis: vec![PartitionPdi {
                uuid: Uuid::default(),
                image: &image,
                groups: vec![group],
            }],
            kernel_commit: Some(String::new()),
        };
        let memory = |tag: &str, size_kib| Memory {
            kind: 2,
            used: true,
            size_kib,
            base: 0x400_0000,
            tag: tag.to_owned(),
        };
        let topology = write_mem_topology(&[memory("HOST", 0x1_0000), memory("SRAM", 0xc000)]);
        // The first buffer behind the opcode are the instructions, which lie in the second memory.
        let connection = |argument: i32| Connection {
            argument,
            instance: 0,
            memory: i32::from(argument == 1),
        };
        let connections: Vec<Connection> = [1]
            .into_iter()
            .chain(3..3 + BUFFERS as i32)
            .map(connection)
            .collect();
        let twice = [&connections[..], &connections].concat();
        let instances = [Instance::new(KERNEL, INSTANCE, KERNEL_ID)];
        Ok(Self(vec![
            (SectionKind::MEM_TOPOLOGY, "main_mem_topology", topology.clone()),
            (
                SectionKind::AIE_PARTITION,
                "main_aie_partition",
                partition.write(),
            ),
            (SectionKind::EMBEDDED_METADATA, "", metadata().into_bytes()),
            (SectionKind::IP_LAYOUT, "", write_ip_layout(&instances)),
            (SectionKind::CONNECTIVITY, "", write_connectivity(&connections)),
            (SectionKind::GROUP_CONNECTIVITY, "", write_connectivity(&twice)),
            (SectionKind::GROUP_TOPOLOGY, "", topology),
        ]))
    }

    /// The file; its identity is made of its contents, and no time is in it: the same design gives the same bytes.
    pub(crate) fn write(&self) -> Vec<u8> {
        let section = |(kind, name, data): &'_ (SectionKind, &'static str, Vec<u8>)| {
            let mut field = [0; 16];
            let kept = &name.as_bytes()[..name.len().min(15)];
            field[..kept.len()].copy_from_slice(kept);
            (*kind, field, data.len())
        };
        let heads: Vec<_> = self.0.iter().map(section).collect();
        let sections = heads
            .iter()
            .zip(&self.0)
            .map(|(&(kind, name, _), (_, _, data))| Section { kind, name, data })
            .collect();
        let mut digest = sha2::Sha256::default();
        for (_, _, data) in &self.0 {
            sha2::Digest::update(&mut digest, data);
        }
        let digest = sha2::Digest::finalize(digest);
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&digest[..16]);
        Xclbin {
            header: Header::new(Uuid(uuid)),
            sections,
            trailer: &[],
        }
        .write()
    }
}

impl Design {
    /// The xclbin: the design's image, and one kernel with five buffers.
    ///
    /// # Errors
    /// Something in the design does not exist or does not fit.
    pub fn xclbin(&self) -> Result<Vec<u8>, DesignError> {
        Ok(Sections::new(self)?.write())
    }
}

/// EMBEDDED_METADATA, with the attributes in the order of the open tools.
fn metadata() -> String {
    let mut arguments = String::new();
    let mut argument = |id: u32, name: &str, qualifier: u32, size: u32, offset: u32, kind: &str| {
        // Writing into a string does not fail.
        let _ = writeln!(
            arguments,
            "          <arg name=\"{name}\" addressQualifier=\"{qualifier}\" id=\"{id}\" size=\"0x{size:x}\" \
             offset=\"0x{offset:02X}\" hostOffset=\"0x0\" hostSize=\"0x{size:x}\" type=\"{kind}\"/>"
        );
    };
    argument(0, "opcode", 0, 8, 0, "uint64_t");
    argument(1, "instr", 1, 8, 8, "char *");
    argument(2, "ninstr", 0, 4, 0x10, "uint32_t");
    for i in 0..BUFFERS {
        argument(3 + i, &format!("bo{i}"), 1, 8, 0x14 + 8 * i, "void*");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<project>\n  <platform>\n    <device>\n      <core>\n        \
         <kernel name=\"{KERNEL}\" language=\"c\" type=\"dpu\">\n          \
         <extended-data dpu_kernel_id=\"{KERNEL_ID:#x}\" functional=\"0\" subtype=\"1\"/>\n{arguments}          \
         <instance name=\"{INSTANCE}\"/>\n        </kernel>\n      </core>\n    </device>\n  </platform>\n</project>\n"
    )
}
