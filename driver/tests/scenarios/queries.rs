//! Queries, states, files.

use xdna_driver::query::PowerMode;
use xdna_driver::{Error, Feature, Priority, Qos};

use super::{Scenario, scenario};
use crate::support::{context, device, outcome};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("queries/features_follow_the_kernel_7_3", "", features_7_3),
        scenario(
            "queries/features_follow_the_kernel_6_17",
            "--kernel 6.17",
            features_6_17,
        ),
        scenario(
            "queries/features_follow_the_kernel_6_19",
            "--kernel 6.19",
            features_6_19,
        ),
        scenario(
            "trap/tile_status_takes_the_exact_size_on_6_18",
            "--kernel 6.18 --device npu1",
            tile_status,
        ),
        scenario(
            "trap/tile_status_has_blocks_of_live_columns_only",
            "--device npu1",
            tile_status,
        ),
        scenario(
            "trap/telemetry_of_npu1_has_a_map_of_6",
            "--device npu1",
            telemetry,
        ),
        scenario("queries/telemetry_of_npu4_has_a_map_of_16", "", telemetry),
        scenario("queries/telemetry_on_7_0", "--kernel 7.0", telemetry),
        scenario("trap/contexts_are_listed_by_6_17", "--kernel 6.17", contexts),
        scenario("trap/contexts_are_listed_by_6_18", "--kernel 6.18", contexts),
        scenario(
            "queries/contexts_are_listed_by_staging",
            "--kernel staging",
            contexts,
        ),
        scenario("queries/usage_is_accounted", "", usage),
        scenario("queries/power_modes", "", power),
        scenario("queries/preemption_switches", "", switches),
        scenario("queries/devices_are_found", "", found),
        scenario("queries/mainline_has_no_staging_extras", "", no_staging),
    ]
}

fn features_7_3() {
    let device = device();
    for feature in [
        Feature::ContextArray,
        Feature::UserPointer,
        Feature::AsyncErrors,
        Feature::ResourceInfo,
        Feature::Telemetry,
        Feature::Preemption,
        Feature::DebugBuffer,
        Feature::BoUsage,
        Feature::HeapGrowth,
        Feature::Prime,
        Feature::Timeline,
    ] {
        assert!(device.supports(feature).unwrap(), "{feature:?}");
        assert!(device.supports(feature).unwrap(), "{feature:?} again");
    }
}

fn features_6_17() {
    let device = device();
    for feature in [
        Feature::ContextArray,
        Feature::UserPointer,
        Feature::AsyncErrors,
        Feature::ResourceInfo,
        Feature::Telemetry,
        Feature::Preemption,
        Feature::DebugBuffer,
        Feature::Sensors,
        Feature::BoUsage,
        Feature::HeapGrowth,
    ] {
        assert!(!device.supports(feature).unwrap(), "{feature:?}");
    }
    assert!(device.supports(Feature::Timeline).unwrap());
}

fn features_6_19() {
    let device = device();
    for feature in [
        Feature::AsyncErrors,
        Feature::ResourceInfo,
        Feature::Telemetry,
        Feature::DebugBuffer,
    ] {
        assert!(device.supports(feature).unwrap(), "{feature:?}");
    }
    for feature in [Feature::Sensors, Feature::BoUsage, Feature::HeapGrowth] {
        assert!(!device.supports(feature).unwrap(), "{feature:?}");
    }
}

fn tile_status() {
    let device = device();
    assert_eq!(device.tile_status().unwrap().columns, []);
    let context = context(&device);
    let status = device.tile_status().unwrap();
    let columns: Vec<_> = status.columns.iter().map(|c| c.column).collect();
    assert_eq!(columns, [1, 2, 3, 4]);
    for column in &status.columns {
        assert_eq!(
            (column.cores.len(), column.mems.len(), column.shims.len()),
            (4, 1, 1)
        );
    }
    drop(context);
}

fn telemetry() {
    let device = device();
    let context = context(&device);
    let telemetry = device.telemetry().unwrap();
    assert_eq!(telemetry.contexts.len(), device.chip().contexts as usize);
    assert!(
        telemetry.contexts.contains(&context.id().get()),
        "{:?}",
        telemetry.contexts
    );
}

