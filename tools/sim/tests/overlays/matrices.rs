//! Products of int16 matrices: descriptors of three and four dimensions that cut a matrix into blocks and put the
//! result together again.

use libtest_mimic::Failed;
use xdna_sim::array::{Core, Program, Shape, TileId};

use super::Case;
use super::bench::{Buffers, code, overlay, random, run, same, to_words};
use super::fifo::Fifo;

const CORE: TileId = TileId { column: 0, row: 2 };

/// c = A b, 288 by 288: the core's DMA transposes words.
pub const MATRIX_BY_VECTOR: Case = (
    "gemv_multiplies_a_matrix_by_a_vector",
    &[
        "npu1/xdna-npu-toolkit/gemv-288.xclbin",
        "npu1/xdna-npu-toolkit/gemv-288.insts.bin",
    ],
    matrix_by_vector,
);

/// C = A B, 256 by 256 by 256: the memory tile's DMA cuts tiles of 32 by 32 into blocks of 4 by 4.
pub const MATRIX_BY_MATRIX: Case = (
    "gemm_multiplies_matrices",
    &[
        "npu1/xdna-npu-toolkit/gemm-256-1col.xclbin",
        "npu1/xdna-npu-toolkit/gemm-256-1col.insts.bin",
    ],
    matrix_by_matrix,
);

/// C = A B, 512 by 512 by 512 on 16 cores: rows of A and columns of B go to all cores of a row or a column, and a memory
/// tile joins what four cores made.
pub const MATRIX_BY_MATRIX_ON_ALL_CORES: Case = (
    "gemm_multiplies_matrices_on_sixteen_cores",
    &[
        "npu1/xdna-npu-toolkit/gemm-512-4col.xclbin",
        "npu1/xdna-npu-toolkit/gemm-512-4col.insts.bin",
    ],
    matrix_by_matrix_on_all_cores,
);

/// Rows and columns of a tile of A.
const TILE: usize = 32;
/// Rows and columns of a block.
const BLOCK: usize = 4;

fn to_i16(bytes: &[u8]) -> Vec<i32> {
    let values = bytes.as_chunks::<2>().0.iter();
    values.map(|b| i16::from_le_bytes(*b).into()).collect()
}

fn product(a: &[i32], b: &[i32], m: usize, k: usize, n: usize) -> Vec<u32> {
    let element = |i: usize, j: usize| {
        (0..k)
            .map(|x| a[i * k + x].wrapping_mul(b[x * n + j]))
            .fold(0, i32::wrapping_add)
    };
    (0..m * n).map(|at| element(at / n, at % n) as u32).collect()
}

/// Elements of -100 to 99, two to a word.
fn matrix(seed: u64, elements: usize) -> Vec<u8> {
    let values = random(seed).map(|r| (r % 200) as i16 - 100);
    values.take(elements).flat_map(i16::to_le_bytes).collect()
}

fn matrix_by_vector() -> Result<(), Failed> {
    const SIZE: usize = 288;
    let program = Program::new(|core: Core| {
        let mut a = Fifo::own(&[0x400, 0xc00], 1, 0);
        let mut b = Fifo::own(&[0x1500, 0x1540], 3, 2);
        let mut c = Fifo::own(&[0x1400, 0x1480], 4, 5);
        async move {
            loop {
                let to = c.take(&core).await;
                let mut sums = [0i32; TILE];
                for _ in 0..SIZE / TILE {
                    let (at_a, at_b) = (a.take(&core).await, b.take(&core).await);
                    let left = to_i16(&core.bytes(at_a, 2 * TILE * TILE).await);
                    let right = to_i16(&core.bytes(at_b, 2 * TILE).await);
                    for (row, sum) in sums.iter_mut().enumerate() {
                        // Words lie in columns: two elements of a row, then the same two of the next row.
                        let element = |x: usize| left[2 * (x / 2 * TILE + row) + x % 2];
                        *sum = (0..TILE).fold(*sum, |s, x| s.wrapping_add(element(x) * right[x]));
                    }
                    a.give(&core).await;
                    b.give(&core).await;
                }
                core.set_words(to, &sums.map(|s| s as u32)).await;
                c.give(&core).await;
            }
        }
    });
    let mut array = overlay(Shape::npu1(), MATRIX_BY_VECTOR.1[0], &[(CORE, program)])?;
    let (a, b) = (matrix(1, SIZE * SIZE), matrix(2, SIZE));
    let expected = product(&to_i16(&a), &to_i16(&b), SIZE, SIZE, 1);
    let mut buffers = Buffers::default();
    buffers.add(a);
    buffers.add(b);
    let out = buffers.add(vec![0; 4 * SIZE]);
    run(&mut array, &code(MATRIX_BY_VECTOR.1[1])?, &mut buffers)?;
    same(&to_words(buffers.bytes(out, 4 * SIZE)?), &expected)
}

