//! Cores: what stands in for their programs.
//!
//! Core programs do not execute. A test gives a closure instead; it runs as a coroutine that the array resumes, and
//! whatever it does to the tile it asks the array for:
//!
//! ```
//! use xdna_sim::array::{Core, Program, TileId};
//!
//! // Takes a buffer of 16 words at 0x400, adds one to each word, leaves them at 0x800.
//! let add_one = Program::new(|core: Core| async move {
//!     loop {
//!         core.acquire(Core::OWN + 1, -1).await;
//!         core.acquire(Core::OWN + 2, -1).await;
//!         let words = core.words(0x400, 16).await;
//!         let sums: Vec<u32> = words.iter().map(|w| w + 1).collect();
//!         core.set_words(0x800, &sums).await;
//!         core.release(Core::OWN, 1).await;
//!         core.release(Core::OWN + 3, 1).await;
//!     }
//! });
//! # let _ = (add_one, TileId::new(0, 2));
//! ```

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::locks;

/// What a program asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Wait for a lock and take it.
    Acquire(locks::Request),
    /// Release a lock.
    Release(locks::Request),
    /// Read so many bytes at an address.
    Read(u32, usize),
    /// Read program memory.
    Program,
    /// Write bytes at an address.
    Write(u32, Vec<u8>),
    /// Take a word from the core's stream.
    Get,
    /// Put a word, and whether it ends a packet, on the core's stream.
    Put(u32, bool),
    /// Compute for so many cycles.
    Busy(u64),
}

/// What it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Done,
    /// What was read.
    Bytes(Vec<u8>),
    /// A word from the stream.
    Word(u32, bool),
}

#[derive(Debug, Default)]
struct Mail {
    ask: RefCell<Option<Ask>>,
    answer: RefCell<Option<Answer>>,
}

/// The core as a stand-in sees it.
#[derive(Clone, Debug)]
pub struct Core {
    mail: Rc<Mail>,
}

impl Core {
    /// The first of the tile's own locks in the numbering of cores: 0 south, 16 west, 32 north, 48 own.
    pub const OWN: u8 = 48;
    /// The tile's own memory.
    pub const MEMORY: u32 = 0x7_0000;

    async fn ask(&self, ask: Ask) -> Answer {
        *self.mail.ask.borrow_mut() = Some(ask);
        poll_fn(|_| match self.mail.answer.borrow_mut().take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    /// Waits for a lock and takes it: a negative `value` `-n` waits for at least `n` and takes `n`, another waits for exactly
    /// that and takes it.
    pub async fn acquire(&self, lock: u8, value: i8) {
        self.ask(Ask::Acquire(locks::Request { lock, value })).await;
    }

    /// Adds to a lock.
    pub async fn release(&self, lock: u8, value: i8) {
        self.ask(Ask::Release(locks::Request { lock, value })).await;
    }

    /// Bytes at an address of the core's; zeros where no memory is.
    pub async fn bytes(&self, address: u32, len: usize) -> Vec<u8> {
        match self.ask(Ask::Read(address, len)).await {
            Answer::Bytes(bytes) => bytes,
            _ => vec![0; len],
        }
    }

    /// Program memory: what the stand-in stands in for.
    pub async fn program(&self) -> Vec<u8> {
        match self.ask(Ask::Program).await {
            Answer::Bytes(bytes) => bytes,
            _ => Vec::new(),
        }
    }

    /// Stores bytes.
    pub async fn set_bytes(&self, address: u32, bytes: &[u8]) {
        self.ask(Ask::Write(address, bytes.to_vec())).await;
    }

    /// Little-endian words at an address of the core's.
    pub async fn words(&self, address: u32, count: usize) -> Vec<u32> {
        let bytes = self.bytes(address, 4 * count).await;
        let words = bytes.as_chunks::<4>().0.iter();
        words.map(|b| u32::from_le_bytes(*b)).collect()
    }

    /// Stores little-endian words.
    pub async fn set_words(&self, address: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        self.set_bytes(address, &bytes).await;
    }

    /// Takes a word from the core's stream, and whether it ends a packet.
    pub async fn get(&self) -> (u32, bool) {
        match self.ask(Ask::Get).await {
            Answer::Word(word, last) => (word, last),
            _ => (0, false),
        }
    }

    /// Puts a word on the core's stream.
    pub async fn put(&self, word: u32, last: bool) {
        self.ask(Ask::Put(word, last)).await;
    }

    /// Computes for so many cycles.
    pub async fn busy(&self, cycles: u64) {
        self.ask(Ask::Busy(cycles)).await;
    }
}

type Coroutine = Pin<Box<dyn Future<Output = ()>>>;

/// A stand-in for a core's program; started whenever the core is enabled after a reset.
#[derive(Clone)]
pub struct Program(Arc<dyn Fn(Core) -> Coroutine + Send + Sync>);

impl Program {
    /// A program from an async closure.
    pub fn new<F>(body: impl Fn(Core) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        Self(Arc::new(move |core| Box::pin(body(core))))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

/// A program under way.
pub struct Running {
    coroutine: Coroutine,
    mail: Rc<Mail>,
    /// What it waits for.
    pub asks: Option<Ask>,
    /// Computing until this cycle.
    pub busy_until: u64,
    /// It ended.
    pub done: bool,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("asks", &self.asks)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Starts a program.
    pub fn start(program: &Program) -> Self {
        let mail = Rc::new(Mail::default());
        let core = Core { mail: mail.clone() };
        Self {
            coroutine: (program.0)(core),
            mail,
            asks: None,
            busy_until: 0,
            done: false,
        }
    }

    /// Runs it to its next question.
    pub fn resume(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        self.done |= self.coroutine.as_mut().poll(&mut context).is_ready();
        self.asks = self.mail.ask.borrow_mut().take();
    }

    /// Answers the question it waits with.
    pub fn answer(&mut self, answer: Answer) {
        self.asks = None;
        *self.mail.answer.borrow_mut() = Some(answer);
    }
}

/// The core of a tile.
#[derive(Debug, Default)]
pub struct Slot {
    /// What stands in for its program.
    pub program: Option<Program>,
    /// It, under way.
    pub running: Option<Running>,
    /// The control register: enable, reset.
    pub control: u32,
}

impl Slot {
    /// A core as power-on leaves it: in reset.
    pub fn new() -> Self {
        Self {
            control: 2,
            ..Self::default()
        }
    }

    /// Enabled and not in reset.
    pub fn is_enabled(&self) -> bool {
        self.control & 3 == 1
    }

    /// Writes the control register: reset ends the program, enable starts it.
    pub fn set_control(&mut self, word: u32) {
        self.control = word;
        if word & 2 != 0 {
            self.running = None;
        }
        if self.is_enabled() && self.running.is_none() {
            self.running = self.program.as_ref().map(Running::start);
        }
    }

    /// The status register.
    pub fn status(&self) -> u32 {
        let mut status = self.control & 3;
        if let Some(running) = &self.running {
            status |= match running.asks {
                // Which side's lock does not matter to who polls here: own memory is to the east.
                Some(Ask::Acquire(_)) => 1 << 9,
                Some(Ask::Get) => 1 << 10,
                Some(Ask::Put(..)) => 1 << 12,
                _ => 0,
            };
            status |= u32::from(running.done) << 20;
        }
        status
    }
}
