//! `--plan`: which operator runs where.

use libtest_mimic::Failed;
use serde_json::Value;

use crate::{
    end,
    sound::{TEXT, sample},
};

pub const TESTS: &[crate::Test] = &[("the_plan_is_told_before_it_runs", plan)];

fn plan() -> Result<(), Failed> {
    let (code, stdout, stderr) = end(["--plan".as_ref(), sample().as_os_str()])?;
    assert_eq!((code, stdout), (Some(0), format!("{TEXT}\n")));
    // The first convolution of tiny, its widest product, a window's attention in its four layers, and the logits.
    let rows = [
        "window linear 3000x240 by 240x384 1 2.765e8 cpu",
        "window linear 1500x384 by 384x1536 4 3.539e9 cpu",
        "window attention 1500x384, 6 heads 4 6.912e9 cpu",
        "token cross_attention 1x384 over 1500x384, 6 heads 4 4.608e6 cpu",
        "token linear 1x384 by 384x51864 1 1.992e7 cpu",
    ];
    let lines: Vec<String> = stderr
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in rows {
        let found = lines.iter().find(|l| l.starts_with(row));
        assert!(
            found.is_some_and(|l| l.ends_with("no kernel for an NPU in this version")),
            "{row}: {stderr}"
        );
    }
    let (_, stdout, stderr) = end([
        "--plan".as_ref(),
        "--json".as_ref(),
        "--device=cpu".as_ref(),
        sample().as_os_str(),
    ])?;
    assert_eq!(stderr, "");
    let object: Value = serde_json::from_str(&stdout)?;
    let plan = object["plan"].as_array().ok_or("no plan")?;
    // Whisper's paper, table 1, and its sources: 4 layers with 4 projections of 384, two of 1536, twice.
    let products = |phase: &str| -> u64 {
        let of = |row: &&Value| row["phase"] == phase && row["operator"] == "linear";
        plan.iter()
            .filter(of)
            .filter_map(|r| r["multiply_adds"].as_u64())
            .sum()
    };
    let layers = 4 * 12 * 384 * 384 * 1500;
    let convolutions = (3000 * 240 + 1500 * 3 * 384) * 384;
    let cross = 4 * 2 * 384 * 384 * 1500;
    assert_eq!(products("window"), layers + convolutions + cross);
    assert_eq!(products("token"), 4 * 14 * 384 * 384 + 384 * 51864);
    assert!(plan.iter().all(|r| r["because"] == "asked for"), "{stdout}");
    Ok(())
}