/// The tiles that a core multiplies: rows of A, columns of A, columns of B; and how many it adds up.
#[derive(Clone, Copy)]
struct Tiles {
    m: usize,
    k: usize,
    n: usize,
    count: usize,
}

/// Where element (row, column) of a tile is that was cut into blocks, in a tile of so many columns.
fn blocked(row: usize, column: usize, columns: usize) -> usize {
    let block = row / BLOCK * (columns / BLOCK) + column / BLOCK;
    block * BLOCK * BLOCK + row % BLOCK * BLOCK + column % BLOCK
}

/// Adds up products of tiles, without end.
fn multiplier(tiles: Tiles, a: Fifo, b: Fifo, c: Fifo) -> Program {
    Program::new(move |core: Core| {
        let (mut a, mut b, mut c) = (a.clone(), b.clone(), c.clone());
        let Tiles { m, k, n, count } = tiles;
        async move {
            loop {
                let to = c.take(&core).await;
                let mut sums = vec![0i32; m * n];
                for _ in 0..count {
                    let (at_a, at_b) = (a.take(&core).await, b.take(&core).await);
                    let left = to_i16(&core.bytes(at_a, 2 * m * k).await);
                    let right = to_i16(&core.bytes(at_b, 2 * k * n).await);
                    for at in 0..m * n {
                        let (row, column) = (at / n, at % n);
                        let products =
                            (0..k).map(|x| left[blocked(row, x, k)] * right[blocked(x, column, n)]);
                        let sum = &mut sums[blocked(row, column, n)];
                        *sum = products.fold(*sum, i32::wrapping_add);
                    }
                    a.give(&core).await;
                    b.give(&core).await;
                }
                let sums: Vec<u32> = sums.into_iter().map(|s| s as u32).collect();
                core.set_words(to, &sums).await;
                c.give(&core).await;
            }
        }
    })
}

/// Multiplies two matrices of `size` by `size` on an overlay.
fn multiply(case: &Case, cores: &[(TileId, Program)], size: usize) -> Result<(), Failed> {
    let mut array = overlay(Shape::npu1(), case.1[0], cores)?;
    let (a, b) = (matrix(3, size * size), matrix(4, size * size));
    let expected = product(&to_i16(&a), &to_i16(&b), size, size, size);
    let mut buffers = Buffers::default();
    buffers.add(a);
    buffers.add(b);
    let out = buffers.add(vec![0; 4 * size * size]);
    run(&mut array, &code(case.1[1])?, &mut buffers)?;
    same(&to_words(buffers.bytes(out, 4 * size * size)?), &expected)
}

fn matrix_by_matrix() -> Result<(), Failed> {
    let tiles = Tiles {
        m: TILE,
        k: TILE,
        n: TILE,
        count: 256 / TILE,
    };
    let program = multiplier(
        tiles,
        Fifo::own(&[0x3d00, 0x4500], 1, 0),
        Fifo::own(&[0x2d00, 0x3500], 3, 2),
        Fifo::own(&[0xd00, 0x1d00], 4, 5),
    );
    multiply(&MATRIX_BY_MATRIX, &[(CORE, program)], 256)
}

fn matrix_by_matrix_on_all_cores() -> Result<(), Failed> {
    let tiles = Tiles {
        m: 64,
        k: 64,
        n: 32,
        count: 512 / 64,
    };
    let program = multiplier(
        tiles,
        Fifo::own(&[0x4d00, 0x6d00], 1, 0),
        Fifo::own(&[0x8d00, 0x9d00], 3, 2),
        Fifo::own(&[0xd00, 0x2d00], 4, 5),
    );
    let cores: Vec<_> = (0..4)
        .flat_map(|column| (2..6).map(move |row| TileId::new(column, row)))
        .map(|tile| (tile, program.clone()))
        .collect();
    multiply(&MATRIX_BY_MATRIX_ON_ALL_CORES, &cores, 512)
}
