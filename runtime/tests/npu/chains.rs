//! Chains.

use xdna_driver::Outcome;
use xdna_runtime::{Arg, Chain, Error, Runtime};
use xdna_sim::Npu;

use crate::{Test, kernel, soon, test};

pub fn tests() -> Vec<Test> {
    let fault = |script: &str| Npu::strix().fault(script).expect("a script");
    vec![
        test("chains/close_where_the_driver_ends", Npu::strix(), lengths),
        test(
            "chains/name_the_operator_that_failed",
            fault("command:3:error@7"),
            names,
        ),
        test("chains/what_is_dropped_is_not_run", Npu::strix(), dropped),
    ]
}

/// Slots of 52 bytes and 9 argument words fill 4096 bytes 46 times.
const FULL: usize = 4096 / (52 + 4 * 9);

fn run(operators: usize) -> Result<usize, Error> {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(4096).unwrap());
    let mut chain = Chain::new(&runtime, kernel.overlay(), soon());
    for i in 0..operators {
        assert_eq!(chain.push(&kernel, &[Arg::In(&a), Arg::Out(&b)])?, i);
    }
    let closed = chain.finish()?;
    assert_eq!(kernel.stats().completed, operators as u64);
    assert_eq!(runtime.snapshot().contexts.created, 1);
    Ok(closed)
}

fn lengths() {
    for (operators, closed) in [(1, 1), (2, 1), (24, 1), (FULL, 1), (FULL + 1, 2), (5 * FULL, 5)] {
        assert_eq!(run(operators).unwrap(), closed, "{operators} operators");
    }
}

fn names() {
    let failed = run(4 * FULL).unwrap_err();
    let Error::Failed {
        operator, outcome, ..
    } = &failed
    else {
        panic!("{failed}")
    };
    // The third chain begins behind two full ones.
    assert_eq!(*operator, Some(2 * FULL + 7));
    assert_eq!(*outcome, Outcome::Failed { failed_at: Some(7) });
    assert!(
        failed.to_string().contains(&format!("operator {}", 2 * FULL + 7)),
        "{failed}"
    );
}

fn dropped() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(4096).unwrap());
    let mut chain = Chain::new(&runtime, kernel.overlay(), soon());
    chain.push(&kernel, &[Arg::In(&a), Arg::Out(&b)]).unwrap();
    drop(chain);
    assert_eq!(
        Chain::new(&runtime, kernel.overlay(), soon()).finish().unwrap(),
        0
    );
    assert_eq!(runtime.device().contexts().unwrap(), []);
    a.write(0, &[1]).unwrap();
}
