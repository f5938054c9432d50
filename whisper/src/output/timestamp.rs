/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Write the hours even where they are zero.
    pub hours: bool,
    /// Between seconds and milliseconds.
    pub decimal_marker: char,
}

impl Timestamp {
    /// `01:02.345`, or `01:00:02.345` from an hour on.
    pub const VTT: Self = Self {
        hours: false,
        decimal_marker: '.',
    };
    /// `00:01:02,345`.
    pub const SRT: Self = Self {
        hours: true,
        decimal_marker: ',',
    };
}

/// A time in seconds, to the nearest millisecond (the even one of two).
///
/// ```
/// use xdna_whisper::output::{Timestamp, format_timestamp};
/// assert_eq!(format_timestamp(62.3455, Timestamp::VTT), "01:02.346");
/// assert_eq!(format_timestamp(62.3455, Timestamp::SRT), "00:01:02,346");
/// ```
pub fn format_timestamp(seconds: f64, form: Timestamp) -> String {
    let total = milliseconds(seconds).max(0);
    let (hours, minutes) = (total / 3_600_000, total / 60_000 % 60);
    let (seconds, milliseconds) = (total / 1000 % 60, total % 1000);
    let marker = form.decimal_marker;
    let hours = if form.hours || hours > 0 {
        format!("{hours:02}:")
    } else {
        String::new()
    };
    format!("{hours}{minutes:02}:{seconds:02}{marker}{milliseconds:03}")
}

/// Python's `round(1000 * seconds)`.
pub(super) fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round_ties_even() as i64
}
