//! The smallest files an NPU takes: an array configuration and an instruction stream that do nothing. What selftest
//! and bench run.

/// Command of a configuration: nothing, with one word of payload.
const NOP: u32 = 0x111 | 1 << 16;
/// Rows of an array, the same on every known NPU.
const ROWS: u8 = 6;

/// A PDI whose configuration is three NOPs.
pub fn empty_pdi() -> Vec<u8> {
    let cdo_body = [NOP, 0, NOP, 0, NOP, 0];
    let mut cdo = vec![4, 0x004F_4443, 0x200, cdo_body.len() as u32];
    cdo.push(checksum(&cdo));
    cdo.extend(cdo_body);
    let length = cdo.len() as u32;
    let total = length.next_multiple_of(4);
    cdo.resize(total as usize, 0);

    let mut table = vec![
        0x0004_0000,
        1,
        0x24,
        1,
        0x34,
        0,
        0x14CA_8093,
        0,
        0,
        0,
        0x5050_4449,
        0x0020_1020,
        0x30,
    ];
    table.resize(31, 0);
    table.push(checksum(&table));
    let mut image = vec![0x34, 1, 0, 0];
    image.extend(
        b"aie_image\0\0\0\0\0\0\0"
            .chunks(4)
            .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])),
    );
    image.push(0x1C00_0000);
    image.resize(15, 0);
    image.push(checksum(&image));
    let mut partition = vec![
        total,
        length,
        total,
        0,
        0,
        0,
        u32::MAX,
        u32::MAX,
        0x54,
        0x0200_0006,
        1,
    ];
    partition.resize(31, 0);
    partition.push(checksum(&partition));

    let bus_width = [0x0000_00DD, 0x1122_3344, 0x5566_7788, 0x99AA_BBCC];
    [&bus_width[..], &table, &image, &partition, &cdo]
        .concat()
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .collect()
}

/// A transaction of one no-operation for one column; `xdna1` says for which generation.
pub fn empty_transaction(xdna1: bool) -> Vec<u8> {
    let generation = if xdna1 { 3 } else { 4 };
    let mut bytes = vec![0, 1, generation, ROWS, 1, 1, 0, 0];
    // One operation, 20 bytes in all; then the operation.
    bytes.extend([1_u32, 20, 5].iter().flat_map(|w| w.to_le_bytes()));
    bytes
}

fn checksum(words: &[u32]) -> u32 {
    !words.iter().fold(0, |sum: u32, word| sum.wrapping_add(*word))
}
