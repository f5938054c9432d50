//! GPT-2's division of text into pieces, within which bytes are merged:
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

fn class(c: char) -> Class {
    // White_Space comes first for no reason but speed: it has no character in common with L and N.
    match c {
        c if c.is_whitespace() => Class::Space,
        c => match c.general_category_group() {
            GeneralCategoryGroup::Letter => Class::Letter,
            GeneralCategoryGroup::Number => Class::Number,
            _ => Class::Other,
        },
    }
}

/// The pieces of `text`, which together are `text`.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(first_piece(rest)?);
        rest = after;
        Some(piece)
    })
}

/// Bytes of the first piece.
fn first_piece(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if let Some(suffix) = CONTRACTIONS.iter().find(|suffix| text.starts_with(**suffix)) {
        return Some(suffix.len());
    }
    let body = text.strip_prefix(' ').unwrap_or(text);
    match body.chars().next().map(class) {
        Some(kind) if kind != Class::Space => Some(text.len() - body.len() + run(body, kind)),
        _ => {
            let run = run(text, Class::Space);
            let last = text[..run].chars().next_back().map_or(0, char::len_utf8);
            // `\s+(?!\S)` leaves the last space to the word after it, if it has another.
            let keeps_last = run == text.len() || run == last;
            Some(if keeps_last { run } else { run - last }.max(first.len_utf8()))
        }
    }
}

/// Bytes of the characters of one class that `text` begins with.
fn run(text: &str, kind: Class) -> usize {
    text.find(|c| class(c) != kind).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        let pieces: Vec<_> = pieces(text).collect();
        assert_eq!(pieces.concat(), text);
        pieces
    }

    #[test]
    fn words_take_the_space_before_them() {
        assert_eq!(split("And so, my"), ["And", " so", ",", " my"]);
        assert_eq!(
            split("a  b\n\nc\td "),
            ["a", " ", " b", "\n", "\n", "c", "\t", "d", " "]
        );
        assert_eq!(split("   "), ["   "]);
        assert_eq!(split(" \u{a0}x"), [" ", "\u{a0}", "x"]);
    }

    #[test]
    fn contractions_are_case_sensitive_and_come_first() {
        assert_eq!(
            split("I'll he'd DON'T '"),
            ["I", "'ll", " he", "'d", " DON", "'", "T", " '"]
        );
        assert_eq!(split("''s"), ["''", "s"]);
        assert_eq!(split(" 's"), [" '", "s"]);
    }

    #[test]
    fn letters_numbers_and_marks_are_general_categories() {
        assert_eq!(split("日本語123½Ⅷ①"), ["日本語", "123½Ⅷ①"]);
        assert_eq!(split("กำ"), ["กำ"]);
        assert_eq!(split("हिन्दी"), ["ह", "ि", "न", "्", "द", "ी"]);
        assert_eq!(split("a_b🙂!"), ["a", "_", "b", "🙂!"]);
        assert_eq!(split("Ⓐª"), ["Ⓐ", "ª"]);
    }
}
