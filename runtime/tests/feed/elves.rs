//! ELF files, made by hand: nothing of ours writes them.

use xdna_runtime::formats::{
    Txn,
    txn::{Header, Operation, Version},
};

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
pub fn elves() -> Vec<Vec<u8>> {
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
                // DT_RELA holds the number of a section.
                (
                    ".dynamic",
                    6,
                    2,
                    0,
                    words(&[7, 4, 8, patches.concat().len() as u32, 0, 0]),
                ),
            ],
        ));
    }
    files.push(elf([0, 0], 264, 2, Some((0x7_0440, vec![1; 16])), &[]));
    files
}
