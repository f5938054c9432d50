//! What Python's strings and numbers do, where output must equal the reference's byte for byte.

/// `str.strip`: whitespace is Unicode's and the four ASCII separators from U+001C.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `str.isspace` of one character.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strip_takes_what_python_calls_space() {
        assert_eq!(strip("\u{1c}\u{3000} a b\t\u{85}\n"), "a b");
        assert_eq!(strip("\u{200b}a\u{200b}"), "\u{200b}a\u{200b}");
    }
}
