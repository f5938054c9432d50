//! Values of flags: openai-whisper's notation (`None`, `True`), our ranges.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

use xdna_whisper::tokenizer::languages;

/// A value that may be given as `None`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

fn within<T: FromStr + PartialOrd + Display>(text: &str, range: &RangeInclusive<T>) -> Result<T, String> {
    let outside = || {
        // of a range without an end nobody wants to read all digits
        let open = |end: &T, most: f64| end.to_string() == most.to_string();
        match (open(range.start(), f64::MIN), open(range.end(), f64::MAX)) {
            (true, true) => "not a finite number".to_owned(),
            (false, true) => format!("not {} or more", range.start()),
            _ => format!("not in {}..={}", range.start(), range.end()),
        }
    };
    match text.parse() {
        // a NaN is in no range
        Ok(value) if range.contains(&value) => Ok(value),
        Ok(_) => Err(outside()),
        // -1 is a number, if none of the kind
        Err(_) if text.parse::<i128>().is_ok() => Err(outside()),
        Err(_) => Err("not a number".to_owned()),
    }
}

/// Parser of a number in `range`.
pub(crate) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync,
{
    move |text| within(text, &range)
}

/// Parser of a number in `range`, or `None`.
pub(crate) fn maybe<T>(
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<Maybe<T>, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync,
{
    move |text| match text {
        "None" | "none" => Ok(Maybe(None)),
        text => within(text, &range).map(|v| Maybe(Some(v))),
    }
}

/// Parser of `True` and `False`, in any case.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected True or False".to_owned()),
    }
}

/// Parser of a language: its code, its English name in any case, or `None`.
pub(crate) fn language(text: &str) -> Result<Maybe<String>, String> {
    if matches!(text, "None" | "none") {
        return Ok(Maybe(None));
    }
    let code = languages::code(text).map(|code| Maybe(Some(code.to_owned())));
    code.ok_or_else(|| {
        let known = languages::LANGUAGES
            .iter()
            .flat_map(|(code, name)| [*code, *name]);
        let score = |n: &&str| strsim::jaro_winkler(n, &text.to_lowercase());
        let nearest = known
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .unwrap_or_default();
        format!("no language that Whisper knows; did you mean `{nearest}`?")
    })
}

/// Seconds: start, end, start, end ...
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clips(pub(crate) Vec<f64>);

/// Parser of `--clip-timestamps`.
pub(crate) fn clips(text: &str) -> Result<Clips, String> {
    let second = |s: &str| {
        within(s.trim(), &(0.0..=f64::MAX)).map_err(|e| format!("`{}` is {e}; expected seconds", s.trim()))
    };
    let parts = if text.trim().is_empty() {
        Vec::new()
    } else {
        text.split(',').map(second).collect::<Result<_, _>>()?
    };
    let ordered = parts.is_sorted();
    ordered
        .then_some(Clips(parts))
        .ok_or_else(|| "every start and end must not be before the one in front of it".to_owned())
}

/// Token ids, and whether `-1` (symbols that are not speech) was among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// `-1` was there.
    pub(crate) symbols: bool,
    /// The other ids.
    pub(crate) ids: Vec<u32>,
}

/// Parser of `--suppress-tokens`.
pub(crate) fn tokens(text: &str) -> Result<Tokens, String> {
    let mut tokens = Tokens {
        symbols: false,
        ids: Vec::new(),
    };
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        match part.parse::<i64>().map(|id| (id, u32::try_from(id))) {
            Ok((-1, _)) => tokens.symbols = true,
            Ok((_, Ok(id))) => tokens.ids.push(id),
            _ => {
                return Err(format!(
                    "`{part}` is no token id (a number from 0, or -1 for all symbols)"
                ));
            }
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranged_and_none_is_a_value() {
        assert_eq!(maybe(1..=100_usize)("5"), Ok(Maybe(Some(5))));
        assert_eq!(maybe(1..=100_usize)("None"), Ok(Maybe(None)));
        assert_eq!(maybe(1..=100_usize)("0"), Err("not in 1..=100".to_owned()));
        assert_eq!(number(0.0..=1.0)("nan"), Err("not in 0..=1".to_owned()));
        assert_eq!(number(0..=9_usize)("-1"), Err("not in 0..=9".to_owned()));
        assert_eq!(number(0.0..=f64::MAX)("-1"), Err("not 0 or more".to_owned()));
        assert_eq!(
            number(f64::MIN..=f64::MAX)("inf"),
            Err("not a finite number".to_owned())
        );
        assert_eq!(number(0.0..=1.0)("one"), Err("not a number".to_owned()));
    }

    #[test]
    fn a_language_is_a_code_or_a_name() {
        let code = |text: &str| language(text).map(|l| l.0);
        assert_eq!(code("fr"), Ok(Some("fr".to_owned())));
        assert_eq!(code("French"), Ok(Some("fr".to_owned())));
        assert_eq!(code("Castilian"), Ok(Some("es".to_owned())));
        assert_eq!(code("None"), Ok(None));
        assert!(language("frensh").unwrap_err().contains("`french`"));
    }

    #[test]
    fn clips_are_seconds_in_order() {
        assert_eq!(clips("3,9.5,41,60"), Ok(Clips(vec![3.0, 9.5, 41.0, 60.0])));
        assert_eq!(clips("0"), Ok(Clips(vec![0.0])));
        assert_eq!(clips(""), Ok(Clips(vec![])));
        assert!(
            clips("5,3").is_err() && clips("-1").is_err() && clips("1,,2").is_err() && clips("inf").is_err()
        );
    }

    #[test]
    fn suppressed_tokens_are_ids_or_all_symbols() {
        assert_eq!(
            tokens("-1"),
            Ok(Tokens {
                symbols: true,
                ids: vec![]
            })
        );
        assert_eq!(
            tokens("220, 50256"),
            Ok(Tokens {
                symbols: false,
                ids: vec![220, 50256]
            })
        );
        assert_eq!(
            tokens(""),
            Ok(Tokens {
                symbols: false,
                ids: vec![]
            })
        );
        assert!(tokens("-2").is_err() && tokens("x").is_err());
    }
}
