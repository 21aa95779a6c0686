//! Warm invokes: one client, one environment, one invoke after the other.

use anyhow::{Context, Result};

use super::{Contenders, milliseconds, progress, warm_callers};
use crate::{
    budget::{self, Budget},
    fixture::event,
    options::{Effort, Rounds},
    report::Row,
    statistics::Samples,
};

/// Median and 99th percentile, small and large events.
pub(super) fn rows(contenders: &Contenders, effort: Effort) -> Result<Vec<Row>> {
    let title = contenders.fixture.title;
    let small = measure(contenders, "100 B", 100, effort.small, budget::WARM_SMALL)
        .with_context(|| format!("{title}, 100 B"))?;
    let large = measure(contenders, "1 MB", 1_000_000, effort.large, budget::WARM_LARGE)
        .with_context(|| format!("{title}, 1 MB"))?;
    Ok([small, large].concat())
}

fn measure(
    contenders: &Contenders,
    size: &str,
    bytes: usize,
    Rounds { rounds, each }: Rounds,
    budget: Budget,
) -> Result<Vec<Row>> {
    let name = format!("Warm invoke, {}, {size}", contenders.fixture.title);
    progress(&name);
    let mut callers = warm_callers(contenders.invocations(&event(bytes)), each)?;
    let mut samples = vec![Samples::default(); callers.len()];
    for _ in 0..rounds {
        for ((name, caller), samples) in callers.iter_mut().zip(&mut samples) {
            for _ in 0..each {
                let answer = caller.call().with_context(|| (*name).to_owned())?;
                samples.push(milliseconds(answer.took));
            }
        }
    }
    let measured: Vec<(&str, Samples)> = callers.iter().map(|&(name, _)| name).zip(samples).collect();
    let median = compare(&format!("{name}, p50"), &measured, Samples::median, Some(budget));
    let tail = compare(&format!("{name}, p99"), &measured, |samples| samples.percentile(0.99), None);
    Ok([median, tail].concat())
}

/// A row for each peer; the budget is about the first, the emulator.
fn compare(
    name: &str,
    measured: &[(&str, Samples)],
    figure: impl Fn(&Samples) -> Option<f64>,
    budget: Option<Budget>,
) -> Vec<Row> {
    let Some(((_, ours), peers)) = measured.split_first() else { return Vec::new() };
    let mut budgets = budget.into_iter();
    let row = |(peer, samples): &(&str, Samples)| {
        let row = Row::new(name, "ms", figure(ours)).beside(peer, figure(samples));
        match budgets.next() {
            Some(budget) => row.within(budget),
            None => row,
        }
    };
    peers.iter().map(row).collect()
}
