//! Which elements of two sequences belong together: a longest common subsequence (Myers, greedy).

/// Most insertions and removals looked for: more than that is not the same thing changed.
const MOST: usize = 2000;

/// One step through both sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Equal elements, by their places in both.
    Both(usize, usize),
    /// An element of the first sequence alone.
    First(usize),
    /// An element of the second sequence alone.
    Second(usize),
}

/// The steps through `a` and `b` that leave the fewest elements alone. Where more than [`MOST`] would be, what is neither
/// at the common beginning nor at the common end is alone.
pub(super) fn align<T: Eq>(a: &[T], b: &[T]) -> Vec<Step> {
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (&a[head..], &b[head..]);
    let tail = rest_a.iter().rev().zip(rest_b.iter().rev());
    let tail = tail.take_while(|(x, y)| x == y).count();
    let (inner_a, inner_b) = (&rest_a[..rest_a.len() - tail], &rest_b[..rest_b.len() - tail]);
    let mut steps: Vec<_> = (0..head).map(|i| Step::Both(i, i)).collect();
    steps.extend(inner(inner_a, inner_b).into_iter().map(|step| match step {
        Step::Both(i, j) => Step::Both(i + head, j + head),
        Step::First(i) => Step::First(i + head),
        Step::Second(j) => Step::Second(j + head),
    }));
    let (end_a, end_b) = (a.len() - tail, b.len() - tail);
    steps.extend((0..tail).map(|i| Step::Both(end_a + i, end_b + i)));
    steps
}

fn inner<T: Eq>(a: &[T], b: &[T]) -> Vec<Step> {
    let most = (a.len() + b.len()).min(MOST);
    // How far into `a` each diagonal (place in `a` minus place in `b`) was followed, by the number of elements left alone.
    let (middle, mut far) = (most + 1, vec![0_usize; 2 * most + 3]);
    let mut rounds = Vec::new();
    for alone in 0..=most {
        rounds.push(far[middle - alone..=middle + alone].to_vec());
        for diagonal in (middle - alone..=middle + alone).step_by(2) {
            let down = diagonal == middle - alone
                || diagonal != middle + alone && far[diagonal - 1] < far[diagonal + 1];
            let mut x = if down {
                far[diagonal + 1]
            } else {
                far[diagonal - 1] + 1
            };
            let Some(mut y) = (x + middle).checked_sub(diagonal) else {
                continue;
            };
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            far[diagonal] = x;
            if x >= a.len() && y >= b.len() {
                return back(&rounds, a.len(), b.len());
            }
        }
    }
    let first = (0..a.len()).map(Step::First);
    first.chain((0..b.len()).map(Step::Second)).collect()
}

/// The steps that led to both ends.
fn back(rounds: &[Vec<usize>], mut x: usize, mut y: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for (alone, far) in rounds.iter().enumerate().skip(1).rev() {
        // `far` holds diagonals from `-alone` to `alone` as the round found them.
        let at = |diagonal: i64| far[(diagonal + alone as i64) as usize];
        let diagonal = x as i64 - y as i64;
        let edge = alone as i64;
        let down = diagonal == -edge || diagonal != edge && at(diagonal - 1) < at(diagonal + 1);
        let before = if down { diagonal + 1 } else { diagonal - 1 };
        let from_x = at(before);
        let from_y = (from_x as i64 - before) as usize;
        while x > from_x + usize::from(!down) && y > from_y + usize::from(down) {
            (x, y) = (x - 1, y - 1);
            steps.push(Step::Both(x, y));
        }
        if down {
            y -= 1;
            steps.push(Step::Second(y));
        } else {
            x -= 1;
            steps.push(Step::First(x));
        }
    }
    while x > 0 && y > 0 {
        (x, y) = (x - 1, y - 1);
        steps.push(Step::Both(x, y));
    }
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elements that one sequence alone has, as `-x` and `+x`.
    fn changes(a: &str, b: &str) -> String {
        let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
        let steps = align(&a, &b);
        let places = |of: fn(&Step) -> Option<usize>| steps.iter().filter_map(of).collect::<Vec<_>>();
        let first = places(|s| match s {
            Step::Both(i, _) | Step::First(i) => Some(*i),
            Step::Second(_) => None,
        });
        let second = places(|s| match s {
            Step::Both(_, j) | Step::Second(j) => Some(*j),
            Step::First(_) => None,
        });
        // Every element once, in order.
        assert_eq!(first, (0..a.len()).collect::<Vec<_>>());
        assert_eq!(second, (0..b.len()).collect::<Vec<_>>());
        let text = steps.iter().map(|step| match step {
            Step::Both(i, j) => {
                assert_eq!(a[*i], b[*j]);
                String::new()
            }
            Step::First(i) => format!("-{}", a[*i]),
            Step::Second(j) => format!("+{}", b[*j]),
        });
        text.collect()
    }

    #[test]
    fn an_insertion_is_one_step() {
        assert_eq!(changes("abcdef", "abcxdef"), "+x");
        assert_eq!(changes("abcxdef", "abcdef"), "-x");
        assert_eq!(changes("", "ab"), "+a+b");
        assert_eq!(changes("ab", ""), "-a-b");
        assert_eq!(changes("", ""), "");
        assert_eq!(changes("abc", "abc"), "");
    }

    #[test]
    fn the_fewest_are_left_alone() {
        assert_eq!(changes("abcabba", "cbabac").len(), 2 * 5);
        assert_eq!(changes("xaxcxabc", "abcy").len(), 2 * 6);
        assert_eq!(changes("ab", "ba").len(), 2 * 2);
    }

    #[test]
    fn what_differs_too_much_is_alone() {
        let (a, b): (Vec<_>, Vec<_>) = ((0..3000).collect(), (5000..8000).collect());
        let steps = align(&a, &b);
        assert_eq!(steps.len(), 6000);
        assert!(steps.iter().all(|step| !matches!(step, Step::Both(..))));
    }
}
