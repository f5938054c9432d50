//! COMPLETED is not correct: a kernel is compared with its reference before it is trusted.

use std::fmt;
use std::time::Instant;

use super::signature::{Direction, Parameter, ParameterKind};
use super::{Arg, Kernel};
use crate::buffers::Buffer;
use crate::error::{Error, Problem};

/// Bytes behind each output that nobody may write.
const CANARY: usize = 64;
/// What they hold, and what outputs hold before the run.
const POISON: u8 = 0x5a;

type Reference<'a> = dyn Fn(&[Vec<u8>]) -> Vec<Vec<u8>> + 'a;
type Operand<'a> = dyn Fn(usize, &mut [u8]) + 'a;
type Differs<'a> = dyn Fn(&[u8], &[u8]) -> Option<usize> + 'a;

/// How a kernel is tested: what its outputs must be.
#[derive(Clone, Copy)]
pub struct SelfTest<'a> {
    reference: &'a Reference<'a>,
    operand: &'a Operand<'a>,
    differs: &'a Differs<'a>,
    number: u64,
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
    /// The reference computes something of another length: it is none of this kernel.
    #[error("it has {found} bytes, its reference computes {expected}")]
    Length {
        /// Bytes of the output.
        found: usize,
        /// Bytes of the reference's.
        expected: usize,
    },
}

impl fmt::Debug for SelfTest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SelfTest")
    }
}

impl<'a> SelfTest<'a> {
    /// A test with random bytes, whose outputs must be those of `reference` to the byte. It takes inputs and returns
    /// outputs, both in the order of the kernel's buffers; those that are both are in both.
    pub fn new(reference: &'a Reference<'a>) -> Self {
        Self {
            reference,
            operand: &random,
            differs: &exactly,
            number: 0,
        }
    }

    /// With other inputs than random bytes, which are no numbers for every type: fills one, by its place among the arguments.
    pub fn operands(self, operand: &'a Operand<'a>) -> Self {
        Self { operand, ..self }
    }

    /// With another comparison: the first byte at which an output is not what it must be, first the NPU's, then the
    /// reference's.
    pub fn differs(self, differs: &'a Differs<'a>) -> Self {
        Self { differs, ..self }
    }

    /// With this for arguments that are numbers; 0 without.
    pub fn number(self, number: u64) -> Self {
        Self { number, ..self }
    }
}

/// Bytes that look random and are the same every time, others for each operand.
fn random(operand: usize, bytes: &mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (operand as u64 + 1);
    for byte in bytes {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        *byte = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
    }
}

fn exactly(found: &[u8], expected: &[u8]) -> Option<usize> {
    found.iter().zip(expected).position(|(a, b)| a != b)
}

/// A buffer of the test.
struct Tested {
    place: usize,
    direction: Direction,
    whole: Buffer,
    part: Buffer,
}

impl Kernel {
    /// Runs the kernel once on operands of the test's and compares its outputs, to their last byte, with the reference's;
    /// what lies behind them must be untouched. What no manifest describes is as long as the control code says.
    ///
    /// # Errors
    /// [`Error::Untrusted`] with the output and the finding; what a run runs into.
    pub fn self_test(&self, test: &SelfTest<'_>, deadline: Instant) -> Result<(), Error> {
        let (mut inputs, mut operands) = (Vec::new(), Vec::new());
        let pool = self.inner().runtime.buffers();
        for (place, parameter) in self.tested().enumerate() {
            let Some((direction, bytes)) = self.role(place, parameter)? else {
                continue;
            };
            let whole = pool.get(bytes + CANARY)?;
            let mut content = vec![POISON; bytes + CANARY];
            if direction != Direction::Out {
                (test.operand)(place, &mut content[..bytes]);
                inputs.push(content[..bytes].to_vec());
            }
            whole.write(0, &content)?;
            operands.push(Tested {
                place,
                direction,
                part: whole.part(0..bytes)?,
                whole,
            });
        }
        let mut next = operands.iter();
        let args = self.tested().map(|parameter| match parameter.kind {
            ParameterKind::Number(bytes) if bytes <= 4 => Some(Arg::U32(test.number as u32)),
            ParameterKind::Number(_) => Some(Arg::U64(test.number)),
            _ => next.next().map(|operand| match operand.direction {
                Direction::In => Arg::In(&operand.part),
                Direction::Out => Arg::Out(&operand.part),
                Direction::InOut => Arg::InOut(&operand.part),
            }),
        });
        self.run(&args.flatten().collect::<Vec<_>>(), deadline)?;
        let mut expected = (test.reference)(&inputs).into_iter();
        for operand in operands.iter().filter(|o| o.direction.writes()) {
            let expected = expected.next().unwrap_or_default();
            if let Some(finding) = operand.judge(&expected, test)? {
                return Err(Error::Untrusted {
                    kernel: self.label().to_owned(),
                    output: self.parameters()[operand.place].name.clone(),
                    finding,
                });
            }
        }
        Ok(())
    }

