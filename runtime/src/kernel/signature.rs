//! What a kernel takes: from its xclbin's table, or from a manifest that knows more.

use std::fmt;

use super::extent::Extent;
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
    /// What it holds, if a manifest says so.
    pub elements: Option<Elements>,
    /// What the control code does with it.
    pub(super) extent: Extent,
}

/// What a buffer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elements {
    /// Type of an element, as `bf16`.
    pub dtype: String,
    /// Bytes of an element.
    pub size: u64,
    /// Elements in each dimension, the slowest first.
    pub shape: Vec<u64>,
    /// Meaning of the dimensions.
    pub layout: String,
}

impl fmt::Display for Elements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype, self.shape)
    }
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
    /// What it holds, if that is known.
    pub elements: Option<Elements>,
}

/// The register map of a kernel: where the control code goes, and what the caller gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Offset of the opcode.
    pub opcode: Option<u32>,
    /// Offset of the control code's address.
    pub code: Option<u32>,
    /// Offset of the control code's length in words.
    pub words: Option<u32>,
    pub parameters: Vec<Parameter>,
    /// Arguments up to the last buffer that the control code names.
    pub named: usize,
}

impl Signature {
    /// What a kernel that runs control code must be given, and this one has no argument for.
    pub fn lacks(&self) -> Option<&'static str> {
        match (self.code, self.words) {
            (None, _) => Some("the address"),
            (_, None) => Some("the length"),
            _ => None,
        }
    }

    /// Reads a kernel's table. The three arguments that describe the control code are known by their names, which
    /// tools spell in several ways.
    pub fn new(arguments: &[Argument]) -> Self {
        let mut signature = Self {
            opcode: None,
            code: None,
            words: None,
            parameters: Vec::new(),
            named: 0,
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
                    elements: None,
                    extent: Extent::default(),
                }),
            }
        }
        signature
    }

    /// What may be a buffer, in order.
    pub fn buffers(&self) -> impl Iterator<Item = &Parameter> {
        let buffer = |p: &&Parameter| !matches!(p.kind, ParameterKind::Number(_));
        self.parameters.iter().filter(buffer)
    }

    /// How many buffers it takes at most.
    pub fn takes(&self) -> usize {
        self.buffers().count()
    }

    /// Adds what the control code does with the buffers that it names.
    pub fn touch(&mut self, extents: &[Extent]) {
        let buffer = |(_, p): &(usize, &mut Parameter)| !matches!(p.kind, ParameterKind::Number(_));
        let buffers = self.parameters.iter_mut().enumerate().filter(buffer);
        for ((i, parameter), extent) in buffers.zip(extents) {
            parameter.extent = *extent;
            self.named = i + 1;
        }
    }

    /// Adds what a manifest knows about the buffers. The first mistake, if there is one: more buffers than arguments.
    pub fn describe(&mut self, uses: &[BufferUse]) -> Result<(), usize> {
        let mut buffers = self
            .parameters
            .iter_mut()
            .filter(|p| !matches!(p.kind, ParameterKind::Number(_)));
        for (i, described) in uses.iter().enumerate() {
            let BufferUse {
                direction,
                bytes,
                elements,
            } = described;
            let parameter = buffers.next().ok_or(i)?;
            parameter.elements.clone_from(elements);
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
