//! What is measured, in the order of the table.

mod agent;
mod burst;
mod cold;
mod endurance;
mod events;
mod footprint;
mod resources;
mod throughput;
mod warm;

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::{Context, Result, anyhow};

use crate::{
    emulator::{self, Emulator, Setup},
    engine::Engine,
    fixture::{self, Fixture, MEMORY_MIB},
    invocation::{Caller, Invocation},
    lambda_api::{Function, LambdaApi},
    lambdock::{Lambdock, Launcher},
    options::{Effort, Options},
    report::Row,
};

/// The rows of one run.
pub(crate) fn rows(options: &Options, engine: &Engine, run: &str) -> Result<Vec<Row>> {
    let containers = containers(run);
    let images = options.image("<runtime>");
    let launcher = Launcher { binary: &options.lambdock, images, containers, engine };
    if options.resources {
        return resources::rows(&launcher, options.effort());
    }
    let stage = Stage::new(options, engine, run)?;
    if options.endurance {
        return on(&launcher, &[], |lambdock| endurance::rows(&stage, lambdock));
    }
    let mut rows = footprint::binaries(options)?;
    rows.extend(footprint::control_plane_start(&launcher, stage.effort)?);
    rows.extend(on(&launcher, &[], |lambdock| warm_rows(&stage, lambdock))?);
    rows.extend(agent::rows(options, engine)?);
    rows.extend(on(&launcher, &cold::SETTINGS, |lambdock| cold::rows(&stage, lambdock))?);
    rows.extend(on(&launcher, &cold::SETTINGS, |lambdock| cold::shared_rows(&stage, lambdock))?);
    rows.extend(on(&launcher, &cold::STANDBY_SETTINGS, |lambdock| cold::standby_rows(&stage, lambdock))?);
    rows.extend(on(&launcher, &burst::SETTINGS, |lambdock| burst::rows(&stage, lambdock))?);
    rows.extend(on(&launcher, &events::SETTINGS, |lambdock| events::rows(&stage, lambdock))?);
    Ok(rows)
}

/// First part of the names of the function containers of a run.
pub(crate) fn containers(run: &str) -> String {
    format!("lambdock-bench-{run}")
}

/// Measures a Lambdock of its own; where that fails, the end of Lambdock's log is part of the story.
fn on(
    launcher: &Launcher<'_>,
    settings: &[(&str, &str)],
    measure: impl FnOnce(&mut Lambdock<'_>) -> Result<Vec<Row>>,
) -> Result<Vec<Row>> {
    let mut lambdock = launcher.start(settings)?;
    measure(&mut lambdock)
        .with_context(|| format!("measurement failed; Lambdock's last words:\n{}", lambdock.last_words()))
}

/// Everything that can be measured while environments stay warm.
fn warm_rows(stage: &Stage<'_>, lambdock: &Lambdock<'_>) -> Result<Vec<Row>> {
    progress("warm up");
    let control_plane = footprint::ControlPlane::idle(lambdock, stage.effort);
    let contenders = fixture::ALL.into_iter().map(|fixture| Contenders::new(stage, lambdock, fixture));
    let contenders = contenders.collect::<Result<Vec<_>>>()?;
    let rust = contenders.first().context("there is a function")?;

    let init = footprint::Init::idle(stage, lambdock, rust)?;
    let mut warm = Vec::new();
    for contenders in &contenders {
        warm.extend(warm::rows(contenders, stage.effort)?);
    }
    let init = init.after_payloads();
    let throughput = throughput::rows(rust, stage.effort)?;
    let control_plane = control_plane.after_the_run(lambdock);
    Ok([warm, throughput, control_plane, init].concat())
}

/// What every measurement needs.
struct Stage<'a> {
    effort: Effort,
    engine: &'a Engine,
    peers: &'a [LambdaApi],
    run: &'a str,
    archives: BTreeMap<&'static str, Vec<u8>>,
    setups: BTreeMap<&'static str, Setup>,
}