    /// Its arguments without the table's rest, which the design does not use.
    fn tested(&self) -> impl Iterator<Item = &Parameter> {
        let used = |p: &Parameter| match p.kind {
            ParameterKind::Number(_) => true,
            ParameterKind::Buffer { bytes, .. } => bytes.is_some() || p.extent.bytes > 0,
            ParameterKind::Either => p.extent.bytes > 0,
        };
        let parameters = self.parameters();
        let used = parameters.iter().rposition(used).map_or(0, |i| i + 1);
        parameters[..used.max(self.inner().signature.named)].iter()
    }

    /// What a buffer is used for, and how many bytes of it; none for a number.
    fn role(&self, place: usize, parameter: &Parameter) -> Result<Option<(Direction, usize)>, Error> {
        let extent = parameter.extent;
        match parameter.kind {
            ParameterKind::Number(_) => Ok(None),
            ParameterKind::Buffer {
                direction,
                bytes: Some(bytes),
            } => Ok(Some((direction, bytes))),
            _ if extent.bytes > 0 => {
                let direction = match (extent.read, extent.written) {
                    (true, true) => Direction::InOut,
                    (_, true) => Direction::Out,
                    _ => Direction::In,
                };
                Ok(Some((direction, extent.bytes as usize)))
            }
            _ => Err(Error::Argument {
                kernel: self.name().to_owned(),
                index: place,
                name: parameter.name.clone(),
                problem: Problem::NotDescribed,
            }),
        }
    }
}

impl Tested {
    /// What is wrong with an output.
    fn judge(&self, expected: &[u8], test: &SelfTest<'_>) -> Result<Option<Finding>, Error> {
        let mut found = vec![0; self.whole.len()];
        self.whole.read(0, &mut found)?;
        let (output, behind) = found.split_at(self.part.len());
        let poisoned = self.direction == Direction::Out;
        Ok(finding(output, behind, poisoned, expected, test.differs))
    }
}

/// What is wrong with an output that was `poisoned` before, and with what lies behind it.
fn finding(
    output: &[u8],
    behind: &[u8],
    poisoned: bool,
    expected: &[u8],
    differs: &Differs<'_>,
) -> Option<Finding> {
    if expected.len() != output.len() {
        return Some(Finding::Length {
            found: output.len(),
            expected: expected.len(),
        });
    }
    if let Some(at) = behind.iter().position(|b| *b != POISON) {
        return Some(Finding::Beyond(at));
    }
    if poisoned && expected != output && output.iter().all(|b| *b == POISON) {
        return Some(Finding::Untouched);
    }
    differs(output, expected).map(Finding::Differs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_made() {
        let find =
            |output: &[u8], behind: &[u8], expected: &[u8]| finding(output, behind, true, expected, &exactly);
        let (right, canary) = ([1, 2, 3, 4], [POISON; CANARY]);
        assert_eq!(find(&right, &canary, &right), None);
        assert_eq!(find(&[1, 2, 3, 5], &canary, &right), Some(Finding::Differs(3)));
        let mut spoiled = canary;
        spoiled[CANARY - 1] = 0;
        assert_eq!(find(&right, &spoiled, &right), Some(Finding::Beyond(CANARY - 1)));
        assert_eq!(find(&[POISON; 4], &canary, &right), Some(Finding::Untouched));
        assert_eq!(find(&[POISON; 4], &canary, &[POISON; 4]), None);
        let length = Finding::Length {
            found: 4,
            expected: 3,
        };
        assert_eq!(find(&right, &canary, &right[..3]), Some(length));
    }

    #[test]
    fn operands_are_random_and_the_same_every_time() {
        let operand = |place| {
            let mut bytes = [0; 4096];
            random(place, &mut bytes);
            bytes
        };
        assert_eq!(operand(0), operand(0));
        assert_ne!(operand(0), operand(1));
        let mut seen = [0; 256];
        operand(0).iter().for_each(|b| seen[usize::from(*b)] += 1);
        assert!(seen.iter().all(|n| (1..64).contains(n)), "{seen:?}");
    }
}
