//! DEV buffer objects and the heap they are cut from (driver-abi 5.1 to 5.3).

use xdna_uapi::*;

use crate::axes::Feature::AddHostBuffer;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, yes};
use crate::client::{Client, DEV, HEAP, HEAP_CHUNK, step};
use crate::env::Env;
use crate::sys::Area;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "heap.xdna_addr",
        "5.1, 12.1",
        |e| heap_field(e, |info| info.xdna_addr),
        &[(Any, "0x4000000")],
    ),
    check("heap.vaddr-is-the-mapping", "4.2, 5.3", vaddr, &[(Any, "yes")]),
    check("heap.second-chunk-address", "5.3", second_address, SECOND),
    check(
        "heap.chunk-told-to-the-next-context",
        "5.3",
        next_context,
        NEXT_CONTEXT,
    ),
    check("heap.dev-over-unadjacent-chunks", "5.2", unadjacent, UNADJACENT),
    check("heap.dev-128m-crosses-chunks", "16.2 D", crossing, CROSSING)
        .row("16.2 large DEV 128 MiB, 512 MiB"),
    check("heap.large-dev-100-times", "16.2 D", hundred, HUNDRED).row("16.2 large DEV stress"),
    check(
        "dev.map_offset",
        "4.2",
        |e| dev_field(e, |info| info.map_offset),
        &[(Any, "0xffffffffffffffff")],
    ),
    check(
        "dev.aligned-to-32k",
        "5.2",
        |e| many(e, |addrs| addrs.iter().all(|a| a % DEV_BO_ALIGN == 0)),
        &[(Any, "yes")],
    ),
    check("dev.inside-the-heap", "5.1", |e| many(e, inside), &[(Any, "yes")]),
    check("dev.do-not-overlap", "5.2", |e| many(e, apart), &[(Any, "yes")]).row("16.2 instruction BO"),
    check("dev.vaddr-in-the-heap-mapping", "5.3", dev_vaddr, &[(Any, "yes")]),
    check("dev.memory-is-the-heaps", "5.3", dev_memory, &[(Any, "yes")]),
    check(
        "dev.takes-whole-32k-slots",
        "5.2",
        slots,
        &[(Any, "2048 of 4 KiB fill the heap")],
    ),
    check("dev.address-reused-after-close", "5.2 I", reused, &[(Any, "yes")]),
    check("dev.per-client-addresses", "5.1", per_client, &[(Any, "yes")]),
    check(
        "dev.context-takes-four-slots",
        "6.1, 12.1",
        context_slots,
        &[(Any, "0x4020000")],
    ),
];

const SECOND: Rules = &[
    (On(Oot), "EBUSY"),
    (To(V7_1), "EBUSY"),
    (Not(&Xdna2), "ENOSPC"),
    (Any, "0x8000000"),
];
const NEXT_CONTEXT: Rules = &[
    (On(Oot), "chunk EBUSY"),
    (To(V7_1), "chunk EBUSY"),
    (Not(&Xdna2), "chunk ENOSPC"),
    (Has(AddHostBuffer), "DEV ok, context ok"),
    (Any, "DEV ok, context EOPNOTSUPP"),
];
const UNADJACENT: Rules = &[
    (On(Oot), "chunk EBUSY"),
    (To(V7_1), "chunk EBUSY"),
    (Not(&Xdna2), "chunk ENOSPC"),
    (Any, "EINVAL"),
];
const CROSSING: Rules = &[
    (On(Oot), "chunk EBUSY"),
    (To(V7_1), "chunk EBUSY"),
    (Not(&Xdna2), "chunk ENOSPC"),
    (Any, "crosses, data kept"),
];
const HUNDRED: Rules = &[
    (On(Oot), "chunk EBUSY"),
    (To(V7_1), "chunk EBUSY"),
    (Not(&Xdna2), "chunk ENOSPC"),
    (Any, "ok"),
];

fn heap_field(env: &Env, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    Ok(format!("{:#x}", field(&client.bo_info(heap.handle)?)))
}

fn vaddr(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    yes(client.bo_info(heap.handle)?.vaddr == heap.area.addr())
}

fn second_address(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.create_bo(HEAP, HEAP_CHUNK)?;
    match client.create_bo(HEAP, HEAP_CHUNK) {
        Ok(second) => Ok(format!("{:#x}", client.bo_info(second)?.xdna_addr)),
        Err(fail) => said::<()>(Err(fail)),
    }
}

/// A heap of `chunks` chunks in one piece, or why it could not be had.
fn chunks(client: &Client, chunks: usize) -> Result<Result<Area, String>, crate::check::Fail> {
    let chunk = HEAP_CHUNK as usize;
    let space = step("mmap", Area::reserve(chunks * chunk, chunk))?;
    for n in 0..chunks {
        match client.create_bo(HEAP, HEAP_CHUNK) {
            Ok(handle) => client.map_chunk(handle, &space, n * chunk)?,
            Err(fail) => return Ok(Err(format!("chunk {}", said::<()>(Err(fail))?))),
        }
    }
    Ok(Ok(space))
}

