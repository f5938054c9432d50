//! Completions and manual pages, made from the same definition as `--help`.

use std::{fs, path::Path};

use anyhow::Context as _;
use clap::Command;

use crate::terminal::Out;

/// Prints the completion script for `shell`.
///
/// # Errors
/// Where stdout takes no more.
pub(crate) fn completions(
    mut root: Command,
    shell: clap_complete::Shell,
    out: &mut Out,
) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut root, "xdna", &mut script);
    Ok(out.write(&String::from_utf8_lossy(&script))?)
}

/// Writes `xdna.1` and a page for each verb, and each action of one, to `dir`, or prints the first.
///
/// # Errors
/// Where a page cannot be written.
pub(crate) fn pages(mut root: Command, dir: Option<&Path>, out: &mut Out) -> anyhow::Result<()> {
    root.build();
    let render = |command: &Command| -> std::io::Result<Vec<u8>> {
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut page)?;
        Ok(page)
    };
    let Some(dir) = dir else {
        return Ok(out.write(&String::from_utf8_lossy(&render(&root)?))?);
    };
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let mut pages = vec![("xdna".to_owned(), &root)];
    let mut next = 0;
    while let Some((name, command)) = pages.get(next).cloned() {
        let path = dir.join(format!("{name}.1"));
        fs::write(&path, render(command)?).with_context(|| path.display().to_string())?;
        let below = command.get_subcommands().filter(|v| !v.is_hide_set());
        pages.extend(below.map(|v| (format!("{name}-{}", v.get_name()), v)));
        next += 1;
    }
    Ok(())
}
