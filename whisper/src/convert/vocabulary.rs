//! The tokenizer files of a Hugging Face directory.
use serde_json::{Map, Value, json};

use crate::tokenizer::{Tokenizer, Vocabulary};

const END: &str = "<|endoftext|>";

/// `vocab.json`: tokens in GPT-2's byte alphabet, with their numbers.
pub(super) fn vocab(v: &Vocabulary) -> Map<String, Value> {
    let ordinary = (0..v.len() as u32).map(|id| (byte_level(v.bytes(id)), json!(id)));
    ordinary.chain([(END.to_owned(), json!(v.len()))]).collect()
}

/// The merges in the order of their ranks: each token of several bytes is made of the two that merging its bytes by the
/// ranks before it leaves.
pub(super) fn merges(v: &Vocabulary) -> Vec<String> {
    let pair = |id| match parts(v, id)[..] {
        [a, b] => Some(format!("{} {}", byte_level(a), byte_level(b))),
        _ => None,
    };
    (0..v.len() as u32).filter_map(pair).collect()
}

/// The bytes of token `id`, merged by the ranks before its own: the pair of lowest rank first, the leftmost of equals.
fn parts(v: &Vocabulary, id: u32) -> Vec<&[u8]> {
    let whole = v.bytes(id);
    // Where the parts end.
    let mut ends: Vec<usize> = (1..=whole.len()).collect();
    let start = |ends: &[usize], i: usize| if i == 0 { 0 } else { ends[i - 1] };
    loop {
        let ranks = (1..ends.len()).filter_map(|i| {
            let pair = &whole[start(&ends, i - 1)..ends[i]];
            v.id(pair).filter(|rank| *rank < id).map(|rank| (rank, i - 1))
        });
        match ranks.min() {
            Some((_, left)) => ends.remove(left),
            None => break,
        };
    }
    (0..ends.len())
        .map(|i| &whole[start(&ends, i)..ends[i]])
        .collect()
}

/// Special tokens in order, with whether text of theirs is shown (`special` in the files' terms).
pub(super) fn added(t: &Tokenizer, n_vocab: usize) -> Vec<(u32, String, bool)> {
    let no_speech = if n_vocab == 51_866 {
        "<|nospeech|>"
    } else {
        "<|nocaptions|>"
    };
    let languages = t
        .all_language_codes()
        .into_iter()
        .map(|code| format!("<|{code}|>"));
    let named = [END, "<|startoftranscript|>"]
        .map(str::to_owned)
        .into_iter()
        .chain(languages);
    let rest = [
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        no_speech,
        "<|notimestamps|>",
    ];
    let named = named.chain(rest.map(str::to_owned)).map(|name| (name, true));
    let times = (0..=1500_u32).map(|i| (format!("<|{}.{:02}|>", i / 50, i % 50 * 2), false));
    let numbered = (t.eot()..).zip(named.chain(times));
    numbered
        .map(|(id, (name, special))| (id, name, special))
        .collect()
}

/// A token as text: printable Latin-1 stands for itself, the other 68 bytes are U+0100 and following
/// (`bytes_to_unicode` of GPT-2's encoder).
fn byte_level(bytes: &[u8]) -> String {
    let code = |b: &u8| match u32::from(*b) {
        b @ 0..=0x20 => 0x100 + b,
        b @ 0x7f..=0xa0 => 0x121 + b - 0x7f,
        0xad => 0x143,
        b => b,
    };
    bytes.iter().map(code).filter_map(char::from_u32).collect()
}

/// `tokenizer.json`, the whole tokenizer in one file.
pub(super) fn tokenizer(v: &Vocabulary, t: &Tokenizer, added: &[(u32, String, bool)]) -> Value {
    let byte_level = json!({
        "type": "ByteLevel",
        "add_prefix_space": false,
        "trim_offsets": true,
        "use_regex": true,
    });
    let name = |id: u32| &added[(id - t.eot()) as usize].1;
    let special = |id: u32| json!({"SpecialToken": {"id": name(id), "type_id": 0}});
    let used = [t.sot(), t.no_timestamps(), t.eot()].map(|id| {
        let name = name(id);
        (name.clone(), json!({"id": name, "ids": [id], "tokens": [name]}))
    });
    let sequence = |id, kind| json!({"Sequence": {"id": id, "type_id": kind}});
    let (sot, plain, end) = (special(t.sot()), special(t.no_timestamps()), special(t.eot()));
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.iter().map(|(id, content, special)| entry(content, *special, Some(*id))).collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [sot, plain, sequence("A", 0), end],
            "pair": [sot, plain, sequence("A", 0), sequence("B", 1), end],
            "special_tokens": Map::from_iter(used),
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": false,
            "byte_fallback": false,
            "vocab": vocab(v),
            "merges": merges(v),
        },
    })
}

/// `tokenizer_config.json`.
pub(super) fn tokenizer_config(added: &[(u32, String, bool)]) -> Value {
    let decoder = added
        .iter()
        .map(|(id, content, special)| (id.to_string(), entry(content, *special, None)));
    let mut config = json!({
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "add_bos_token": false,
        "add_prefix_space": false,
        "clean_up_tokenization_spaces": true,
        "errors": "replace",
        "model_max_length": 1024,
        "return_attention_mask": false,
        "added_tokens_decoder": decoder.collect::<Map<_, _>>(),
    });
    if let (Value::Object(config), Value::Object(special)) = (&mut config, special_tokens(added)) {
        config.extend(special);
    }
    config
}

/// `special_tokens_map.json`.
pub(super) fn special_tokens(added: &[(u32, String, bool)]) -> Value {
    let names: Vec<&str> = added.iter().filter(|a| a.2).map(|a| a.1.as_str()).collect();
    json!({
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
        "additional_special_tokens": names,
    })
}

fn entry(content: &str, special: bool, id: Option<u32>) -> Value {
    let mut entry = json!({
        "content": content,
        "single_word": false,
        "lstrip": false,
        "rstrip": false,
        "normalized": false,
        "special": special,
    });
    if let Some(id) = id {
        entry["id"] = json!(id);
    }
    entry
}
