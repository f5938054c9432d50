//! What dump and diff print of small files of each kind that this project writes, for people and for programs.

use std::fs;

use libtest_mimic::Failed;
use xdna_device::nothing::{empty_pdi, empty_transaction, endless_transaction};

use super::tool::{end, me};

/// Files by name.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let packet = b"0x3000C004 0x1 0x3 0x0 0x4028000 0x0 0x5 0x1000 0x0 0x2000 0x0 0x3000 0x0";
    let mut status = vec![0; 504];
    // The first core tile: a channel that waits, events of errors, a core that waits for a lock.
    status[..4].copy_from_slice(&0x0504_0412_u32.to_le_bytes());
    status[16 + 7] = 0x88;
    status[48..52].copy_from_slice(&0x41_u32.to_le_bytes());
    vec![
        ("pdi", empty_pdi()),
        ("transactions-npu1", empty_transaction(true)),
        ("transactions-npu4", endless_transaction(false)),
        ("packet", packet.to_vec()),
        ("status", status),
    ]
}

/// Everything as it was reviewed.
pub fn as_reviewed() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = |name: &str| dir.path().join(name);
    let mut all = String::new();
    let mut run = |words: &[&str], names: &[&str]| -> Result<(), Failed> {
        let (code, stdout, stderr) = end(me("--tool")
            .args(words)
            .args(names.iter().map(|n| path(n)))
            .output()?);
        let (words, names) = (words.join(" "), names.join(" "));
        all += &format!(
            "$ xdna {words} {names}\n{stdout}{stderr}exit code {}\n\n",
            code.unwrap_or(-1)
        );
        Ok(())
    };
    for (name, bytes) in files() {
        fs::write(path(name), bytes)?;
        for words in [
            &["dump"][..],
            &["dump", "--disasm"],
            &["dump", "--disasm", "--json"],
        ] {
            run(words, &[name])?;
        }
    }
    for words in [&["diff"][..], &["diff", "--json"]] {
        run(words, &["transactions-npu1", "transactions-npu4"])?;
        run(words, &["pdi", "pdi"])?;
    }
    insta::assert_snapshot!("files", all);
    Ok(())
}
