//! The features of firmware, and where they begin.

use super::Version;

/// What firmware may be able to do.
pub(super) struct Feature {
    pub(super) name: &'static str,
    /// First protocol with it, by generation.
    pub(super) xdna1: Option<Version>,
    pub(super) xdna2: Version,
    /// First driver level that makes use of it.
    pub(super) level: i32,
    pub(super) needs: &'static str,
}

/// The driver's names in brackets.
pub(super) const FEATURES: [Feature; 12] = [
    feature(
        "command slots of one form (NPU_COMMAND)",
        Some((5, 8)),
        (6, 15),
        6,
        "Linux 6.19 and firmware protocol 5.8 (XDNA1) or 6.15",
    ),
    feature(
        "preemption (PREEMPT)",
        None,
        (6, 12),
        6,
        "Linux 6.19, XDNA2 and firmware protocol 6.12",
    ),
    feature(
        "whole-array contexts (TEMPORAL_ONLY)",
        None,
        (6, 12),
        6,
        "Linux 6.19, XDNA2 and firmware protocol 6.12",
    ),
    feature(
        "health after a timeout (APP_HEALTH)",
        None,
        (6, 18),
        8,
        "Linux 7.1, XDNA2 and firmware protocol 6.18",
    ),
    feature(
        "time slices (UPDATE_PROPERTY)",
        None,
        (6, 15),
        10,
        "Linux 7.2, XDNA2 and firmware protocol 6.15",
    ),
    feature(
        "heap above 64 MiB (ADD_HOST_BUFFER)",
        None,
        (6, 18),
        10,
        "Linux 7.2, XDNA2 and firmware protocol 6.18",
    ),
    feature(
        "product by revision (GET_DEV_REVISION)",
        None,
        (6, 24),
        10,
        "Linux 7.2, XDNA2 and firmware protocol 6.24",
    ),
    feature(
        "firmware log (FW_LOG)",
        None,
        (6, 19),
        14,
        "the staging or out-of-tree driver, XDNA2 and firmware protocol 6.19",
    ),
    feature(
        "event trace (FW_TRACE)",
        None,
        (6, 19),
        15,
        "the staging or out-of-tree driver, XDNA2 and firmware protocol 6.19",
    ),
    feature(
        "tile access (RW_ACCESS)",
        None,
        (6, 24),
        13,
        "the staging or out-of-tree driver, XDNA2 and firmware protocol 6.24",
    ),
    feature(
        "wall clock in the log (CALIBRATE_CLOCK)",
        None,
        (6, 24),
        14,
        "the staging driver, XDNA2 and firmware protocol 6.24",
    ),
    feature(
        "core dumps (GET_COREDUMP)",
        None,
        (7, 0),
        11,
        "the staging driver, XDNA2 and firmware protocol 7.0",
    ),
];

const fn feature(
    name: &'static str,
    xdna1: Option<Version>,
    xdna2: Version,
    level: i32,
    needs: &'static str,
) -> Feature {
    Feature {
        name,
        xdna1,
        xdna2,
        level,
        needs,
    }
}
