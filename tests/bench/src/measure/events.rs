//! Asynchronous invocations: how fast they are accepted, which means that they are on disk.

use anyhow::{Context, Result};

use super::{
    Stage, progress,
    throughput::{MANY, per_second},
    together,
};
use crate::{
    budget,
    fixture::{RUST, event},
    invocation::Caller,
    lambdock::Lambdock,
    report::Row,
    statistics::Samples,
};

/// What is accepted survives the process.
pub(super) const SETTINGS: [(&str, &str); 1] = [("PERSISTENCE", "1")];

/// The function runs meanwhile, for those accepted before.
pub(super) fn rows(stage: &Stage<'_>, lambdock: &Lambdock<'_>) -> Result<Vec<Row>> {
    let name = format!("Events accepted per second, on disk, {MANY} clients");
    progress(&name);
    let function = stage.create(lambdock.api(), RUST)?;
    let invocation = function.event_invocation(&event(100));
    let mut callers: Vec<Caller> = (0..MANY).map(|_| Caller::new(invocation.clone())).collect();
    together(&mut callers, |caller| caller.warm_up(50)).context("warm up")?;
    let mut samples = Samples::default();
    for _ in 0..stage.effort.throughput_rounds {
        samples.push(per_second(&mut callers, stage.effort.throughput_window)?);
    }
    Ok(vec![Row::new(name, "/s", samples.median()).within(budget::EVENTS)])
}
