//! Warm invokes: one client, one environment, one invoke after the other.

use std::iter;

use anyhow::{Context, Result};

use super::{Contenders, milliseconds, progress, warm_callers};
use crate::{
    budget::{self, Budget},
    fixture::event,
    options::{Effort, Rounds},
    published,
    report::Row,
    statistics::Samples,
};

/// Median and 99th percentile, small and large events.
pub(super) fn rows(contenders: &Contenders, effort: Effort) -> Result<Vec<Row>> {
    let title = contenders.fixture.title;
    let small = Promise {
        emulator: budget::WARM_SMALL,
        peers: Some(budget::WARM_SMALL_BESIDE_PEERS),
        published: Some((published::LOCALSTACK_WARM, budget::WARM_SMALL_BESIDE_LOCALSTACK)),
    };
    let small =
        measure(contenders, "100 B", 100, effort.small, small).with_context(|| format!("{title}, 100 B"))?;
    let large = Promise { emulator: budget::WARM_LARGE, peers: None, published: None };
    let large = measure(contenders, "1 MB", 1_000_000, effort.large, large)
        .with_context(|| format!("{title}, 1 MB"))?;
    Ok([small, large].concat())
}

/// What is promised of a median.
#[derive(Clone, Copy)]
struct Promise {
    /// Beside the emulator.
    emulator: Budget,
    /// Beside every other endpoint of the run.
    peers: Option<Budget>,
    /// Beside LocalStack's figure.
    published: Option<(f64, Budget)>,
}

fn measure(
    contenders: &Contenders,
    size: &str,
    bytes: usize,
    Rounds { rounds, each }: Rounds,
    promise: Promise,
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
    let titled = format!("{name}, p50");
    let budgets = iter::once(Some(promise.emulator)).chain(iter::repeat(promise.peers));
    let mut median = compare(&titled, &measured, Samples::median, budgets);
    if let Some((figure, budget)) = promise.published {
        let ours = measured.first().and_then(|(_, ours)| ours.median());
        median.push(Row::new(titled, "ms", ours).beside(published::LOCALSTACK, Some(figure)).within(budget));
    }
    let tail = |samples: &Samples| samples.percentile(0.99);
    let tail = compare(&format!("{name}, p99"), &measured, tail, iter::repeat(None));
    Ok([median, tail].concat())
}

/// A row for each peer, of which the first is the emulator, with its budget.
fn compare(
    name: &str,
    measured: &[(&str, Samples)],
    figure: impl Fn(&Samples) -> Option<f64>,
    budgets: impl Iterator<Item = Option<Budget>>,
) -> Vec<Row> {
    let Some(((_, ours), peers)) = measured.split_first() else { return Vec::new() };
    let row = |((peer, samples), budget): (&(&str, Samples), Option<Budget>)| {
        let row = Row::new(name, "ms", figure(ours)).beside(peer, figure(samples));
        match budget {
            Some(budget) => row.within(budget),
            None => row,
        }
    };
    peers.iter().zip(budgets).map(row).collect()
}
