//! Byte-pair merging of one piece.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::Vocabulary;

/// A run of bytes of the piece; `end` is 0 once it has been merged into its left neighbour.
#[derive(Clone, Copy)]
struct Part {
    end: usize,
    previous: usize,
    /// Rank of the token made of this part and the next.
    rank: Option<u32>,
}

/// Appends the tokens of `piece`: neighbours are joined, the pair of lowest rank first, the leftmost of equals, until no pair
/// is a token. Takes n log n of the piece's bytes.
pub(super) fn encode(vocabulary: &Vocabulary, piece: &[u8], tokens: &mut Vec<u32>) {
    if let Some(id) = vocabulary.id(piece) {
        tokens.push(id);
        return;
    }
    // `parts[start]` is the part that begins at byte `start`.
    let mut parts: Vec<Part> = (0..piece.len())
        .map(|start| Part {
            end: start + 1,
            previous: start.saturating_sub(1),
            rank: None,
        })
        .collect();
    let mut heap = BinaryHeap::with_capacity(piece.len());
    for start in 0..piece.len() {
        rate(vocabulary, piece, &mut parts, &mut heap, start);
    }
    while let Some(Reverse((rank, start))) = heap.pop() {
        let Part {
            end: middle,
            rank: current,
            ..
        } = parts[start];
        if middle == 0 || current != Some(rank) {
            continue; // merged or rated anew since
        }
        let end = parts[middle].end;
        parts[middle].end = 0;
        parts[start].end = end;
        if let Some(next) = parts.get_mut(end) {
            next.previous = start;
        }
        rate(vocabulary, piece, &mut parts, &mut heap, start);
        if start > 0 {
            let previous = parts[start].previous;
            rate(vocabulary, piece, &mut parts, &mut heap, previous);
        }
    }
    let mut start = 0;
    while let Some(part) = parts.get(start) {
        // Every single byte is a token, and every merged part was found as one.
        tokens.extend(vocabulary.id(&piece[start..part.end]));
        start = part.end;
    }
}

/// Looks up the pair that begins at `start`.
fn rate(
    vocabulary: &Vocabulary,
    piece: &[u8],
    parts: &mut [Part],
    heap: &mut BinaryHeap<Reverse<(u32, usize)>>,
    start: usize,
) {
    let next = parts.get(parts[start].end).map(|next| next.end);
    parts[start].rank = next.and_then(|end| vocabulary.id(&piece[start..end]));
    heap.extend(parts[start].rank.map(|rank| Reverse((rank, start))));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All bytes, then `merges` joins of random earlier tokens.
    fn vocabulary(merges: &[(usize, usize)]) -> Vocabulary {
        let mut tokens: Vec<Vec<u8>> = (0..=u8::MAX).map(|b| vec![b]).collect();
        for (a, b) in merges {
            // Mostly of the three letters that the pieces are made of.
            let pick = |n: usize| {
                if n.is_multiple_of(2) {
                    b'a' as usize + n % 3
                } else {
                    256 + n
                }
            };
            let joined = [pick(*a), pick(*b)]
                .map(|n| tokens[if n < tokens.len() { n } else { 97 }].clone())
                .concat();
            if joined.len() < 12 && !tokens.contains(&joined) {
                tokens.push(joined);
            }
        }
        Vocabulary::from_bytes(tokens).unwrap()
    }

    /// The definition: join the first pair of lowest rank, until there is none.
    fn slowly(vocabulary: &Vocabulary, piece: &[u8]) -> Vec<u32> {
        if let Some(id) = vocabulary.id(piece) {
            return vec![id];
        }
        let mut parts: Vec<&[u8]> = piece.chunks(1).collect();
        loop {
            let mut at = 0;
            let ranks = parts.windows(2).map(|pair| {
                let start = at;
                at += pair[0].len();
                vocabulary.id(&piece[start..at + pair[1].len()])
            });
            let ranks: Vec<_> = ranks
                .enumerate()
                .filter_map(|(i, rank)| Some((rank?, i)))
                .collect();
            let Some((_, i)) = ranks.into_iter().min() else {
                break;
            };
            let start: usize = parts[..i].iter().map(|part| part.len()).sum();
            let end = start + parts[i].len() + parts[i + 1].len();
            parts.splice(i..i + 2, [&piece[start..end]]);
        }
        parts
            .into_iter()
            .map(|part| vocabulary.id(part).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn the_heap_merges_as_the_definition_does(
            merges in prop::collection::vec((0usize..60, 0usize..60), 0..60),
            piece in "[abc]{1,40}|[a-c0é]{1,20}",
        ) {
            let vocabulary = vocabulary(&merges);
            let mut tokens = Vec::new();
            encode(&vocabulary, piece.as_bytes(), &mut tokens);
            prop_assert_eq!(&tokens, &slowly(&vocabulary, piece.as_bytes()));
            let bytes: Vec<u8> = tokens.iter().flat_map(|id| vocabulary.bytes(*id)).copied().collect();
            prop_assert_eq!(bytes, piece.as_bytes());
        }
    }

    #[test]
    fn a_long_piece_takes_no_square_time() {
        let vocabulary = vocabulary(&[(0, 0), (1, 1), (3, 3)]);
        let mut tokens = Vec::new();
        encode(&vocabulary, &b"ab".repeat(200_000), &mut tokens);
        assert!(tokens.len() <= 400_000 && !tokens.is_empty());
    }
}
