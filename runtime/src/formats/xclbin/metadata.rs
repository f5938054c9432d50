//! EMBEDDED_METADATA: kernels, their arguments and instances, as XML.

use roxmltree::{Document, Node};

use crate::formats::{
    error::{Format, FormatError, Reason, Result},
    view::View,
};

/// How an argument is typed. Vendor files type addresses of buffers as scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// A value, or an address that the caller works out.
    Scalar,
    /// A buffer.
    Buffer,
    /// Something else that the file says.
    Other(u32),
}

/// An argument of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Name.
    pub name: String,
    /// Number.
    pub id: u32,
    /// Byte offset in the register map of a command.
    pub offset: u32,
    /// Bytes in that map.
    pub size: u32,
    /// Scalar or buffer.
    pub qualifier: Qualifier,
    /// Type in C.
    pub c_type: String,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Name.
    pub name: String,
    /// `dpu` for what runs on an NPU; empty for others.
    pub kind: String,
    /// Id that a partition maps to a PDI.
    pub id: Option<u64>,
    /// 0 for inference, 1 for what goes before or after.
    pub functional: Option<u32>,
    /// 1 for a kernel of the array; may be missing.
    pub subtype: Option<u32>,
    /// Arguments in the order of the file.
    pub arguments: Vec<Argument>,
    /// Names of its instances.
    pub instances: Vec<String>,
}

fn wrong(node: Node<'_, '_>, reason: Reason) -> FormatError {
    let offset = node.range().start;
    FormatError {
        format: Format::Metadata,
        offset,
        reason,
    }
}

/// A number in decimal, or in hexadecimal behind `0x`.
fn number(node: Node<'_, '_>, name: &'static str) -> Result<Option<u64>> {
    let Some(text) = node.attribute(name).map(str::trim).filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let value = hex.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    let why = |e| wrong(node, Reason::Other(format!("{name}=\"{text}\": {e}")));
    value.map(Some).map_err(why)
}

fn small(node: Node<'_, '_>, name: &'static str) -> Result<Option<u32>> {
    let too_large =
        |found| u32::try_from(found).map_err(|_| wrong(node, Reason::Value { what: name, found }));
    number(node, name)?.map(too_large).transpose()
}

fn needed(node: Node<'_, '_>, name: &'static str) -> Result<u32> {
    small(node, name)?.ok_or_else(|| wrong(node, Reason::Missing(name)))
}

fn owned(node: Node<'_, '_>, name: &str) -> String {
    node.attribute(name).unwrap_or_default().to_owned()
}

fn argument(node: Node<'_, '_>) -> Result<Argument> {
    Ok(Argument {
        name: owned(node, "name"),
        id: needed(node, "id")?,
        offset: needed(node, "offset")?,
        size: needed(node, "size")?,
        qualifier: match needed(node, "addressQualifier")? {
            0 => Qualifier::Scalar,
            1 => Qualifier::Buffer,
            other => Qualifier::Other(other),
        },
        c_type: owned(node, "type"),
    })
}

fn kernel(node: Node<'_, '_>) -> Result<Kernel> {
    let children = |name| node.children().filter(move |c| c.has_tag_name(name));
    let extended = children("extended-data").next();
    let value = |name| extended.map_or(Ok(None), |e| small(e, name));
    Ok(Kernel {
        name: owned(node, "name"),
        kind: owned(node, "type"),
        id: extended.map_or(Ok(None), |e| number(e, "dpu_kernel_id"))?,
        functional: value("functional")?,
        subtype: value("subtype")?,
        arguments: children("arg").map(argument).collect::<Result<_>>()?,
        instances: children("instance").map(|i| owned(i, "name")).collect(),
    })
}

/// Reads the kernels of a file's metadata, those that are no NPU kernels too.
///
/// # Errors
/// It is no XML, or a kernel's description lacks what calling it needs.
pub fn read_kernels(section: &[u8]) -> Result<Vec<Kernel>> {
    let v = View::new(Format::Metadata, section);
    let text = std::str::from_utf8(section)
        .map_err(|e| v.error(e.valid_up_to(), Reason::Other("not UTF-8".to_owned())))?;
    let text = text.trim_end_matches('\0');
    let document = Document::parse(text).map_err(|e| {
        let at = e.pos();
        v.error(
            0,
            Reason::Other(format!("line {}, column {}: {e}", at.row, at.col)),
        )
    })?;
    let project = document.root_element();
    let path = ["platform", "device", "core", "kernel"];
    if !project.has_tag_name("project") {
        return Err(v.error(0, Reason::Missing("element project")));
    }
    let mut nodes = vec![project];
    for name in path {
        nodes = nodes
            .iter()
            .flat_map(|n| n.children().filter(|c| c.has_tag_name(name)))
            .collect();
    }
    nodes.into_iter().map(kernel).collect()
}
