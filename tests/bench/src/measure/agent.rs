//! The init alone, beside the emulator in a container of the same image: no control plane stands in front of either.

use std::{path::Path, thread};

use anyhow::{Context, Result, ensure};

use super::{milliseconds, progress};
use crate::{
    budget,
    emulator::{self, Emulator},
    engine::Engine,
    fixture::event,
    init::{self, Init},
    invocation::Caller,
    localstack::DropIn,
    memory::{Resident, resident},
    options::{Effort, Options, Rounds},
    report::Row,
    statistics::Samples,
    stopwatch::{STOPWATCH, Times, log_event, times_event},
};

/// As AWS's limit says it, in bytes.
const LARGEST: usize = 6_000_000;
/// Bytes of log lines that one invocation writes.
const LOG: u32 = 20_000_000;

/// The rows, start first.
pub(super) fn rows(options: &Options, engine: &Engine) -> Result<Vec<Row>> {
    let effort = options.effort();
    let archive = STOPWATCH.read(&options.functions)?;
    let image = || options.image(STOPWATCH.runtime);
    let theirs = emulator::Setup::new(engine, image(), &options.emulator, STOPWATCH, &archive)?;
    let emulator = theirs.start()?;
    let binary = own_init(options);
    let ours = init::Setup::new(engine, image(), binary, &archive, emulator.ip())?;

    progress("Init, start");
    let start = start(&ours, &theirs, effort).context("start of the init")?;
    let mut pair = Pair { ours: ours.start()?, emulator };
    let share = share(&mut pair, effort.small).context("small events through the init")?;
    let payloads = payloads(&mut pair, effort.largest).context("large events through the init")?;
    drop(pair);
    let mut pair = Pair { ours: ours.start()?, emulator: theirs.start()? };
    let logs = logs(&mut pair, effort).context("a large log through the init")?;
    drop(pair);
    let drop_in = drop_in(&ours, effort).context("the init as LocalStack's")?;
    Ok([vec![start, share], payloads, vec![logs], drop_in].concat())
}

/// The same figures where it speaks LocalStack's protocol, in which nobody else can be measured in the same run.
fn drop_in(setup: &init::Setup, effort: Effort) -> Result<Vec<Row>> {
    progress("Init as LocalStack's");
    let row = |what: &str, unit, figure| Row::new(format!("Init as LocalStack's, {what}"), unit, figure);
    let mut init = DropIn::start(setup)?;
    let small = times_event(100);
    init.invoke(&small)?;
    thread::sleep(effort.idle);
    let idle = resident(init.pid()).map(|resident| resident.now);
    let mut share = Samples::default();
    for _ in 0..effort.small.rounds * effort.small.each {
        let answer = init.invoke(&small)?;
        share.push(milliseconds(answer.took.saturating_sub(Times::parse(&answer.body)?.own())));
    }
    let (large, mut round_trip) = (event(LARGEST), Samples::default());
    for _ in 0..effort.largest.rounds * effort.largest.each {
        let answer = init.invoke(&large)?;
        ensure!(answer.body == large, "the function did not answer with its event");
        round_trip.push(milliseconds(answer.took));
    }
    let peak = resident(init.pid()).map(|resident| resident.peak);
    let mut init = DropIn::start(setup)?;
    init.invoke(&log_event(LOG))?;
    thread::sleep(effort.idle);
    let after_logs = resident(init.pid()).map(|resident| resident.now);
    Ok(vec![
        row("resident, idle", "MiB", idle).within(budget::INIT_IDLE),
        row("share of a warm invoke, 100 B, p50", "ms", share.median()),
        row("6 MB payloads, p50", "ms", round_trip.median()),
        row("resident, peak after 6 MB payloads", "MiB", peak).within(budget::INIT_PEAK_LARGEST),
        row("resident, after 20 MB of logs", "MiB", after_logs).within(budget::INIT_AFTER_LOGS),
    ])
}

/// The init that runs on this machine.
fn own_init(options: &Options) -> &Path {
    if cfg!(target_arch = "aarch64") { &options.init_aarch64 } else { &options.init_x86_64 }
}

/// Both of them, each in a container of its own.
struct Pair {
    ours: Init,
    emulator: Emulator,
}

