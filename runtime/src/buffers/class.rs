//! Size classes: few enough that buffers are used again, close enough that little is wasted.

/// Smallest buffer: a page.
const SMALLEST: usize = 4096;

/// Bytes of the class that `len` bytes belong to: four classes for each power of two, so that at most a fifth of a
/// buffer is unused, and whole pages. `None` for nothing, and for more than memory has.
pub(super) fn class(len: usize) -> Option<usize> {
    if len == 0 || len > isize::MAX as usize / 2 {
        return None;
    }
    let step = (prev_power_of_two(len) / 4).max(SMALLEST);
    Some(len.next_multiple_of(step))
}

fn prev_power_of_two(n: usize) -> usize {
    1 << n.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_pages_that_hold_what_they_are_for() {
        assert_eq!(class(0), None);
        assert_eq!(class(usize::MAX), None);
        for (len, bytes) in [
            (1, 4096),
            (4096, 4096),
            (4097, 8192),
            (16_385, 20_480),
            (70_000, 81_920),
            (1 << 20, 1 << 20),
            ((1 << 20) + 1, (1 << 20) + (1 << 18)),
        ] {
            assert_eq!(class(len), Some(bytes), "{len}");
        }
    }

    #[test]
    fn at_most_a_fifth_of_a_large_buffer_is_unused() {
        let mut len = 20_000;
        while len < 1 << 30 {
            let bytes = class(len).unwrap();
            assert!(bytes >= len && (bytes - len) * 5 <= bytes, "{len}: {bytes}");
            assert_eq!(class(bytes), Some(bytes), "a class holds its own size");
            len += len / 7 + 1;
        }
    }
}
