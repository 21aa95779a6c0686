//! Many cold invokes at once, and the end of everything that they leave.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{Stage, milliseconds, progress, together};
use crate::{
    budget,
    engine::{Container, Engine},
    fixture::{RUST, event},
    invocation::Caller,
    lambda_api::Function,
    lambdock::Lambdock,
    report::Row,
    statistics::Samples,
};

/// Functions that are invoked at once: each needs an environment of its own.
const FUNCTIONS: usize = 20;

/// Nothing is prepared ahead.
pub(super) const SETTINGS: [(&str, &str); 2] =
    [("LAMBDOCK_STANDBY_CONTAINERS", "0"), ("LAMBDOCK_STANDBY_NETWORKS", "0")];

/// Until all have answered, beside what the engine takes to create and start as many containers of the same image; and
/// how long a shutdown takes with all of them warm.
pub(super) fn rows(stage: &Stage<'_>, lambdock: &mut Lambdock<'_>) -> Result<Vec<Row>> {
    progress(&format!("{FUNCTIONS} cold invokes at once"));
    let image = stage.setup(RUST)?.image();
    stage.engine.require_image(image)?;
    let named = (0..FUNCTIONS).map(|at| stage.create_another(lambdock.api(), RUST, at));
    let functions: Vec<Function> = named.collect::<Result<_>>()?;
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    // The first round finds cold caches and is thrown away.
    for round in 0..=stage.effort.bursts {
        functions.iter().try_for_each(|function| function.renew(round))?;
        lambdock.wait_until_idle(0)?;
        let invoked = invoke(&functions)?;
        let started = start_bare(stage.engine, image)?;
        if round > 0 {
            ours.push(invoked);
            bare.push(started);
        }
    }
    let warm = stage.engine.named(&super::containers(stage.run))?.len();
    ensure!(warm == FUNCTIONS, "before the shutdown there are {warm} warm containers instead of {FUNCTIONS}");
    let begun = Instant::now();
    lambdock.stop()?;
    let left = stage.engine.named(&super::containers(stage.run))?.len();
    ensure!(left == 0, "the shutdown has left {left} containers");
    let stopped = Some(milliseconds(begun.elapsed()));
    Ok(vec![
        Row::new(format!("{FUNCTIONS} cold invokes at once"), "ms", ours.median())
            .beside("bare containers", bare.median())
            .within(budget::BURST),
        Row::new(format!("Shutdown with {FUNCTIONS} warm containers"), "ms", stopped)
            .within(budget::SHUTDOWN),
    ])
}

/// Milliseconds until all functions have answered.
fn invoke(functions: &[Function]) -> Result<f64> {
    let invocations = functions.iter().map(|function| function.invocation(event(100)));
    let mut callers: Vec<Caller> = invocations.map(Caller::new).collect();
    let begun = Instant::now();
    together(&mut callers, |caller| caller.call().map(drop)).context("Lambdock")?;
    Ok(milliseconds(begun.elapsed()))
}

/// Milliseconds until the engine has created and started as many containers that do nothing.
fn start_bare(engine: &Engine, image: &str) -> Result<f64> {
    let mut containers: Vec<Option<Container>> = (0..FUNCTIONS).map(|_| None).collect();
    let begun = Instant::now();
    together(&mut containers, |container| {
        let specification = json!({"Image": image, "Entrypoint": ["sleep", "60"], "Cmd": []});
        let created = container.insert(Container::create(engine, specification)?);
        engine.start(created.id())
    })
    .context("bare containers")?;
    let took = milliseconds(begun.elapsed());
    together(&mut containers, |container| {
        drop(container.take());
        Ok(())
    })?;
    Ok(took)
}
