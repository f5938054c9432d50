//! Sizes and directions that differ from the kernel's (driver-abi 3).

use xdna_uapi::*;

use super::dispatch::own;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{Client, SHARE};
use crate::env::Env;
use crate::sys::Long;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "dispatch.no-in-bit.create_bo-sees-zeros",
        "3",
        no_in_bit_create,
        &[(Any, "EINVAL")],
    ),
    check(
        "dispatch.no-in-bit.get_bo_info-sees-zeros",
        "3",
        no_in_bit_info,
        &[(Any, "ENOENT")],
    ),
    check(
        "dispatch.no-in-bit.zeros-come-back-with-the-error",
        "3",
        zeros_come_back,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.no-out-bit.nothing-comes-back",
        "3",
        no_out_bit,
        &[(Any, "yes")],
    ),
    check("dispatch.no-bits.create_bo", "3", no_bits, &[(Any, "EINVAL")]),
    check(
        "dispatch.extra-out-bit.gem_close",
        "3",
        extra_out_bit,
        &[(Any, "ok")],
    ),
    check(
        "dispatch.short.get_bo_info-24-bytes",
        "3",
        short_info,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.short.create_bo-without-handle",
        "3",
        short_create,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.short.create_bo-16-bytes-sees-no-type",
        "3",
        short_create_16,
        &[(Any, "EINVAL")],
    ),
    check(
        "dispatch.short.create_hwctx-16-bytes-sees-no-qos",
        "3",
        short_hwctx,
        &[(Any, "EFAULT")],
    ),
    check("dispatch.short.size-0", "3", size_0, &[(Any, "EINVAL")]),
    check(
        "dispatch.long.create_bo",
        "3",
        long_create,
        &[(Any, "ok, tail kept")],
    ),
    check(
        "dispatch.long.get_bo_info",
        "3",
        long_info,
        &[(Any, "ok, tail kept")],
    ),
    check(
        "dispatch.long.error-keeps-tail",
        "3",
        long_error,
        &[(Any, "ENOENT, tail kept")],
    ),
    check(
        "dispatch.error-copies-back-input",
        "3",
        error_copies_back,
        &[(Any, "yes")],
    ),
];

const IN: u32 = 1 << 30;
const OUT: u32 = 2 << 30;

fn share() -> amdxdna_drm_create_bo {
    amdxdna_drm_create_bo {
        type_: SHARE,
        size: 4096,
        ..Default::default()
    }
}

fn no_in_bit_create(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(OUT, DRM_AMDXDNA_CREATE_BO, 32), &mut share()))
}

fn no_in_bit_info(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        ..Default::default()
    };
    said(client.call(own(OUT, DRM_AMDXDNA_GET_BO_INFO, 48), &mut arg))
}

fn zeros_come_back(env: &Env) -> Outcome {
    let mut arg = [0xaa_u8; 48];
    match Client::open(env)?.call(own(OUT, DRM_AMDXDNA_GET_BO_INFO, 48), &mut arg) {
        Err(Fail::Call { .. }) => yes(arg[..24] == [0; 24]),
        other => said(other),
    }
}

fn no_out_bit(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        map_offset: 1,
        vaddr: 2,
        xdna_addr: 3,
        ..Default::default()
    };
    client.call(own(IN, DRM_AMDXDNA_GET_BO_INFO, 48), &mut arg)?;
    yes((arg.map_offset, arg.vaddr, arg.xdna_addr) == (1, 2, 3))
}

fn no_bits(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(0, DRM_AMDXDNA_CREATE_BO, 32), &mut share()))
}

fn extra_out_bit(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    said(client.call(
        request::DRM_IOCTL_GEM_CLOSE | OUT,
        &mut drm_gem_close { handle, pad: 0 },
    ))
}

fn short_info(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        map_offset: 1,
        vaddr: 2,
        xdna_addr: 3,
        ..Default::default()
    };
    client.call(own(IN | OUT, DRM_AMDXDNA_GET_BO_INFO, 24), &mut arg)?;
    yes((arg.map_offset, arg.vaddr, arg.xdna_addr) == (1, 2, 3))
}

fn short_create(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let mut arg = amdxdna_drm_create_bo {
        handle: 0xaaaa,
        ..share()
    };
    client.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 28), &mut arg)?;
    // The buffer object exists, under the handle that a fresh client gets first.
    yes(arg.handle == 0xaaaa && client.bo_info(1).is_ok())
}

fn short_create_16(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 16), &mut share()))
}

fn short_hwctx(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_create_hwctx {
        qos_p: 0x1000,
        num_tiles: 4,
        ..Default::default()
    };
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_HWCTX, 16), &mut arg))
}

fn size_0(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 0), &mut share()))
}

fn tail<T: crate::sys::Plain>(result: Result<(), Fail>, arg: &Long<T>) -> Outcome {
    let kept = if arg.tail == [0xaa; 16] { "kept" } else { "changed" };
    Ok(format!("{}, tail {kept}", said(result)?))
}

fn long_create(env: &Env) -> Outcome {
    let mut arg = Long {
        arg: share(),
        tail: [0xaa; 16],
    };
    tail(
        Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 48), &mut arg),
        &arg,
    )
}

fn long_info(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = Long {
        arg: amdxdna_drm_get_bo_info {
            handle,
            ..Default::default()
        },
        tail: [0xaa; 16],
    };
    tail(
        client.call(own(IN | OUT, DRM_AMDXDNA_GET_BO_INFO, 64), &mut arg),
        &arg,
    )
}

fn long_error(env: &Env) -> Outcome {
    let mut arg = Long {
        arg: amdxdna_drm_get_bo_info {
            handle: 99,
            ..Default::default()
        },
        tail: [0xaa; 16],
    };
    tail(
        Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_GET_BO_INFO, 64), &mut arg),
        &arg,
    )
}

fn error_copies_back(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_get_bo_info {
        handle: 99,
        ext: 0,
        map_offset: 7,
        ..Default::default()
    };
    match Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg) {
        Err(Fail::Call { .. }) => yes(arg.handle == 99 && arg.map_offset == 7),
        other => said(other),
    }
}
