//! Which cross-attention heads follow the speech in time: the `_ALIGNMENT_HEADS` of openai-whisper (`__init__.py`),
//! for files that do not say.
use super::Dims;

type Heads = &'static [(usize, usize)];

/// The (layer, head) pairs of a released model with these dimensions; large-v1 and large-v2 have the same dimensions, and
/// get those of large-v2. Other models take every head of the upper half of the layers, as the reference does.
pub(crate) fn heads(dims: &Dims) -> Vec<(usize, usize)> {
    let english = dims.n_vocab < 51_865;
    let known: Heads = match (
        dims.n_text_layer,
        dims.n_text_head,
        dims.n_audio_layer,
        english,
        dims.n_vocab,
    ) {
        (4, 6, 4, true, _) => &[(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)],
        (4, 6, 4, false, _) => &[(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)],
        (6, 8, 6, true, _) => &[(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)],
        (6, 8, 6, false, _) => &[(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)],
        (12, 12, 12, true, _) => &SMALL_EN,
        (12, 12, 12, false, _) => &[
            (5, 3),
            (5, 9),
            (8, 0),
            (8, 4),
            (8, 7),
            (8, 8),
            (9, 0),
            (9, 7),
            (9, 9),
            (10, 5),
        ],
        (24, 16, 24, true, _) => &MEDIUM_EN,
        (24, 16, 24, false, _) => &[(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)],
        (32, 20, 32, _, 51_865) => &LARGE_V2,
        (32, 20, 32, _, 51_866) => &LARGE_V3,
        (4, 20, 32, _, 51_866) => &[(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)],
        _ => &[],
    };
    if !known.is_empty() {
        return known.to_vec();
    }
    let upper = dims.n_text_layer / 2..dims.n_text_layer;
    upper
        .flat_map(|layer| (0..dims.n_text_head).map(move |head| (layer, head)))
        .collect()
}

const SMALL_EN: [(usize, usize); 19] = [
    (6, 6),
    (7, 0),
    (7, 3),
    (7, 8),
    (8, 2),
    (8, 5),
    (8, 7),
    (9, 0),
    (9, 4),
    (9, 8),
    (9, 10),
    (10, 0),
    (10, 1),
    (10, 2),
    (10, 3),
    (10, 6),
    (10, 11),
    (11, 2),
    (11, 4),
];

const MEDIUM_EN: [(usize, usize); 18] = [
    (11, 4),
    (14, 1),
    (14, 12),
    (14, 14),
    (15, 4),
    (16, 0),
    (16, 4),
    (16, 9),
    (17, 12),
    (17, 14),
    (18, 7),
    (18, 10),
    (18, 15),
    (20, 0),
    (20, 3),
    (20, 9),
    (20, 14),
    (21, 12),
];

const LARGE_V2: [(usize, usize); 23] = [
    (10, 12),
    (13, 17),
    (16, 11),
    (16, 12),
    (16, 13),
    (17, 15),
    (17, 16),
    (18, 4),
    (18, 11),
    (18, 19),
    (19, 11),
    (21, 2),
    (21, 3),
    (22, 3),
    (22, 9),
    (22, 12),
    (23, 5),
    (23, 7),
    (23, 13),
    (25, 5),
    (26, 1),
    (26, 12),
    (27, 15),
];

const LARGE_V3: [(usize, usize); 10] = [
    (7, 0),
    (10, 17),
    (12, 18),
    (13, 12),
    (16, 1),
    (17, 14),
    (19, 11),
    (21, 4),
    (24, 1),
    (25, 6),
];