impl<'a> Stage<'a> {
    /// Sees that functions, images and emulator are there before anything takes time.
    fn new(options: &'a Options, engine: &'a Engine, run: &'a str) -> Result<Self> {
        let mut archives = BTreeMap::new();
        let mut setups = BTreeMap::new();
        for fixture in fixture::ALL {
            let archive = fixture.read(&options.functions)?;
            let image = options.image(fixture.runtime);
            let setup = Setup::new(engine, image, &options.emulator, fixture, &archive)?;
            archives.insert(fixture.title, archive);
            setups.insert(fixture.title, setup);
        }
        Ok(Self { effort: options.effort(), engine, peers: &options.peers, run, archives, setups })
    }

    fn archive(&self, fixture: Fixture) -> Result<&Vec<u8>> {
        self.archives.get(fixture.title).context("every function has an archive")
    }

    fn setup(&self, fixture: Fixture) -> Result<&Setup> {
        self.setups.get(fixture.title).context("every function is set up for the emulator")
    }

    fn create(&self, api: &LambdaApi, fixture: Fixture) -> Result<Function> {
        self.create_named(api, fixture, "", MEMORY_MIB)
    }

    /// The same with other memory.
    fn create_sized(&self, api: &LambdaApi, fixture: Fixture, memory_mib: u32) -> Result<Function> {
        self.create_named(api, fixture, &format!("-{memory_mib}"), memory_mib)
    }

    /// The same once more, by another name.
    fn create_another(&self, api: &LambdaApi, fixture: Fixture, number: usize) -> Result<Function> {
        self.create_named(api, fixture, &format!("-{number}"), MEMORY_MIB)
    }

    fn create_named(
        &self,
        api: &LambdaApi,
        fixture: Fixture,
        suffix: &str,
        memory_mib: u32,
    ) -> Result<Function> {
        let archive = self.archive(fixture)?;
        let name = format!("bench-{}-{}{suffix}", self.run, fixture.runtime.replace('.', "-"));
        api.create(&name, &fixture, archive, memory_mib)
    }
}

/// One function, at Lambdock and everywhere else.
struct Contenders {
    fixture: Fixture,
    ours: Function,
    emulator: Emulator,
    peers: Vec<(String, Function)>,
}

impl Contenders {
    fn new(stage: &Stage<'_>, lambdock: &Lambdock<'_>, fixture: Fixture) -> Result<Self> {
        let ours = stage.create(lambdock.api(), fixture)?;
        let emulator = stage.setup(fixture)?.start()?;
        let peers = stage.peers.iter().map(|peer| Ok((peer.name.clone(), stage.create(peer, fixture)?)));
        Ok(Self { fixture, ours, emulator, peers: peers.collect::<Result<_>>()? })
    }

    /// Everybody's name and invocation: Lambdock first, the emulator second, the peers after them.
    fn invocations(&self, event: &[u8]) -> Vec<(&str, Invocation)> {
        let mut all = self.concurrent_invocations(event);
        all.insert(1, (emulator::NAME, self.emulator.invocation(event.to_vec())));
        all
    }

    /// The same without the emulator, which takes one invoke at a time and ends when it gets two.
    fn concurrent_invocations(&self, event: &[u8]) -> Vec<(&str, Invocation)> {
        let peers = self.peers.iter().map(|(name, function)| (name.as_str(), function));
        let functions = [("Lambdock", &self.ours)].into_iter().chain(peers);
        functions.map(|(name, function)| (name, function.invocation(event.to_vec()))).collect()
    }
}

/// A client for each invocation, each of them warm.
fn warm_callers(invocations: Vec<(&str, Invocation)>, times: usize) -> Result<Vec<(&str, Caller)>> {
    let warm = |(name, invocation)| {
        let mut caller = Caller::new(invocation);
        caller.warm_up(times).with_context(|| format!("{name}, warm up"))?;
        Ok((name, caller))
    };
    invocations.into_iter().map(warm).collect()
}

/// Lets everybody work in a thread of its own, and gathers what they bring.
fn together<W: Send, T: Send>(
    workers: &mut [W],
    work: impl Fn(&mut W) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = workers.iter_mut().map(|worker| scope.spawn(move || work(worker))).collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?);
        joined.collect()
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Tells whoever waits what is going on.
#[expect(
    clippy::print_stderr,
    reason = "progress of a command-line tool; its product goes to standard output"
)]
fn progress(what: &str) {
    eprintln!("  {what}");
}
