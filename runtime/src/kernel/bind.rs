//! Arguments, and the checks before anything is submitted.

use xdna_driver::CommandBuilder;

use super::signature::{Direction, Parameter, ParameterKind, Signature};
use crate::buffers::Buffer;
use crate::error::{Error, Problem};

/// An argument of a run.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A buffer the kernel reads.
    In(&'a Buffer),
    /// A buffer the kernel writes.
    Out(&'a Buffer),
    /// A buffer the kernel reads and writes.
    InOut(&'a Buffer),
    /// A number of four bytes.
    U32(u32),
    /// A number of eight bytes.
    U64(u64),
}

/// Shim DMA addresses count whole words.
const ALIGN: u64 = 4;

impl<'a> Arg<'a> {
    pub(super) fn buffer(self) -> Option<(&'a Buffer, Direction)> {
        match self {
            Arg::In(buffer) => Some((buffer, Direction::In)),
            Arg::Out(buffer) => Some((buffer, Direction::Out)),
            Arg::InOut(buffer) => Some((buffer, Direction::InOut)),
            Arg::U32(_) | Arg::U64(_) => None,
        }
    }

    fn number(self) -> Option<u64> {
        match self {
            Arg::U32(value) => Some(value.into()),
            Arg::U64(value) => Some(value),
            _ => None,
        }
    }
}

/// Checks arguments against a signature.
pub(super) fn check(kernel: &str, signature: &Signature, args: &[Arg<'_>]) -> Result<(), Error> {
    let wrong = |index: usize, problem| Error::Argument {
        kernel: kernel.to_owned(),
        index,
        name: signature
            .parameters
            .get(index)
            .map_or(String::new(), |p| p.name.clone()),
        problem,
    };
    let wanted = signature.parameters.len();
    // Tables declare as many buffers as the tools' template has: a design uses the first of them, which its control
    // code names.
    let described = signature
        .parameters
        .iter()
        .rposition(is_needed)
        .map_or(0, |i| i + 1);
    let needed = described.max(signature.named);
    if args.len() < needed || args.len() > wanted {
        let given = args.len();
        let problem = Problem::Count {
            given,
            least: needed,
            most: wanted,
        };
        return Err(wrong(given.min(wanted), problem));
    }
    for (i, (parameter, arg)) in signature.parameters.iter().zip(args).enumerate() {
        one(parameter, *arg).map_err(|problem| wrong(i, problem))?;
        let Some((buffer, direction)) = arg.buffer() else {
            continue;
        };
        for (other, earlier) in args[..i].iter().enumerate() {
            let Some((with, its)) = earlier.buffer() else {
                continue;
            };
            if (direction.writes() || its.writes()) && buffer.overlaps(with) {
                return Err(wrong(i, Problem::Aliased { other }));
            }
        }
    }
    Ok(())
}

/// True for what can't be left out: what a manifest describes, and numbers.
fn is_needed(parameter: &Parameter) -> bool {
    match parameter.kind {
        ParameterKind::Number(_) => true,
        ParameterKind::Buffer { bytes, .. } => bytes.is_some(),
        ParameterKind::Either => false,
    }
}

fn one(parameter: &Parameter, arg: Arg<'_>) -> Result<(), Problem> {
    match (parameter.kind, arg.buffer(), arg.number()) {
        (ParameterKind::Number(bytes), _, Some(value)) => {
            if bytes < 8 && value >> (8 * bytes) != 0 {
                return Err(Problem::Value { value, bytes });
            }
            Ok(())
        }
        (ParameterKind::Number(_), ..) => Err(Problem::Kind { wanted: "number" }),
        (ParameterKind::Buffer { .. }, None, _) => Err(Problem::Kind { wanted: "buffer" }),
        (kind, Some((buffer, given)), _) => {
            let (direction, bytes) = match kind {
                ParameterKind::Buffer { direction, bytes } => (direction, bytes),
                _ => (Direction::InOut, None),
            };
            let extent = parameter.extent;
            let wrong = match (bytes, given) {
                (Some(_), given) => direction != given && given != Direction::InOut,
                // Where no manifest says it, the control code does: it writes, or only reads.
                (None, Direction::In) => extent.written,
                (None, Direction::Out) => extent.read && !extent.written,
                (None, Direction::InOut) => false,
            };
            if wrong {
                let wanted = match (bytes, extent.written) {
                    (Some(_), _) => direction,
                    (None, true) => Direction::Out,
                    (None, false) => Direction::In,
                };
                return Err(Problem::Direction {
                    wanted: wanted.name(),
                });
            }
            let touched = usize::try_from(extent.bytes).unwrap_or(usize::MAX);
            let (have, wanted) = (buffer.len(), bytes.unwrap_or(0).max(touched));
            if have < wanted {
                return Err(Problem::Size { given: have, wanted });
            }
            let address = buffer.device_addr();
            let align = parameter.elements.as_ref().map_or(ALIGN, |e| e.size.max(ALIGN));
            if !address.is_multiple_of(align) {
                return Err(Problem::Misaligned { address, align });
            }
            Ok(())
        }
        (ParameterKind::Either, None, _) => Ok(()),
    }
}

/// Puts checked arguments where the signature says, and adds `bias` to the addresses.
pub(super) fn put<'d>(
    mut command: CommandBuilder<'d>,
    signature: &Signature,
    args: &[Arg<'_>],
    bias: u64,
) -> CommandBuilder<'d> {
    for (parameter, arg) in signature.parameters.iter().zip(args) {
        let at = parameter.offset as usize;
        command = match (arg.buffer(), parameter.kind) {
            (Some((buffer, _)), _) => {
                let (bo, offset) = buffer.place();
                let held = command.set_addr(at, bo, offset);
                match bias {
                    0 => held,
                    bias => held.set_u64(at, buffer.device_addr() + bias),
                }
            }
            (None, ParameterKind::Number(bytes)) if bytes <= 4 => {
                command.set_u32(at, arg.number().unwrap_or(0) as u32)
            }
            (None, _) => command.set_u64(at, arg.number().unwrap_or(0)),
        };
    }
    command
}
