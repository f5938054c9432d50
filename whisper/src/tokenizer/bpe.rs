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