/// The same figure of both.
#[derive(Default)]
struct Figures {
    ours: Samples,
    emulator: Samples,
}

impl Figures {
    fn row(&self, name: &str) -> Row {
        Row::new(name, "ms", self.ours.median()).beside(emulator::NAME, self.emulator.median())
    }
}

fn start(ours: &init::Setup, theirs: &emulator::Setup, effort: Effort) -> Result<Row> {
    let mut figures = Figures::default();
    // The first round finds cold caches and is thrown away.
    for round in 0..=effort.init_starts {
        let answer = ours.start()?.invoke(&times_event(100))?;
        let started = Times::parse(&answer.body)?.started()?;
        let emulator_started = theirs.launch()?.started()?;
        if round > 0 {
            figures.ours.push(milliseconds(started));
            figures.emulator.push(milliseconds(emulator_started));
        }
    }
    Ok(figures.row("Init, exec to runtime started").within(budget::INIT_START))
}

/// What is left of a round trip without the time that the runtime itself had the event.
fn share(pair: &mut Pair, rounds: Rounds) -> Result<Row> {
    let name = "Init, share of a warm invoke, 100 B, p50";
    progress(name);
    let event = times_event(100);
    let Pair { ours, emulator } = pair;
    let mut caller = Caller::new(emulator.invocation(event.clone()));
    let ours = || {
        let answer = ours.invoke(&event)?;
        Ok(milliseconds(answer.took.saturating_sub(Times::parse(&answer.body)?.own())))
    };
    let theirs = || {
        let (took, times) = caller.ask(Times::parse)?;
        Ok(milliseconds(took.saturating_sub(times.own())))
    };
    Ok(in_turns(rounds, ours, theirs)?.row(name).within(budget::INIT_SHARE))
}

fn payloads(pair: &mut Pair, rounds: Rounds) -> Result<Vec<Row>> {
    let name = "Init, 6 MB payloads, p50";
    progress(name);
    let event = event(LARGEST);
    let Pair { ours, emulator } = pair;
    let mut caller = Caller::new(emulator.invocation(event.clone()));
    let ours = || {
        let answer = ours.invoke(&event)?;
        ensure!(answer.body == event, "the function did not answer with its event");
        Ok(milliseconds(answer.took))
    };
    let theirs = || Ok(milliseconds(caller.call()?.took));
    let round_trip = in_turns(rounds, ours, theirs)?.row(name);
    let peak = memory("Init, resident, peak after 6 MB payloads", pair, |resident| resident.peak);
    Ok(vec![round_trip, peak.within(budget::INIT_PEAK_LARGEST)])
}

fn logs(pair: &mut Pair, effort: Effort) -> Result<Row> {
    let name = "Init, resident, after 20 MB of logs";
    progress(name);
    let event = log_event(LOG);
    let logged = pair.ours.invoke(&event)?.logged;
    ensure!(u32::try_from(logged) == Ok(LOG), "{logged} bytes of the log arrived, not {LOG}");
    Caller::new(pair.emulator.invocation(event)).call().context(emulator::NAME)?;
    thread::sleep(effort.idle);
    Ok(memory(name, pair, |resident| resident.now).within(budget::INIT_AFTER_LOGS))
}

fn memory(name: &str, pair: &Pair, figure: impl Fn(Resident) -> f64) -> Row {
    let of = |pid| resident(pid).map(&figure);
    Row::new(name, "MiB", of(pair.ours.pid())).beside(emulator::NAME, of(pair.emulator.pid()))
}

/// Takes samples of both in turns. A turn that does not count comes first, to warm both up.
fn in_turns(
    Rounds { rounds, each }: Rounds,
    mut ours: impl FnMut() -> Result<f64>,
    mut theirs: impl FnMut() -> Result<f64>,
) -> Result<Figures> {
    let mut figures = Figures::default();
    for round in 0..=rounds {
        let turn = Figures {
            ours: (0..each).map(|_| ours()).collect::<Result<_>>().context("the init")?,
            emulator: (0..each).map(|_| theirs()).collect::<Result<_>>().context(emulator::NAME)?,
        };
        if round > 0 {
            figures.ours.extend(turn.ours);
            figures.emulator.extend(turn.emulator);
        }
    }
    Ok(figures)
}
