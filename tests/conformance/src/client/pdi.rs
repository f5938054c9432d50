//! The smallest well-formed PDI and control code: they configure nothing and do nothing.

/// A PDI whose CDO is three NOPs: 368 bytes (npu-formats, sections 5 and 6).
pub fn empty_pdi() -> Vec<u8> {
    let mut words = vec![0xdd, 0x1122_3344, 0x5566_7788, 0x99aa_bbcc];

    let mut table = [0_u32; 32];
    (table[0], table[1], table[2], table[3], table[4]) = (0x0004_0000, 1, 0x24, 1, 0x34);
    (table[6], table[10], table[11], table[12]) = (0x14ca_8093, 0x5050_4449, 0x0020_1020, 0x30);
    table[17] = 1;
    seal(&mut table);
    words.extend(table);

    let mut image = [0_u32; 16];
    (image[0], image[1], image[8]) = (0x34, 1, 0x1c00_0000);
    for (word, name) in image[4..8]
        .iter_mut()
        .zip(b"aie_image\0\0\0\0\0\0\0".chunks_exact(4))
    {
        *word = u32::from_le_bytes([name[0], name[1], name[2], name[3]]);
    }
    seal(&mut image);
    words.extend(image);

    let nops = [0x111_u32; 3];
    let unencrypted = 5 + nops.len() as u32;
    let total = unencrypted.next_multiple_of(4);
    let mut partition = [0_u32; 32];
    (partition[0], partition[1], partition[2]) = (total, unencrypted, total);
    (partition[6], partition[7], partition[8]) = (u32::MAX, u32::MAX, 0x54);
    (partition[9], partition[10]) = (0x0200_0006, 1);
    seal(&mut partition);
    words.extend(partition);

    let mut cdo = [4, 0x004f_4443, 0x200, nops.len() as u32, 0];
    seal(&mut cdo);
    words.extend(cdo);
    words.extend(nops);
    words.resize(0x54 + total as usize, 0);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Writes the checksum of all words before the last into the last.
fn seal(words: &mut [u32]) {
    if let [body @ .., last] = words {
        *last = !body.iter().fold(0_u32, |sum, word| sum.wrapping_add(*word));
    }
}

/// A transaction of one NOOP: version 0.1, generation 3, 6 rows, 1 column, 1 memory row (npu-formats 12.1).
pub const EMPTY_TRANSACTION: [u32; 5] = [0x0603_0100, 0x0000_0101, 1, 20, 5];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pdi_is_as_long_as_the_smallest_legal_one() {
        let pdi = empty_pdi();
        assert_eq!(pdi.len(), 368);
        assert_eq!(&pdi[0x10 + 0x28..][..4], b"IDPP");
        assert_eq!(&pdi[0xa0..0xa9], b"aie_image");
        let word = |at: usize| u32::from_le_bytes(pdi[at..at + 4].try_into().unwrap());
        let checksums = [word(0x8c), word(0xcc), word(0x14c), word(0x160)];
        assert_eq!(checksums, [0x9ac1_2a78, 0x1d39_289b, 0xfdff_ff8e, 0xffb0_b9b5]);
    }
}
