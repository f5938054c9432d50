//! What a kernel takes: from its xclbin's table, or from a manifest that knows more.

use crate::formats::xclbin::{Argument, Qualifier};

/// What a kernel does to a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reads it.
    In,
    /// Writes it.
    Out,
    /// Both, or nobody has said.
    InOut,
}

impl Direction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Direction::In => "an input",
            Direction::Out => "an output",
            Direction::InOut => "an input and an output",
        }
    }

    pub(super) fn writes(self) -> bool {
        self != Direction::In
    }
}

/// An argument that a caller gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name in the table.
    pub name: String,
    /// Byte offset in the register map.
    pub offset: u32,
    /// What it is.
    pub kind: ParameterKind,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A number of so many bytes, 4 or 8.
    Number(u32),
    /// The address of a buffer.
    Buffer {
        /// What the kernel does to it.
        direction: Direction,
        /// Bytes it touches, if that is known.
        bytes: Option<usize>,
    },
    /// Eight bytes that vendor files call a number, and that are a buffer's address or a number.
    Either,
}

/// What a manifest says about a buffer argument, in the order of the kernel's buffer arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BufferUse {
    /// What the kernel does to it.
    pub direction: Direction,
    /// Bytes it touches.
    pub bytes: usize,
}

/// The register map of a kernel: where the control code goes, and what the caller gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Offset of the opcode.
    pub opcode: Option<u32>,
    /// Offset of the control code's address.
    pub code: Option<u32>,
    /// Offset of the control code's length in words.
    pub words: Option<u32>,
    pub parameters: Vec<Parameter>,
    /// Buffers that the control code names.
    pub buffers: usize,
}

impl Signature {
    /// Reads a kernel's table. The three arguments that describe the control code are known by their names, which
    /// tools spell in several ways.
    pub fn new(arguments: &[Argument]) -> Self {
        let mut signature = Self {
            opcode: None,
            code: None,
            words: None,
            parameters: Vec::new(),
            buffers: 0,
        };
        for argument in arguments {
            let Argument { name, offset, .. } = argument;
            match name.as_str() {
                "opcode" => signature.opcode = Some(*offset),
                "instr" | "instruct" => signature.code = Some(*offset),
                "ninstr" | "nistruct" | "ninstruct" => signature.words = Some(*offset),
                _ => signature.parameters.push(Parameter {
                    name: name.clone(),
                    offset: *offset,
                    kind: kind(argument),
                }),
            }
        }
        signature
    }

    /// Adds what a manifest knows about the buffers. The first mistake, if there is one: more buffers than arguments.
    pub fn describe(&mut self, uses: &[BufferUse]) -> Result<(), usize> {
        let mut buffers = self
            .parameters
            .iter_mut()
            .filter(|p| !matches!(p.kind, ParameterKind::Number(_)));
        for (i, BufferUse { direction, bytes }) in uses.iter().enumerate() {
            let parameter = buffers.next().ok_or(i)?;
            parameter.kind = ParameterKind::Buffer {
                direction: *direction,
                bytes: Some(*bytes),
            };
        }
        Ok(())
    }
}

fn kind(argument: &Argument) -> ParameterKind {
    match (argument.qualifier, argument.size) {
        (Qualifier::Buffer, _) => ParameterKind::Buffer {
            direction: Direction::InOut,
            bytes: None,
        },
        (_, 8) => ParameterKind::Either,
        (_, bytes) => ParameterKind::Number(bytes),
    }
}
