//! Manifests that are right, and wrong in one place.

use super::*;

const RIGHT: &str = r#"
schema = "xdna.kernel/1"
name = "double"
operator = "double"
device = "npu4"
columns = 1
xclbin = "double.xclbin"
sha256 = "00"
kernel = "MLIR_AIE"
opcode = 3

[[run]]
name = "1"
control = "double.1.txn.bin"
sha256 = "11"

[[run.buffer]]
name = "bo0"
use = "inout"
dtype = "bf16"
shape = [3, 8]
layout = "row, column"
bytes = 48
"#;

fn refused(from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from));
    Manifest::read(&RIGHT.replacen(from, to, 1))
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_right_is_read_and_written() {
    let manifest = Manifest::read(RIGHT).unwrap();
    assert_eq!(Manifest::read(&manifest.write().unwrap()).unwrap(), manifest);
    let uses = manifest.run("1").unwrap().uses();
    assert_eq!((uses[0].direction, uses[0].bytes), (Direction::InOut, 48));
    assert_eq!(uses[0].elements.as_ref().unwrap().to_string(), "bf16 [3, 8]");
    assert_eq!(manifest.run("2"), None);
    assert_eq!(
        Manifest::beside(Path::new("a/double.xclbin")),
        Path::new("a/double.toml")
    );
}

#[test]
fn what_is_wrong_is_named() {
    assert!(refused("columns = 1", "columns = ").contains("line 6"));
    assert!(refused("opcode = 3", "").contains("missing field `opcode`"));
    assert!(refused("opcode = 3", "opcode = 3\nfoo = 1").contains("unknown field `foo`"));
    assert!(refused("use = \"inout\"", "use = \"both\"").contains("unknown variant `both`"));
    assert_eq!(
        refused("kernel/1", "kernel/2"),
        r#"schema "xdna.kernel/2", not "xdna.kernel/1""#
    );
    assert_eq!(
        refused("npu4", "npu9"),
        "double: device is npu9, not npu1 or npu4"
    );
    assert_eq!(
        refused("bytes = 48", "bytes = 47"),
        r#"run "1", buffer "bo0" of bf16 [3, 8]: bytes is 47, not 48"#
    );
    assert!(refused("\"bf16\"", "\"bf17\"").starts_with(r#"run "1", buffer "bo0": dtype is bf17"#));
    let huge = refused("[3, 8]", "[9223372036854775807, 8]");
    assert!(huge.contains("not less than 2^64"), "{huge}");
}

#[test]
fn other_files_are_told() {
    let manifest = Manifest::read(RIGHT).unwrap();
    let refused = manifest.check_xclbin(b"x").unwrap_err().to_string();
    assert!(
        refused.starts_with("double.xclbin: the SHA-256 is 2d711642"),
        "{refused}"
    );
    assert_eq!(manifest.run_of(b"x"), None);
}
