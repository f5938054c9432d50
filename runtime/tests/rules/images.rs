//! PDI and CDO.

use xdna_runtime::formats::{Cdo, Checked, Format, Pdi, Transform, Txn, cdo::Command, txn::Operation};

use crate::{IMAGE, SPLIT, STREAM, TXN, seed, set, word};

#[test]
fn images_have_a_signature_one_partition_and_an_offset_of_their_data() {
    let good = seed(IMAGE);
    for (at, value) in [(0x38, 0), (0x14, 2), (0x1c, 2), (0, 0), (0xd0 + 0x70, 2)] {
        let mut file = good.clone();
        set(&mut file, at, value);
        let error = Pdi::read(&file).unwrap_err();
        assert_eq!((error.format, error.offset), (Format::Pdi, at), "{error}");
    }
    // The stream may lie elsewhere: four words on, here.
    let mut file = good.clone();
    let words = word(&file, 0xd0 + 0x20);
    set(&mut file, 0xd0 + 0x20, words + 4);
    file.splice(0x150..0x150, [0; 16]);
    assert_eq!(Pdi::read(&file).unwrap().cdo, Pdi::read(&good).unwrap().cdo);
}

#[test]
fn images_do_not_say_which_generation_they_are_for() {
    // The id code of npu1 and npu4, and of nobody else.
    let mut file = seed(IMAGE);
    assert_eq!(word(&file, 0x28), 0x14ca_8093);
    set(&mut file, 0x28, 0);
    assert_eq!(Pdi::read(&file).unwrap().wrong, [Checked::Table]);
}

#[test]
fn wrong_checksums_are_told_and_not_refused() {
    let mut file = seed(IMAGE);
    assert!(Pdi::read(&file).unwrap().wrong.is_empty());
    file[0x8c] ^= 1;
    file[0x150 + 16] ^= 1;
    let image = Pdi::read(&file).unwrap();
    assert_eq!(image.wrong, [Checked::Table, Checked::Cdo]);
}

#[test]
fn split_images_lack_twenty_bytes_and_not_more() {
    let file = seed(SPLIT);
    let image = Pdi::read(&file).unwrap();
    assert_eq!((image.transform, image.borrowed), (Transform::Split, 20));
    assert!(image.wrong.contains(&Checked::Partition));
    let commands = &image.cdo.commands;
    assert_eq!(commands.len(), 5);
    let data = |address, words: &[u32]| Command::DmaWrite {
        address,
        data: words.to_vec(),
    };
    let ones = 0x0101_0101;
    assert_eq!(commands[3], data(0x22_0000, &[ones, ones, ones, 0, 0, 0, 0, 0]));
    // A bit says that all words are zeros, and none is stored.
    assert_eq!(commands[4], data(0x1000, &[0; 8]));
    assert!(Pdi::read(&file[..file.len() - 4]).is_err());
}

#[test]
fn streams_have_the_mask_first_and_control_code_the_value() {
    let stream = Cdo::new(vec![Command::MaskWrite {
        address: 1,
        mask: 2,
        value: 3,
    }]);
    let bytes = stream.write();
    assert_eq!([word(&bytes, 24), word(&bytes, 28), word(&bytes, 32)], [1, 2, 3]);
    let txn = Txn::read(&seed(TXN)).unwrap();
    let record = txn
        .records
        .iter()
        .find(|r| matches!(r.operation, Operation::MaskWrite { .. }))
        .unwrap();
    let bytes = seed(TXN);
    assert_eq!(
        [word(&bytes, record.offset + 16), word(&bytes, record.offset + 20)],
        [1, 0xff]
    );
}

#[test]
fn long_commands_have_their_length_in_the_next_word() {
    for length in [0, 252, 253, 254, 300] {
        let data = vec![7; length];
        let stream = Cdo::new(vec![Command::DmaWrite { address: 4, data }]);
        let bytes = stream.write();
        let long = length + 2 >= 255;
        assert_eq!(bytes.len(), 4 * (5 + 1 + usize::from(long) + 2 + length));
        assert_eq!(Cdo::read(&bytes), Ok(stream));
    }
    let mut bytes = seed(STREAM);
    set(&mut bytes, 12, u32::MAX);
    assert!(Cdo::read(&bytes).is_err());
}
