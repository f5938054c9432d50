//! Which kernels a driver version stands for.

use xdna_driver::DriverVersion;

/// Where the driver of this version comes from.
pub(crate) fn origin(version: DriverVersion) -> &'static str {
    match (version.major, version.minor) {
        (1, _) => "out of tree",
        (_, 0) => "Linux 6.14 to 6.17",
        (_, 1) => "Linux 6.18",
        (_, 2..=6) => "Linux 6.19 or 7.0",
        (_, 7 | 8) => "Linux 7.1",
        (_, 9 | 10) => "Linux 7.2 or later",
        _ => "newer than Linux 7.3: the vendor's staging line, or a later Linux",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_name_their_kernels() {
        let of = |major, minor| origin(DriverVersion { major, minor });
        assert_eq!(of(0, 0), "Linux 6.14 to 6.17");
        assert_eq!(of(0, 6), "Linux 6.19 or 7.0");
        assert_eq!(of(1, 0), "out of tree");
        assert!(of(0, 16).contains("staging"));
    }
}
