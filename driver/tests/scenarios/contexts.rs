//! Hardware contexts: limits, collisions, configuration.

use std::sync::Arc;

use xdna_driver::{Command, Cu, Error, HwContext, Outcome, Qos};

use super::{Scenario, scenario};
use crate::support::{context, dev_bo, device, images, nothing, outcome};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("trap/the_context_limit_is_named_on_npu1", "--device npu1", limit),
        scenario("trap/the_context_limit_is_named_on_npu4", "", limit),
        scenario(
            "trap/columns_of_another_width_collide_on_npu1",
            "--device npu1",
            columns,
        ),
        scenario(
            "contexts/columns_do_not_collide_where_contexts_share_time",
            "",
            no_columns,
        ),
        scenario("contexts/qos_out_of_reach_is_named", "--device npu1", qos),
        scenario("contexts/wrong_shapes_are_refused", "", shapes),
        scenario(
            "trap/a_refused_configuration_fails_the_first_command_from_6_19",
            "--kernel 6.19 --fault config:1:error",
            config_late,
        ),
        scenario(
            "trap/a_refused_configuration_is_an_errno_to_6_18",
            "--kernel 6.18 --device npu1 --fault config:1:error",
            config_early,
        ),
        scenario(
            "trap/a_command_without_buffers_is_refused_on_6_14",
            "--kernel 6.14",
            no_buffers,
        ),
        scenario(
            "trap/nothing_runs_before_configuration_to_6_18",
            "--kernel 6.18",
            unconfigured,
        ),
        scenario("trap/pdi_buffers_belong_to_the_context", "", pdi),
        scenario(
            "contexts/a_destroyed_context_frees_its_place",
            "--device npu1",
            frees,
        ),
        scenario(
            "contexts/a_firmware_that_refuses_is_named",
            "--fault create_hwctx:1:EINVAL,create_hwctx:2:EINVAL",
            refused,
        ),
        scenario(
            "contexts/a_place_that_became_free_while_the_driver_was_asked_is_taken",
            "--fault create_hwctx:1:EINVAL",
            taken,
        ),
    ]
}

fn limit() {
    let device = device();
    let limit = device.chip().contexts;
    let contexts: Vec<HwContext> = (0..limit).map(|_| device.context(4).build().unwrap()).collect();
    let e = device.context(4).build().unwrap_err();
    assert!(
        matches!(e, Error::ContextLimit { limit: l, live } if l == limit && live == limit),
        "{e}"
    );
    assert_eq!(device.contexts().unwrap().len(), contexts.len());
    drop(contexts);
    assert_eq!(device.contexts().unwrap(), []);
    device.context(4).build().unwrap();
}

fn columns() {
    let device = device();
    let first = device.context(4).build().unwrap();
    let second = device.context(4).build().unwrap();
    let e = device.context(2).build().unwrap_err();
    let Error::ColumnsOccupied { columns: 2, occupied } = e else {
        panic!("{e}")
    };
    assert_eq!(occupied, [(1, 4), (1, 4)]);
    drop((first, second));
    device.context(2).build().unwrap();
}

fn no_columns() {
    let device = device();
    let contexts: Vec<_> = (1..=8)
        .map(|columns| device.context(columns).build().unwrap())
        .collect();
    assert!(contexts.iter().all(|c| c.device().contexts().unwrap().len() == 8));
    assert!(
        device
            .contexts()
            .unwrap()
            .iter()
            .all(|c| (c.start_column, c.columns) == (0, 8))
    );
}

fn qos() {
    let device = device();
    let greedy = Qos {
        gops: 1_000_000,
        fps: 1000,
        ..Qos::default()
    };
    let e = device.context(4).qos(greedy).build().unwrap_err();
    assert!(matches!(e, Error::QosUnreachable { columns: 4 }), "{e}");
    device
        .context(4)
        .qos(Qos {
            gops: 1,
            fps: 10,
            ..Qos::default()
        })
        .build()
        .unwrap();
}

