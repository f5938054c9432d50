//! The one table printer: columns two blanks apart, no lines, wrapped nowhere.

use std::fmt;

use comfy_table::presets;

/// A table for people; the cells are plain text.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these column titles.
    pub fn new<T: fmt::Display>(header: impl IntoIterator<Item = T>) -> Self {
        let mut table = Self::untitled();
        table.0.set_header(header.into_iter().map(|t| t.to_string()));
        table
    }

    /// A table of names and values, which needs no titles.
    pub fn untitled() -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        Self(table)
    }

    /// Adds a row.
    pub fn row<T: fmt::Display>(&mut self, cells: impl IntoIterator<Item = T>) {
        // Nothing from outside may break a line, or its row.
        self.0
            .add_row(cells.into_iter().map(|cell| crate::clean(&cell.to_string())));
    }

    /// Adds a name and its value.
    pub fn pair(&mut self, name: &str, value: impl fmt::Display) {
        self.row([name.to_owned(), value.to_string()]);
    }

    /// True without a row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lines().try_for_each(|line| {
            let line = line.strip_prefix(' ').unwrap_or(&line);
            writeln!(f, "{}", line.trim_end())
        })
    }
}

/// A number of bytes in the largest unit that leaves it whole, else with one decimal.
pub fn bytes(n: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let Some((unit, shift)) = UNITS.into_iter().find(|(_, shift)| n >> shift > 0) else {
        return format!("{n} B");
    };
    if n.trailing_zeros() >= shift {
        format!("{} {unit}", n >> shift)
    } else {
        format!("{:.1} {unit}", n as f64 / f64::from(1_u32 << shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_where_they_can_be() {
        let texts = [0, 1023, 1024, 1536, 64 << 20, (64 << 20) + 4096, 3 << 30].map(bytes);
        assert_eq!(
            texts,
            ["0 B", "1023 B", "1 KiB", "1.5 KiB", "64 MiB", "64.0 MiB", "3 GiB"]
        );
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        let mut table = Table::new(["name", "value"]);
        table.row(["a\nb\x1b[1m", "1"]);
        table.pair("longer name", 2);
        assert_eq!(
            table.to_string(),
            "name         value\na b[1m       1\nlonger name  2\n"
        );
    }
}
