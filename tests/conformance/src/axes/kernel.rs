//! The kernels whose drivers differ (driver-abi 1.4).

/// The columns of table 1.4. The order is the order in which behaviour was added; `Oot` stands outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kernel {
    /// 6.14 and 6.15.
    V6_14,
    /// 6.16.
    V6_16,
    /// 6.17.
    V6_17,
    /// 6.18.
    V6_18,
    /// 6.19.
    V6_19,
    /// 7.0.
    V7_0,
    /// 7.1.
    V7_1,
    /// 7.2.
    V7_2,
    /// 7.3.
    V7_3,
    /// The vendor's staging line, driver 0.16.
    Staging,
    /// The vendor's out-of-tree driver, 1.0.
    Oot,
}

impl Kernel {
    /// Every column.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::V6_14, "6.14"),
        (Self::V6_16, "6.16"),
        (Self::V6_17, "6.17"),
        (Self::V6_18, "6.18"),
        (Self::V6_19, "6.19"),
        (Self::V7_0, "7.0"),
        (Self::V7_1, "7.1"),
        (Self::V7_2, "7.2"),
        (Self::V7_3, "7.3"),
        (Self::Staging, "staging"),
        (Self::Oot, "oot"),
    ];

    /// The column's name on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kernel, _)| *kernel == self)
            .map_or("?", |(_, name)| name)
    }

    /// The column of a name, or of a release like `6.15.3-amd64`: the nearest lower one.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((kernel, _)) = Self::ALL.iter().find(|(_, name)| *name == text) {
            return Some(*kernel);
        }
        let mut parts = text.split(|c: char| !c.is_ascii_digit());
        let release: (u32, u32) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let numbered = Self::ALL.iter().filter_map(|(kernel, name)| {
            let (major, minor) = name.split_once('.')?;
            Some((*kernel, (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)))
        });
        numbered
            .filter(|(_, column)| *column <= release)
            .map(|(kernel, _)| kernel)
            .max()
    }

    /// What `DRM_IOCTL_VERSION` answers (1.1, 1.2).
    pub fn version(self) -> (i32, i32) {
        match self {
            Self::V6_14 | Self::V6_16 | Self::V6_17 => (0, 0),
            Self::V6_18 => (0, 1),
            Self::V6_19 | Self::V7_0 => (0, 6),
            Self::V7_1 => (0, 8),
            Self::V7_2 | Self::V7_3 => (0, 10),
            Self::Staging => (0, 16),
            Self::Oot => (1, 0),
        }
    }

    /// True from `first` on. The out-of-tree driver counts as 7.2 ("L10 base", section 17).
    pub fn since(self, first: Self) -> bool {
        if self == Self::Oot {
            first <= Self::V7_2 || first == Self::Oot
        } else {
            self >= first
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_take_the_nearest_lower_column() {
        assert_eq!(Kernel::parse("6.15.11-amd64"), Some(Kernel::V6_14));
        assert_eq!(Kernel::parse("6.19.6"), Some(Kernel::V6_19));
        assert_eq!(Kernel::parse("7.9"), Some(Kernel::V7_3));
        assert_eq!(Kernel::parse("6.13"), None);
        assert_eq!(Kernel::parse("oot"), Some(Kernel::Oot));
    }
}
