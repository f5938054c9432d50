//! The smallest images that firmware accepts.

/// Control code of so many operations that do nothing, 4 bytes each behind a header of 16.
pub fn nops(count: u32) -> Vec<u8> {
    let head = [0x0603_0100, 0x0000_0101, count, 16 + 4 * count];
    let words = head.into_iter().chain((0..count).map(|_| 5));
    words.flat_map(u32::to_le_bytes).collect()
}

/// A PDI whose configuration is three NOPs.
pub fn empty_pdi() -> Vec<u8> {
    let mut words = [0u32; 0x54];
    words[..4].copy_from_slice(&[0xdd, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc]);
    // Image header table, image header, partition header.
    (words[4], words[5], words[6], words[7], words[8]) = (0x0004_0000, 1, 0x24, 1, 0x34);
    (words[10], words[14], words[15], words[16]) = (0x14ca_8093, 0x5050_4449, 0x0020_1020, 0x30);
    (words[0x24], words[0x25]) = (0x34, 1);
    (words[0x34], words[0x35], words[0x36]) = (8, 8, 8);
    (words[0x3c], words[0x3d], words[0x3e]) = (0x54, 0x0200_0006, 1);
    let stream = [
        4,
        0x004f_4443,
        0x200,
        3,
        !(4 + 0x004f_4443 + 0x200 + 3),
        0x111,
        0x111,
        0x111,
    ];
    words
        .iter()
        .chain(&stream)
        .flat_map(|w: &u32| w.to_le_bytes())
        .collect()
}
