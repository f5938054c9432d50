//! What is wrong with a design.

use crate::design::Tile;

/// Why a design cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DesignError {
    /// A tile has no such thing.
    #[error("tile ({}, {}) has no {what} {number}", .tile.column, .tile.row)]
    NoSuch {
        /// The tile.
        tile: Tile,
        /// What it does not have.
        what: &'static str,
        /// Its number.
        number: u32,
    },
    /// A number is too large for its field.
    #[error("tile ({}, {}), descriptor {id}: {what} {value} does not fit ({limit} at most)", .tile.column, .tile.row)]
    TooLarge {
        /// The tile.
        tile: Tile,
        /// The descriptor.
        id: u8,
        /// The field.
        what: &'static str,
        /// Its value.
        value: u64,
        /// Its largest value.
        limit: u64,
    },
    /// A channel is given a descriptor that it cannot use.
    #[error("tile ({}, {}): channel {channel} cannot use descriptor {id}", .tile.column, .tile.row)]
    Unreachable {
        /// The tile.
        tile: Tile,
        /// The channel.
        channel: u8,
        /// The descriptor.
        id: u8,
    },
    /// An address is no multiple of four bytes.
    #[error("tile ({}, {}): address {address:#x} is no multiple of 4", .tile.column, .tile.row)]
    Unaligned {
        /// The tile.
        tile: Tile,
        /// The address.
        address: u64,
    },
}
