//! Cross-attention heads that follow the speech in time, for files that do not say.
use super::Dims;

type Heads = &'static [(usize, usize)];

/// What tells the released models apart: width, text layers, tokens; then (layer, head) pairs.
///
/// The pairs are those of `_ALIGNMENT_HEADS` in openai-whisper 20250625 (`whisper/__init__.py`).
#[rustfmt::skip]
const RELEASED: [((usize, usize, usize), Heads); 11] = [
    ((384, 4, 51_864), &[(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)]),
    ((384, 4, 51_865), &[(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)]),
    ((512, 6, 51_864), &[(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)]),
    ((512, 6, 51_865), &[(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)]),
    ((768, 12, 51_864), &[
        (6, 6), (7, 0), (7, 3), (7, 8), (8, 2), (8, 5), (8, 7), (9, 0), (9, 4), (9, 8), (9, 10), (10, 0), (10, 1),
        (10, 2), (10, 3), (10, 6), (10, 11), (11, 2), (11, 4),
    ]),
    ((768, 12, 51_865), &[
        (5, 3), (5, 9), (8, 0), (8, 4), (8, 7), (8, 8), (9, 0), (9, 7), (9, 9), (10, 5),
    ]),
    ((1024, 24, 51_864), &[
        (11, 4), (14, 1), (14, 12), (14, 14), (15, 4), (16, 0), (16, 4), (16, 9), (17, 12), (17, 14), (18, 7),
        (18, 10), (18, 15), (20, 0), (20, 3), (20, 9), (20, 14), (21, 12),
    ]),
    ((1024, 24, 51_865), &[(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)]),
    ((1280, 32, 51_865), &[
        (10, 12), (13, 17), (16, 11), (16, 12), (16, 13), (17, 15), (17, 16), (18, 4), (18, 11), (18, 19), (19, 11),
        (21, 2), (21, 3), (22, 3), (22, 9), (22, 12), (23, 5), (23, 7), (23, 13), (25, 5), (26, 1), (26, 12), (27, 15),
    ]),
    ((1280, 32, 51_866), &[
        (7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4), (24, 1), (25, 6),
    ]),
    ((1280, 4, 51_866), &[(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)]),
];

/// large-v1 has the dimensions of large-v2.
const LARGE_V1: Heads = &[
    (9, 19),
    (11, 2),
    (11, 4),
    (11, 17),
    (22, 7),
    (22, 11),
    (22, 17),
    (23, 2),
    (23, 15),
];

/// Heads of the released model of these dimensions; `name`, a path or the like, tells large-v1 from large-v2.
pub(super) fn released(dims: &Dims, name: &str) -> Option<Heads> {
    let key = (dims.n_text_state, dims.n_text_layer, dims.n_vocab);
    let (_, heads) = RELEASED.iter().find(|(k, _)| *k == key)?;
    let v1 = key == (1280, 32, 51_865) && name.contains("large-v1");
    Some(if v1 { LARGE_V1 } else { heads })
}

/// The same for a checkpoint that names none; a model that was not released takes every head of the upper half of the
/// layers, as the reference does.
pub(crate) fn heads(dims: &Dims) -> Vec<(usize, usize)> {
    if let Some(known) = released(dims, "") {
        return known.to_vec();
    }
    let upper = dims.n_text_layer / 2..dims.n_text_layer;
    upper
        .flat_map(|layer| (0..dims.n_text_head).map(move |head| (layer, head)))
        .collect()
}
