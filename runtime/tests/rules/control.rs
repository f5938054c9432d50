//! Control code.

use xdna_runtime::formats::{
    ControlCode, ControlFile, Format, Pdi, Reason, Txn, Xclbin,
    elf::ControlElf,
    txn::{Header, Operation, Version},
};

use crate::{COMPACT, DPU, TEXT, TXN, seed, set, word};

#[test]
fn bytes_that_mean_nothing_are_not_looked_at() {
    let bytes = seed(TXN);
    let txn = Txn::read(&bytes).unwrap();
    let mut dirty = bytes.clone();
    for record in &txn.records {
        let at = record.offset;
        match record.operation {
            Operation::Write { .. } | Operation::BlockWrite { .. } | Operation::MaskWrite { .. } => {
                dirty[at + 1..at + 8].fill(0xa5);
            }
            Operation::DdrPatch(_) => {
                dirty[at + 1..at + 4].fill(0xa5);
                dirty[at + 8..at + 24].fill(0xa5);
            }
            _ => {}
        }
    }
    assert_ne!(dirty, bytes);
    assert_eq!(Txn::read(&dirty), Ok(txn));
}

#[test]
fn mask_writes_may_be_longer_than_they_need() {
    let header = Header {
        version: Version::Normal,
        generation: 3,
        rows: 6,
        columns: 5,
        memory_rows: 1,
    };
    let (address, value, mask) = (8, 1, 3);
    let mut txn = Txn::new(
        header,
        [Operation::MaskWrite { address, value, mask }, Operation::Noop],
    );
    assert_eq!(txn.records[0].size, 28);
    txn.records[0].size = 32;
    txn.records[1].offset += 4;
    assert_eq!(Txn::read(&txn.write()), Ok(txn));
}

#[test]
fn control_code_ends_where_it_says_with_as_many_operations() {
    let good = seed(TXN);
    for (at, by) in [(8, 1), (12, 4)] {
        let mut file = good.clone();
        let wrong = word(&file, at) + by;
        set(&mut file, at, wrong);
        assert!(Txn::read(&file).is_err());
        file.extend([0; 4]);
        assert!(Txn::read_prefix(&file).is_err(), "{at}");
    }
    let mut longer = good.clone();
    longer.extend([0; 8]);
    assert!(Txn::read(&longer).is_err());
    assert_eq!(Txn::read_prefix(&longer), Txn::read(&good));
}

#[test]
fn unknown_operations_are_skipped_from_128_on_and_stop_below() {
    let good = seed(TXN);
    let txn = Txn::read(&good).unwrap();
    let place = |name| {
        txn.records
            .iter()
            .find(|r| r.operation.name() == name)
            .unwrap()
            .offset
    };
    let mut file = good.clone();
    file[place("CUSTOM")] = 199;
    let read = Txn::read(&file).unwrap();
    assert!(
        read.operations()
            .any(|o| matches!(o, Operation::Custom { op: 199, .. }))
    );
    for op in [2, 11, 13, 14, 15, 16, 127] {
        let mut file = good.clone();
        file[place("NOOP")] = op;
        let error = Txn::read(&file).unwrap_err();
        assert_eq!((error.format, error.offset), (Format::Txn, place("NOOP")));
    }
}

#[test]
fn the_compact_version_says_the_same_in_fewer_bytes() {
    let (normal, compact) = (Txn::read(&seed(TXN)).unwrap(), Txn::read(&seed(COMPACT)).unwrap());
    assert!(normal.operations().eq(compact.operations()));
    assert!(compact.size() < normal.size());
}

#[test]
fn text_is_told_from_bytes_by_its_content() {
    let file = seed(TEXT);
    let read = ControlFile::read(&file).unwrap();
    assert_eq!(read.bytes.as_ref(), seed(TXN));
    assert!(matches!(read.code, ControlCode::Txn(_)));
    let marked = [b"\xef\xbb\xbf", &file[..]].concat();
    assert_eq!(ControlFile::read(&marked).unwrap().code, read.code);
    let noted = [&file[..], b"# the end\n"].concat();
    let error = ControlFile::read(&noted).unwrap_err();
    assert_eq!(error.offset, file.len());
    assert!(
        error.to_string().contains("\"#\" is no hexadecimal word"),
        "{error}"
    );
    let bytes = seed(TXN);
    assert_eq!(ControlFile::read(&bytes).unwrap().code, read.code);
    let dpu = seed(DPU);
    let ControlCode::Dpu(words) = ControlFile::read(&dpu).unwrap().code else {
        panic!("transactions")
    };
    assert_eq!(words.prolog, [2, 0]);
    assert_eq!(
        words.operations.iter().map(|o| o.name()).collect::<Vec<_>>(),
        ["WRITE32", "SYNC"]
    );
}

#[test]
fn pointers_of_git_lfs_are_told() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let errors = [
        Xclbin::read(pointer).unwrap_err(),
        Pdi::read(pointer).unwrap_err(),
        ControlFile::read(pointer).unwrap_err(),
        ControlElf::read(pointer).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.reason, Reason::LfsPointer);
        assert!(error.to_string().contains("git lfs pull"), "{error}");
    }
}