fn contexts() {
    let device = device();
    let qos = Qos {
        gops: 1,
        dma_bandwidth: 7,
        priority: Priority::Low,
        ..Qos::default()
    };
    let _live = device.context(4).qos(qos).build().unwrap();
    let list = device.contexts().unwrap();
    assert_eq!((list.len(), list[0].pid), (1, std::process::id().into()));
    let detail = list[0].detail.as_ref();
    assert_eq!(detail.is_some(), device.driver_version().level() >= 1);
    if let Some(detail) = detail {
        assert_eq!((detail.qos.gops, detail.qos.dma_bandwidth), (1, 7));
        assert_eq!(detail.process.is_some(), device.driver_version().level() >= 16);
    }
    let by_id = device.context_by_id(std::process::id(), list[0].id);
    if device.driver_version().level() >= 16 {
        assert_eq!(by_id.unwrap().as_ref(), Some(&list[0]));
        let other = device.context_by_id(std::process::id(), list[0].id + 1);
        assert_eq!(other.unwrap(), None);
    } else {
        let unknown = by_id.unwrap_err().errno();
        assert!(
            matches!(unknown, Some(libc::EOPNOTSUPP | libc::EINVAL)),
            "{unknown:?}"
        );
    }
}

fn usage() {
    let device = device();
    let _share = device.create_bo(0x14000).unwrap();
    let _dev = device.create_dev_bo(0x4000).unwrap();
    let usage = device.bo_usage(std::process::id()).unwrap();
    assert_eq!(
        (usage.total_bytes, usage.internal_bytes),
        (0x14000 + (64 << 20), 64 << 20)
    );
    assert_eq!(usage.heap_bytes, 0x4000);
    let nobody = device.bo_usage(i32::MAX as u32).unwrap();
    assert_eq!((nobody.total_bytes, nobody.heap_bytes), (0, 0));
    let info = device.fdinfo().unwrap();
    assert_eq!(info.driver(), Some("amdxdna_accel_driver"));
    assert_eq!(
        (info.heap_bytes(), info.internal_bytes()),
        (Some(0x4000), Some(64 << 20))
    );
    assert_eq!(info.external_bytes(), Some(0x14000));
}

fn power() {
    let device = device();
    assert_eq!(device.power_mode().unwrap(), PowerMode::Default);
    for mode in [
        PowerMode::Low,
        PowerMode::High,
        PowerMode::Turbo,
        PowerMode::Default,
    ] {
        device.set_power_mode(mode).unwrap();
        assert_eq!(device.power_mode().unwrap(), mode);
    }
    let refused = device.set_power_mode(PowerMode::Other(9)).unwrap_err();
    assert_eq!(refused.errno(), Some(libc::EINVAL));
    let context = context(&device);
    let refused = device.set_power_mode(PowerMode::Turbo).unwrap_err();
    assert_eq!(refused.errno(), Some(libc::EINVAL));
    assert!(outcome(&context).is_success());
}

fn switches() {
    let device = device();
    for on in [true, false] {
        device.set_force_preempt(on).unwrap();
        assert_eq!(device.force_preempt().unwrap(), on);
        device.set_frame_boundary_preempt(on).unwrap();
        assert_eq!(device.frame_boundary_preempt().unwrap(), on);
    }
}

fn found() {
    let found = xdna_driver::find().unwrap();
    assert_eq!(found.len(), 1);
    let device = found[0].open().unwrap();
    assert_eq!(found[0].chip, Some(device.chip()));
    assert_eq!(device.chip().name, "npu4");
    assert_eq!(
        (device.pci().vendor, device.pci().device, device.pci().revision),
        (0x1022, 0x17f0, 0x10)
    );
    assert!(device.pci().product.is_some());
    assert_eq!(
        device.pci().firmware.as_deref(),
        Some(device.firmware_version().unwrap().to_string().as_str())
    );
    assert_eq!(device.pci().device_type, Some(0));
    assert_eq!(device.metadata().columns, 8);
    let resources = device.resource_info().unwrap();
    assert_eq!((resources.contexts_max, resources.contexts_now), (16, 0));
    assert!(matches!(
        xdna_driver::Device::open("/dev/accel/accel9".as_ref()),
        Err(Error::NoDevice { .. })
    ));
    assert!(matches!(
        xdna_driver::Device::open("/dev/null".as_ref()),
        Err(Error::Ioctl { .. })
    ));
}

fn no_staging() {
    let device = device();
    let errno = |e: Error| e.errno();
    let expected = Some(libc::EOPNOTSUPP);
    assert_eq!(device.firmware_log_state().map_err(errno), Err(expected));
    assert_eq!(device.firmware_log(0, 4096, false).map_err(errno), Err(expected));
    assert_eq!(device.set_firmware_trace(Some(1)).map_err(errno), Err(expected));
    assert_eq!(device.auto_coredump().map_err(errno), Err(expected));
    assert_eq!(
        device.coredump(std::process::id(), 1).map_err(errno),
        Err(expected)
    );
}
