//! Threads, and the decision whether work is worth waking them.
use rayon::prelude::*;

use crate::Error;

/// Multiply-adds below which an operator stays on the calling thread: waking another takes about as long.
/// Found with `cargo bench -p xdna-ops --bench few_rows` on two cores of a Zen 5 server.
const WORTH_A_THREAD: usize = 400_000;

/// A fixed number of threads.
#[derive(Debug)]
pub(super) struct Pool {
    pool: rayon::ThreadPool,
}

impl Pool {
    pub(super) fn new(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("xdna-cpu-{i}"));
        pool.build()
            .map(|pool| Self { pool })
            .map_err(|e| Error::Threads {
                threads,
                reason: e.to_string(),
            })
    }

    pub(super) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Whether `work` multiply-adds are done faster by several threads.
    pub(super) fn is_worth(&self, work: usize) -> bool {
        self.threads() > 1 && work >= WORTH_A_THREAD
    }

    /// Calls `each` with every chunk of `size` values and its number; on all threads if `work` is worth it.
    pub(super) fn chunks<T: Send>(
        &self,
        data: &mut [T],
        size: usize,
        work: usize,
        each: impl Fn(usize, &mut [T]) + Sync + Send,
    ) {
        if size == 0 {
            return;
        }
        if self.is_worth(work) && data.len() > size {
            let run = || {
                data.par_chunks_mut(size)
                    .enumerate()
                    .for_each(|(i, chunk)| each(i, chunk))
            };
            self.pool.install(run);
        } else {
            data.chunks_mut(size)
                .enumerate()
                .for_each(|(i, chunk)| each(i, chunk));
        }
    }
}
