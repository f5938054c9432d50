//! COMPLETED is not correct: a kernel is compared with its reference before it is trusted.

use std::time::Instant;

use super::signature::{Direction, ParameterKind};
use super::{Arg, Kernel};
use crate::buffers::Buffer;
use crate::error::{Error, Problem};

/// Bytes behind each output that nobody may write.
const CANARY: usize = 64;
/// What they hold, and what outputs hold before the run.
const POISON: u8 = 0x5a;

/// Outputs from inputs.
pub type Reference<'a> = dyn Fn(&[Vec<u8>]) -> Vec<Vec<u8>> + 'a;
/// The first byte at which the first is not what the second says.
pub type Differs<'a> = dyn Fn(&[u8], &[u8]) -> Option<usize> + 'a;

/// How a kernel is tested.
pub struct SelfTest<'a> {
    /// Fills an input, by its place among the buffers.
    pub operand: &'a dyn Fn(usize, &mut [u8]),
    /// What the outputs must be, from the inputs, both in the order of the buffers.
    pub reference: &'a Reference<'a>,
    /// The first byte at which an output is not what it must be, first the NPU's, then the reference's.
    pub differs: &'a Differs<'a>,
}

/// What a self-test found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// An output is not what the reference computes.
    #[error("byte {0} is not what the reference computes")]
    Differs(usize),
    /// Nothing was written to an output.
    #[error("nothing was written to it")]
    Untouched,
    /// Something was written behind an output.
    #[error("byte {0} behind its end was written")]
    Beyond(usize),
}

impl std::fmt::Debug for SelfTest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SelfTest")
    }
}

impl Kernel {
    /// Runs the kernel once on operands of the test's and compares its outputs, to their last byte, with the reference's;
    /// what lies behind them must be untouched. Only kernels whose buffers a manifest describes can be tested.
    ///
    /// # Errors
    /// [`Error::Untrusted`] with the output and the finding; what a run runs into.
    pub fn self_test(&self, test: &SelfTest<'_>, deadline: Instant) -> Result<(), Error> {
        let mut inputs: Vec<Vec<u8>> = Vec::new();
        let mut buffers: Vec<(Direction, Buffer, Buffer)> = Vec::new();
        let pool = self.inner().runtime.buffers();
        for (i, parameter) in self.parameters().iter().enumerate() {
            let (direction, bytes) = match parameter.kind {
                ParameterKind::Buffer {
                    direction,
                    bytes: Some(bytes),
                } => (direction, bytes),
                // The table's rest, which the design does not use.
                _ if i >= self.inner().signature.buffers => break,
                _ => {
                    return Err(Error::Argument {
                        kernel: self.name().to_owned(),
                        index: i,
                        name: parameter.name.clone(),
                        problem: Problem::NotDescribed,
                    });
                }
            };
            let whole = pool.get(bytes + CANARY)?;
            let mut content = vec![POISON; bytes + CANARY];
            if direction != Direction::Out {
                (test.operand)(i, &mut content[..bytes]);
                inputs.push(content[..bytes].to_vec());
            }
            whole.write(0, &content)?;
            let part = whole.part(0..bytes)?;
            buffers.push((direction, whole, part));
        }
        let args = buffers.iter().map(|(direction, _, part)| match direction {
            Direction::In => Arg::In(part),
            Direction::Out => Arg::Out(part),
            Direction::InOut => Arg::InOut(part),
        });
        self.run(&args.collect::<Vec<_>>(), deadline)?;
        let mut expected = (test.reference)(&inputs).into_iter();
        for (i, (_, whole, part)) in buffers.iter().enumerate().filter(|(_, b)| b.0.writes()) {
            let mut found = vec![0; whole.len()];
            whole.read(0, &mut found)?;
            let (output, behind) = found.split_at(part.len());
            let expected = expected.next().unwrap_or_default();
            let untouched = output.iter().all(|b| *b == POISON) && expected != output;
            let finding = match behind.iter().position(|b| *b != POISON) {
                Some(at) => Some(Finding::Beyond(at)),
                None if untouched => Some(Finding::Untouched),
                None => (test.differs)(output, &expected).map(Finding::Differs),
            };
            if let Some(finding) = finding {
                return Err(Error::Untrusted {
                    kernel: self.name().to_owned(),
                    output: self.parameters()[i].name.clone(),
                    finding,
                });
            }
        }
        Ok(())
    }
}
