//! Whatever the bytes are, a reader understands or refuses them; it neither panics nor believes claimed sizes.
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::json;
use xdna_ops::Bytes;
use xdna_whisper::model::{Tensor, ctranslate2, ggml, safetensors};

use crate::{ct2, safetensors::Safetensors};

/// What a reader hands out lies within what it was given.
fn understood<'a>(tensors: impl Iterator<Item = &'a Tensor>, len: usize) {
    for t in tensors {
        let cols = t.shape.last().copied().unwrap_or(1);
        let rows: usize = t.shape.iter().rev().skip(1).product();
        let expected = t.dtype.row_bytes(cols).unwrap() * rows;
        assert_eq!(t.bytes.as_slice().len(), expected, "{:?} {}", t.shape, t.dtype);
        assert!(expected <= len);
    }
}

fn read_all(file: Vec<u8>) {
    let len = file.len();
    let file = Bytes::from(file);
    if let Ok(tensors) = safetensors::parse(&file) {
        understood(tensors.values(), len);
    }
    if let Ok(model) = ggml::parse(&file) {
        understood(model.tensors.values(), len);
        assert!(model.tokens.len() <= len / 4);
    }
    if let Ok(model) = ctranslate2::parse(&file) {
        let tensors = model.variables.values().filter_map(|v| match v {
            ctranslate2::Variable::Tensor(t) => Some(t),
            _ => None,
        });
        understood(tensors, len);
    }
}

fn small_safetensors() -> Vec<u8> {
    let mut file = Safetensors::default();
    file.header
        .insert("__metadata__".to_owned(), json!({"format": "pt"}));
    file.push("a", "F16", &[2, 3], &[7; 12]);
    file.push("b", "F32", &[], &[0; 4]);
    file.push("c", "BF16", &[0, 5], &[]);
    file.to_bytes()
}

fn small_ggml() -> Vec<u8> {
    let mut file = b"lmgg".to_vec();
    let mut numbers = |n: &[u32]| file.extend(n.iter().flat_map(|n| n.to_le_bytes()));
    numbers(&[51_864, 1500, 32, 2, 1, 448, 32, 4, 2, 0, 2007, 0, 201]);
    numbers(&[2, 1, u32::from(b'a'), 4]);
    // a vector of f16, a matrix of one q8_0 block
    numbers(&[1, 4, 1, 2, u32::from_le_bytes(*b"vect"), 0]);
    numbers(&[2, 4, 8, 32, 1, u32::from_le_bytes(*b"mtrx")]);
    file.extend([1; 34]);
    // the lengths above are of whole words: one byte of a token is one word
    let at = 4 + 13 * 4 + 4;
    file[at..at + 4].copy_from_slice(&4_u32.to_le_bytes());
    let at = at + 8;
    file[at..at + 4].copy_from_slice(&0_u32.to_le_bytes());
    file
}

fn small_ct2() -> Vec<u8> {
    let variable = |name: &str, shape: &[u32], kind, len| ct2::Variable {
        name: name.to_owned(),
        shape: shape.to_vec(),
        kind,
        bytes: vec![1; len],
    };
    let variables = [
        variable("a/weight", &[2, 3], 4, 12),
        variable("b", &[], 2, 2),
        variable("c", &[4], 1, 4),
        variable("d", &[], 3, 4),
    ];
    ct2::to_bytes(&variables, &[("e", "a/weight")])
}

#[test]
fn the_seeds_are_whole() {
    assert_eq!(safetensors::parse(&small_safetensors().into()).unwrap().len(), 3);
    let model = ggml::parse(&small_ggml().into()).unwrap();
    assert_eq!((model.tokens.len(), model.tensors.len()), (2, 2));
    let model = ctranslate2::parse(&small_ct2().into()).unwrap();
    assert_eq!(model.variables.len(), 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn noise(file in vec(any::<u8>(), 0..300), like in 0..4) {
        let magic: &[u8] = match like {
            0 => &[40, 0, 0, 0, 0, 0, 0, 0, b'{'],
            1 => b"lmgg",
            2 => &[6, 0, 0, 0, 2, 0, b'W', 0],
            _ => &[],
        };
        read_all([magic, &file].concat());
    }

    #[test]
    fn damage(which in 0..3, edits in vec((any::<Index>(), any::<u8>()), 1..6), cut in any::<Option<Index>>()) {
        let mut file = match which {
            0 => small_safetensors(),
            1 => small_ggml(),
            _ => small_ct2(),
        };
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len() + 1));
        }
        read_all(file);
    }
}