fn next_context(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _space = match chunks(&client, 2)? {
        Ok(space) => space,
        Err(outcome) => return Ok(outcome),
    };
    let dev = said(client.create_bo(DEV, HEAP_CHUNK + 4096))?;
    Ok(format!("DEV {dev}, context {}", said(client.context(1))?))
}

fn unadjacent(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let chunk = HEAP_CHUNK as usize;
    let space = step("mmap", Area::reserve(3 * chunk, chunk))?;
    let first = client.create_bo(HEAP, HEAP_CHUNK)?;
    client.map_chunk(first, &space, 0)?;
    let second = match client.create_bo(HEAP, HEAP_CHUNK) {
        Ok(second) => second,
        Err(fail) => return Ok(format!("chunk {}", said::<()>(Err(fail))?)),
    };
    client.map_chunk(second, &space, 2 * chunk)?;
    said(client.create_bo(DEV, HEAP_CHUNK + 4096))
}

fn crossing(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let space = match chunks(&client, 3)? {
        Ok(space) => space,
        Err(outcome) => return Ok(outcome),
    };
    let (size, chunk) = (2 * HEAP_CHUNK, HEAP_CHUNK as usize);
    client.create_bo(DEV, 4096)?;
    let dev = client.create_bo(DEV, size)?;
    let at = (client.bo_info(dev)?.xdna_addr - DEV_HEAP_BASE) as usize;
    let crosses = at / chunk != (at + size as usize - 1) / chunk;
    let boundary = (at / chunk + 1) * chunk;
    space.write(boundary - 4, b"over the");
    let kept = space.read(boundary - 4, 8) == b"over the";
    Ok(format!(
        "{}, data {}",
        if crosses { "crosses" } else { "does not cross" },
        if kept { "kept" } else { "lost" }
    ))
}

fn hundred(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _space = match chunks(&client, 8)? {
        Ok(space) => space,
        Err(outcome) => return Ok(outcome),
    };
    for _ in 0..100 {
        let dev = client.create_bo(DEV, 2 * HEAP_CHUNK)?;
        client.gem_close(dev)?;
    }
    said((0..4).try_for_each(|_| client.create_bo(DEV, 2 * HEAP_CHUNK).map(drop)))
}

fn dev_field(env: &Env, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let dev = client.create_bo(DEV, 128)?;
    Ok(format!("{:#x}", field(&client.bo_info(dev)?)))
}

/// Sizes of the vendor's test (16.2).
const SIZES: [u64; 4] = [0x2000, 0x400, 0x3000, 0x100];

fn many(env: &Env, fact: fn(&[u64]) -> bool) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let mut addrs = Vec::new();
    for size in SIZES {
        let dev = client.create_bo(DEV, size)?;
        addrs.push(client.bo_info(dev)?.xdna_addr);
    }
    yes(fact(&addrs))
}

fn inside(addrs: &[u64]) -> bool {
    addrs
        .iter()
        .zip(SIZES)
        .all(|(a, size)| *a >= DEV_HEAP_BASE && a + size <= DEV_HEAP_BASE + HEAP_CHUNK)
}

fn apart(addrs: &[u64]) -> bool {
    let mut ranges: Vec<_> = addrs.iter().zip(SIZES).map(|(a, size)| (*a, a + size)).collect();
    ranges.sort_unstable();
    ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0)
}

fn dev_vaddr(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    client.create_bo(DEV, 4096)?;
    let info = client.bo_info(client.create_bo(DEV, 4096)?)?;
    yes(info.vaddr == heap.area.addr() + (info.xdna_addr - DEV_HEAP_BASE))
}

/// What is written through a second mapping of the heap is what lies at the DEV buffer object's place.
fn dev_memory(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    let info = client.bo_info(client.create_bo(DEV, 4096)?)?;
    let at = heap.offset_of(info.xdna_addr)?;
    heap.area.write(at, b"instructions");
    heap.area.flush(at, 12);
    yes(info.vaddr == heap.area.addr() + at as u64 && heap.area.read(at, 12) == b"instructions")
}

fn slots(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let mut made = 0;
    while made < 4096 && client.create_bo(DEV, 4096).is_ok() {
        made += 1;
    }
    Ok(format!("{made} of 4 KiB fill the heap"))
}

fn reused(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let first = client.create_bo(DEV, HEAP_CHUNK)?;
    let address = client.bo_info(first)?.xdna_addr;
    client.gem_close(first)?;
    yes(client.bo_info(client.create_bo(DEV, HEAP_CHUNK)?)?.xdna_addr == address)
}

fn per_client(env: &Env) -> Outcome {
    let (a, b) = (Client::open(env)?, Client::open(env)?);
    let (_first, _second) = (a.heap()?, b.heap()?);
    let (mine, other) = (a.create_bo(DEV, HEAP_CHUNK)?, b.create_bo(DEV, HEAP_CHUNK)?);
    yes(a.bo_info(mine)?.xdna_addr == b.bo_info(other)?.xdna_addr)
}

/// The first DEV buffer object behind a fresh client's first context.
fn context_slots(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    client.context(1)?;
    let dev = client.create_bo(DEV, 0x3000)?;
    Ok(format!("{:#x}", client.bo_info(dev)?.xdna_addr))
}