fn shapes() {
    let device = device();
    for columns in [0, 9, u16::MAX] {
        assert!(matches!(
            device.context(columns).build(),
            Err(Error::TooLarge { .. })
        ));
    }
    let context = device.context(4).build().unwrap();
    assert!(matches!(context.configure(&[]), Err(Error::TooLarge { .. })));
    let share = device.create_bo(4096).unwrap();
    assert!(matches!(
        context.configure(&[Cu {
            pdi: &share,
            function: 0
        }]),
        Err(Error::WrongKind { .. })
    ));
    let pdi = dev_bo(&device, &images::empty_pdi());
    let cu = Cu {
        pdi: &pdi,
        function: 0,
    };
    assert!(matches!(
        context.configure(&[cu; 33]),
        Err(Error::TooLarge {
            len: 33,
            limit: 32,
            ..
        })
    ));
    context.configure(&[cu; 32]).unwrap();
    assert_eq!(context.cus(), 32);
    assert!(context.cu(31).is_some() && context.cu(32).is_none());
    assert!(matches!(
        context.configure(&[cu]),
        Err(Error::AlreadyConfigured(_))
    ));
}

fn config_late() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Failed { failed_at: None });
}

fn config_early() {
    let device = device();
    let context = device.context(4).build().unwrap();
    let pdi = dev_bo(&device, &images::empty_pdi());
    let cus = [Cu {
        pdi: &pdi,
        function: 0,
    }];
    assert_eq!(context.configure(&cus).unwrap_err().errno(), Some(libc::EINVAL));
    pdi.write(0, &[1]).unwrap();
    assert_eq!(context.cus(), 0);
}

fn unconfigured() {
    let device = device();
    let context = device.context(4).build().unwrap();
    let cu = xdna_driver::CuIndex::new(0).unwrap();
    let command = Command::start_cu(&device, cu).u64(3).build().unwrap();
    assert!(matches!(
        context.submit(command).unwrap_err().reason,
        Error::NotConfigured(_)
    ));
}

fn no_buffers() {
    let device = device();
    let context = context(&device);
    let command = Command::start_cu(&device, context.cu(0).unwrap())
        .u64(3)
        .build()
        .unwrap();
    assert!(matches!(
        context.submit(command).unwrap_err().reason,
        Error::Unsupported { .. }
    ));
}

fn pdi() {
    let device = device();
    let context = device.context(4).build().unwrap();
    let pdi = dev_bo(&device, &images::empty_pdi());
    context
        .configure(&[Cu {
            pdi: &pdi,
            function: 0,
        }])
        .unwrap();
    assert!(matches!(pdi.write(0, &[1]), Err(Error::InFlight(_))));
    let watch = Arc::downgrade(&pdi);
    drop(pdi);
    assert!(watch.upgrade().is_some());
    assert_eq!(outcome(&context), Outcome::Completed);
    drop(context);
    assert!(watch.upgrade().is_none());
}

fn frees() {
    let device = device();
    for _ in 0..20 {
        let context = context(&device);
        assert_eq!(outcome(&context), Outcome::Completed);
        // Its last submission keeps it alive.
        let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
        drop(context);
        assert_eq!(device.contexts().unwrap().len(), 1);
        drop(submission);
        assert_eq!(device.contexts().unwrap().len(), 0);
    }
}

/// As when the last holder's context goes between the refusal and the listing.
fn taken() {
    let device = device();
    device.context(4).build().unwrap();
}

fn refused() {
    let device = device();
    let e = device.context(4).build().unwrap_err();
    assert!(
        matches!(
            e,
            Error::ContextRefused {
                columns: 4,
                live: 0,
                limit: 16
            }
        ),
        "{e}"
    );
    assert!(
        e.to_string()
            .contains("0 of 16 contexts are listed, others may be hidden"),
        "{e}"
    );
    device.context(4).build().unwrap();
}
