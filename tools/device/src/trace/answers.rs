//! What the driver answered: the fields of what it wrote into a program's buffer.

use super::calls::number;
use super::process::Process;

/// A field of an answer: its name, where it is, and its bytes.
type Field = (&'static str, usize, usize);

/// Fields by the call and its parameter; lists show their first element, and how many there are.
fn fields(call: &str, param: u64) -> &'static [Field] {
    match (call, param) {
        ("GET_INFO", 0) => &[("buffer", 0, 8), ("buffer_size", 8, 4), ("cols_filled", 12, 4)],
        ("GET_INFO", 1) => &[
            ("col_size", 0, 4),
            ("cols", 4, 2),
            ("rows", 6, 2),
            ("major", 8, 4),
            ("minor", 12, 4),
        ],
        ("GET_INFO", 2) => &[("major", 0, 4), ("minor", 4, 4)],
        ("GET_INFO", 3) => &[("mp_npu_mhz", 16, 4), ("h_mhz", 40, 4)],
        ("GET_INFO", 5) => &[
            ("context", 0, 4),
            ("start_col", 4, 4),
            ("num_col", 8, 4),
            ("pid", 16, 8),
            ("submissions", 24, 8),
            ("completions", 32, 8),
        ],
        ("GET_INFO", 8) => &[
            ("major", 0, 4),
            ("minor", 4, 4),
            ("patch", 8, 4),
            ("build", 12, 4),
        ],
        ("GET_INFO", 9) => &[("mode", 0, 1)],
        ("GET_INFO", 11 | 13 | 15) => &[("state", 0, 1)],
        ("GET_INFO", 12) => &[
            ("clk_max", 0, 8),
            ("tops_max", 8, 8),
            ("task_max", 16, 8),
            ("tops_curr", 24, 8),
            ("task_curr", 32, 8),
        ],
        ("GET_ARRAY", 0 | 1) => &[("context", 0, 4), ("start_col", 4, 4), ("num_col", 8, 4)],
        ("GET_ARRAY", 2) => &[("err_code", 0, 8), ("timestamp_us", 8, 8)],
        ("GET_ARRAY", 6) => &[
            ("pid", 0, 8),
            ("total", 8, 8),
            ("internal", 16, 8),
            ("heap", 24, 8),
        ],
        _ => &[],
    }
}

/// The answer on a line; none where its layout is not known, or nothing was written.
pub(super) fn of(call: &str, process: Process, argument: &[u8]) -> Option<String> {
    let is_array = call == "GET_ARRAY";
    let (buffer, size) = match is_array {
        true => (number(argument, 16, 8), number(argument, 4, 4)),
        false => (number(argument, 8, 8), number(argument, 4, 4)),
    };
    let fields = fields(call, number(argument, 0, 4));
    let end = fields.iter().map(|(_, at, bytes)| at + bytes).max()?;
    let count = if is_array { number(argument, 8, 4) } else { 1 };
    // The contexts' size on return says what was left over, not what was written.
    let is_list = call == "GET_INFO" && number(argument, 0, 4) == 5;
    (count > 0 && (is_list || size as usize >= end)).then_some(())?;
    let bytes = process.bytes(buffer, end)?;
    let pairs: Vec<_> = fields
        .iter()
        .map(|(name, at, size)| format!("{name}={}", number(&bytes, *at, *size)))
        .collect();
    let of_all = if count > 1 {
        format!(" (the first of {count})")
    } else {
        String::new()
    };
    Some(format!("answer: {}{of_all}", pairs.join(" ")))
}
