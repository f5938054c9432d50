//! `xdna tiles`: what the tiles of the array are doing.

mod names;
mod status;
mod text;

use clap::Args;
use xdna_terminal::{Exit, Out};

use crate::Common;
use crate::show;
use crate::target::Target;

pub(crate) use status::Status;

#[derive(Args, Debug)]
#[command(after_help = "\
Columns that no context has are not reported. What is not documented is shown as bytes.

Examples:
  xdna tiles
  xdna tiles --raw --json")]
pub struct Tiles {
    /// Print the bytes as the firmware gave them
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    common: Common,
}

/// Prints the status of the tiles.
pub(crate) fn run(args: &Tiles, out: &mut Out) -> anyhow::Result<Exit> {
    let target = Target::open(args.common)?;
    let status = target.device.tile_status()?;
    let status = Status::of(&status, &target.device.metadata(), args.raw);
    show::print(&status, args.common.json, out)?;
    Ok(Exit::Done)
}
