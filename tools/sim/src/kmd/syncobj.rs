//! Synchronisation objects: a fence, or a chain of fences at ascending points.

use std::cell::RefCell;
use std::rc::Rc;

use super::fence::Fence;

#[derive(Clone, Debug)]
struct Node {
    /// Chains that were extended out of order begin a new line.
    line: u64,
    point: u64,
    previous: u64,
    fence: Fence,
}

#[derive(Debug, Default)]
struct Content {
    /// Oldest first. A binary fence is a single node without a line.
    nodes: Vec<Node>,
    binary: bool,
    lines: u64,
}

/// What a wait looks at: signalled when all of these fences are.
#[derive(Clone, Debug)]
pub struct Found(Vec<Fence>);

impl Found {
    /// True when nothing is left to wait for.
    pub fn is_signalled(&self) -> bool {
        self.0.iter().all(Fence::is_signalled)
    }

    /// One fence for all: signalled now if they are, else the last of them.
    pub fn fence(&self) -> Fence {
        match self.0.iter().rev().find(|f| !f.is_signalled()) {
            Some(fence) => fence.clone(),
            None => Fence::stub(),
        }
    }
}

/// A DRM syncobj.
#[derive(Debug, Default)]
pub struct Syncobj(RefCell<Content>);

impl Syncobj {
    /// Without a fence.
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// Replaces whatever is there with one fence, or with nothing.
    pub fn replace(&self, fence: Option<Fence>) {
        let mut content = self.0.borrow_mut();
        let nodes = fence
            .into_iter()
            .map(|fence| Node {
                line: 0,
                point: 0,
                previous: 0,
                fence,
            })
            .collect();
        *content = Content {
            nodes,
            binary: true,
            lines: content.lines + 1,
        };
    }

    /// Adds `fence` at `point`. A point that does not lie ahead starts a new line at the highest point so far.
    pub fn add_point(&self, fence: Fence, point: u64) {
        let mut content = self.0.borrow_mut();
        // What is signalled need not be walked again, but for the last node, which carries the point.
        while content.nodes.len() > 1 && content.nodes[0].fence.is_signalled() {
            content.nodes.remove(0);
        }
        let last = if content.binary {
            None
        } else {
            content.nodes.last().map(|n| (n.line, n.point))
        };
        let node = match last {
            Some((line, previous)) if point > previous => Node {
                line,
                point,
                previous,
                fence,
            },
            Some((_, previous)) => {
                content.lines += 1;
                Node {
                    line: content.lines,
                    point: point.max(previous),
                    previous: 0,
                    fence,
                }
            }
            None => {
                content.lines += 1;
                Node {
                    line: content.lines,
                    point,
                    previous: 0,
                    fence,
                }
            }
        };
        content.binary = false;
        content.nodes.push(node);
    }

    /// The fences that a wait for `point` is about; `None` if there is none at that point yet. Point 0 is whatever
    /// was added last, with everything before it.
    pub fn find(&self, point: u64) -> Option<Found> {
        let content = self.0.borrow();
        let last = content.nodes.last()?;
        let mut end = content.nodes.len();
        if point != 0 {
            if content.binary || last.point < point {
                return None;
            }
            while end > 1 {
                let node = &content.nodes[end - 1];
                if node.line != last.line || node.previous < point {
                    break;
                }
                end -= 1;
            }
        }
        let waiting = content.nodes[..end]
            .iter()
            .map(|n| n.fence.clone())
            .filter(|f| !f.is_signalled());
        Some(Found(waiting.collect()))
    }

    /// The highest point up to which everything is signalled; 0 without a timeline.
    pub fn signalled_point(&self) -> u64 {
        let content = self.0.borrow();
        let Some(last) = content.nodes.last().filter(|_| !content.binary) else {
            return 0;
        };
        let line = content.nodes.iter().filter(|n| n.line == last.line);
        match line.into_iter().find(|n| !n.fence.is_signalled()) {
            Some(oldest) => oldest.previous,
            None => last.point,
        }
    }

    /// The point added last; 0 without a timeline.
    pub fn submitted_point(&self) -> u64 {
        let content = self.0.borrow();
        content
            .nodes
            .last()
            .filter(|_| !content.binary)
            .map_or(0, |n| n.point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn point_zero_waits_for_everything() {
        let sync = Syncobj::new();
        assert!(sync.find(0).is_none());
        let (a, b) = (Fence::new(), Fence::new());
        sync.add_point(a.clone(), 0);
        sync.add_point(b.clone(), 1);
        a.signal(Ok(()));
        assert!(!sync.find(0).unwrap().is_signalled());
        assert!(!sync.find(1).unwrap().is_signalled());
        b.signal(Ok(()));
        assert!(sync.find(0).unwrap().is_signalled());
        assert_eq!((sync.signalled_point(), sync.submitted_point()), (1, 1));
        assert!(sync.find(2).is_none());
    }

    #[test]
    fn a_point_waits_for_the_points_before_it() {
        let sync = Syncobj::new();
        let fences: Vec<Fence> = (0..4).map(|_| Fence::new()).collect();
        for (i, f) in fences.iter().enumerate() {
            sync.add_point(f.clone(), i as u64);
        }
        fences[2].signal(Ok(()));
        assert!(!sync.find(2).unwrap().is_signalled());
        fences[0].signal(Ok(()));
        fences[1].signal(Ok(()));
        assert!(sync.find(2).unwrap().is_signalled());
        assert_eq!((sync.signalled_point(), sync.submitted_point()), (2, 3));
    }
}
