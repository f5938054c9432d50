//! Threads, and the decision how many of them work is worth.
use std::{
    hint::spin_loop,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};

use crate::Error;

/// Multiply-adds that are worth waking a sleeping thread for.
///
/// Found, as the other numbers here, with `cargo bench -p xdna-ops --bench few_rows` on two cores of a Zen 5 server.
const WORTH_WAKING: usize = 1_000_000;

/// Multiply-adds that are worth giving a part of to a thread that is awake; a second one helps with twice as many.
const WORTH_SHARING: usize = 120_000;

/// How long threads look for work before they sleep: longer than what lies between two operators of a decoder.
const LINGER: Duration = Duration::from_micros(500);

/// Threads that linger. A decoder waits for memory, which a few cores saturate; more would only cost power.
const LINGERING: usize = 3;

/// How often the calling thread looks whether its helpers are done before it sleeps.
const LOOKS: usize = 20_000;

/// The calling thread, and workers that help it.
#[derive(Debug)]
pub(super) struct Pool {
    /// None where the calling thread works alone.
    workers: Option<ThreadPool>,
    /// Workers that linger.
    awake: Arc<AtomicUsize>,
    threads: usize,
}

impl Pool {
    pub(super) fn new(threads: usize) -> Result<Self, Error> {
        let available = || thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { available() } else { threads };
        let failed = |reason: rayon::ThreadPoolBuildError| Error::Threads {
            threads,
            reason: reason.to_string(),
        };
        let builder = ThreadPoolBuilder::new()
            .num_threads(threads - 1)
            .thread_name(|i| format!("xdna-cpu-{}", i + 1));
        let workers = (threads > 1)
            .then(|| builder.build())
            .transpose()
            .map_err(failed)?;
        Ok(Self {
            workers,
            awake: Arc::default(),
            threads,
        })
    }

    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// Threads that do `work` multiply-adds fastest.
    pub(super) fn worth(&self, work: usize) -> usize {
        let awake = self.awake.load(Ordering::Relaxed);
        if work >= WORTH_WAKING {
            self.threads
        } else {
            (work / WORTH_SHARING).min(awake) + 1
        }
    }

    /// Calls `each` with every chunk of `size` values and its number, on as many threads as `work` is worth.
    pub(super) fn chunks<T: Send>(
        &self,
        data: &mut [T],
        size: usize,
        work: usize,
        each: impl Fn(usize, &mut [T]) + Sync,
    ) {
        if data.is_empty() || size == 0 {
            return;
        }
        let helpers = self.worth(work).min(data.len().div_ceil(size)) - 1;
        let queue = Mutex::new(data.chunks_mut(size).enumerate());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let run = || {
            while let Some((i, chunk)) = next() {
                each(i, chunk);
            }
        };
        let Some(workers) = self.workers.as_ref().filter(|_| helpers > 0) else {
            return run();
        };
        let left = AtomicUsize::new(helpers);
        workers.in_place_scope(|scope| {
            for _ in 0..helpers {
                scope.spawn(|_| {
                    run();
                    left.fetch_sub(1, Ordering::Release);
                });
            }
            self.linger(workers);
            run();
            // the scope waits too, but asleep: waking up takes longer than most helpers do
            for _ in 0..LOOKS {
                if left.load(Ordering::Acquire) == 0 {
                    break;
                }
                spin_loop();
            }
        });
    }

    /// Keeps a worker awake for a while after its work, if not enough are.
    fn linger(&self, workers: &ThreadPool) {
        let wanted = LINGERING.min(self.threads - 1);
        let raise = |n: usize| (n < wanted).then_some(n + 1);
        if self
            .awake
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise)
            .is_err()
        {
            return;
        }
        let awake = self.awake.clone();
        workers.spawn(move || {
            let mut idle = Instant::now();
            while idle.elapsed() < LINGER {
                if rayon::yield_now() == Some(Yield::Executed) {
                    idle = Instant::now();
                } else {
                    thread::yield_now();
                }
            }
            awake.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
