//! Cold invokes: each needs a new execution environment, from nothing to the whole answer.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};

use super::{Stage, milliseconds, progress};
use crate::{
    budget,
    cold_start::Phases,
    emulator,
    fixture::{self, Fixture, PYTHON, RUST, event},
    invocation::Caller,
    lambda_api::Function,
    lambdock::Lambdock,
    report::Row,
    statistics::Samples,
};

/// Keeps no environment, and no container stands by for one but for its network.
pub(super) const SETTINGS: [(&str, &str); 3] =
    [("LAMBDA_KEEPALIVE_MS", "0"), ("LAMBDOCK_STANDBY_CONTAINERS", "0"), ("LAMBDOCK_STANDBY_NETWORKS", "1")];

/// Keeps no environment; one container stands by.
pub(super) const STANDBY_SETTINGS: [(&str, &str); 3] =
    [("LAMBDA_KEEPALIVE_MS", "0"), ("LAMBDOCK_STANDBY_CONTAINERS", "1"), ("LAMBDOCK_STANDBY_NETWORKS", "0")];

/// Memory of a function for which nothing stands by that has its size.
const OTHER_MEMORY_MIB: u32 = 1769;

/// What a cold invoke takes for which a container stands by, and how much of it is not the runtime's own boot; and the
/// same for a function of another size than the one that stands by.
pub(super) fn standby_rows(stage: &Stage<'_>, lambdock: &Lambdock<'_>) -> Result<Vec<Row>> {
    let rows = fixture::ALL.into_iter().map(|fixture| {
        progress(&format!("Cold invoke from the pool, {}", fixture.title));
        let function = stage.create(lambdock.api(), fixture)?;
        let of_its_size = from_pool(stage, lambdock, &[&function])?;
        let title = format!("Cold invoke from the pool, {}", fixture.title);
        let mut rows = of_its_size.rows(&title);
        if fixture == RUST {
            // Before each, one of the usual size is invoked, so that the one that stands by has that.
            let other = stage.create_sized(lambdock.api(), fixture, OTHER_MEMORY_MIB)?;
            let resized = from_pool(stage, lambdock, &[&function, &other])?;
            rows.extend(resized.rows(&format!("{title}, of another MemorySize")));
        }
        Ok(rows)
    });
    Ok(rows.collect::<Result<Vec<_>>>()?.concat())
}

/// What cold invokes from the pool took.
#[derive(Default)]
struct FromPool {
    totals: Samples,
    without_boot: Samples,
}

impl FromPool {
    fn rows(&self, title: &str) -> Vec<Row> {
        vec![
            Row::new(format!("{title}, total"), "ms", self.totals.median()),
            Row::new(format!("{title}, without the runtime's boot"), "ms", self.without_boot.median())
                .within(budget::COLD_STANDBY),
        ]
    }
}

/// Invokes functions one after the other, each of them cold; the last one is measured.
fn from_pool(stage: &Stage<'_>, lambdock: &Lambdock<'_>, functions: &[&Function]) -> Result<FromPool> {
    let mut seen = FromPool::default();
    for round in 0..=stage.effort.cold {
        for (at, function) in (1..).zip(functions) {
            settle(lambdock)?;
            let answer = Caller::new(function.logged_invocation(event(100))).call().context("Lambdock")?;
            let total = milliseconds(answer.took);
            let boot = Phases::split(0.0, total, Default::default(), &answer.log).runtime_boot;
            if round > 0 && at == functions.len() {
                seen.totals.push(total);
                seen.without_boot.push(total - boot.context("a report without Init Duration")?);
            }
        }
    }
    Ok(seen)
}

/// Waits until the one container that stands by is ready.
fn settle(lambdock: &Lambdock<'_>) -> Result<()> {
    lambdock.wait_until_idle(1)?;
    // Its init still has to dial in, which nothing outside tells.
    thread::sleep(Duration::from_secs(1));
    Ok(())
}

/// Files of the archive that is large, and bytes of each.
const MANY: (usize, usize) = (2000, 25_000);

/// What the second container of a function with much code takes, beside the first one.
pub(super) fn shared_rows(stage: &Stage<'_>, lambdock: &Lambdock<'_>) -> Result<Vec<Row>> {
    let (mut firsts, mut seconds) = (Samples::default(), Samples::default());
    // It takes seconds each time, and differs by its tenfold.
    for round in 0..=stage.effort.bursts {
        progress(&format!("Cold invoke, 50 MB of code, {round}"));
        // Nobody has unpacked this one yet.
        let archive = PYTHON.enlarged(stage.archive(PYTHON)?, MANY, round)?;
        let function = lambdock.api().create(
            &format!("bench-{}-large-{round}", stage.run),
            &PYTHON,
            &archive,
            fixture::MEMORY_MIB,
        )?;
        for samples in [&mut firsts, &mut seconds] {
            settle(lambdock)?;
            let answer = Caller::new(function.invocation(event(100))).call().context("Lambdock")?;
            if round > 0 {
                samples.push(milliseconds(answer.took));
            }
        }
    }
    let row = Row::new("Cold invoke, 50 MB of code in 2,000 files, second container", "ms", seconds.median());
    Ok(vec![row.beside("first container", firsts.median()).within(budget::COLD_SHARED)])
}

/// Totals beside everybody's, split by phase for Lambdock and as far as the emulator's can be told.
pub(super) fn rows(stage: &Stage<'_>, lambdock: &Lambdock<'_>) -> Result<Vec<Row>> {
    let rows = fixture::ALL.into_iter().map(|fixture| {
        progress(&format!("Cold invoke without the pool, {}", fixture.title));
        of_one(stage, lambdock, fixture).with_context(|| format!("{}, cold invoke", fixture.title))
    });
    Ok(rows.collect::<Result<Vec<_>>>()?.concat())
}

fn of_one(stage: &Stage<'_>, lambdock: &Lambdock<'_>, fixture: Fixture) -> Result<Vec<Row>> {
    let setup = stage.setup(fixture)?;
    let ours = stage.create(lambdock.api(), fixture)?;
    let peers = stage.peers.iter().map(|peer| Ok((peer.name.as_str(), stage.create(peer, fixture)?)));
    let peers: Vec<(&str, Function)> = peers.collect::<Result<_>>()?;

    let mut seen = Seen::default();
    // The first round finds cold caches and is thrown away.
    for round in 0..=stage.effort.cold {
        let mut this = Seen::default();
        this.lambdock(stage, lambdock, &ours)?;
        let cold = setup.invoke_cold(&event(100))?;
        let [create, start, total] = [cold.create, cold.start, cold.total].map(milliseconds);
        this.add("emulator, create", create);
        this.add("emulator, start", start);
        this.add("emulator, started to answered", total - create - start);
        this.add("emulator, total", total);
        for (name, function) in &peers {
            function.renew(round)?;
            let answer =
                Caller::new(function.invocation(event(100))).call().with_context(|| (*name).to_owned())?;
            this.add(name, milliseconds(answer.took));
        }
        if round > 0 {
            seen.join(this);
        }
    }
    Ok(seen.rows(fixture, &peers))
}

/// Samples by what they are of.
#[derive(Default)]
struct Seen {
    samples: BTreeMap<String, Vec<f64>>,
}

impl Seen {
    fn add(&mut self, of: &str, milliseconds: f64) {
        self.samples.entry(of.to_owned()).or_default().push(milliseconds);
    }

    fn join(&mut self, other: Self) {
        for (of, samples) in other.samples {
            self.samples.entry(of).or_default().extend(samples);
        }
    }

    fn median(&self, of: &str) -> Option<f64> {
        self.samples.get(of)?.iter().copied().collect::<Samples>().median()
    }

    fn lambdock(&mut self, stage: &Stage<'_>, lambdock: &Lambdock<'_>, function: &Function) -> Result<()> {
        settle(lambdock)?;
        let mut caller = Caller::new(function.logged_invocation(event(100)));
        let begun = SystemTime::now();
        let answer = caller.call().context("Lambdock")?;
        let times = stage.engine.times(&super::containers(stage.run), begun, SystemTime::now())?;
        let begun = milliseconds(begun.duration_since(UNIX_EPOCH)?);
        let total = milliseconds(answer.took);
        let phases = Phases::split(begun, total, times, &answer.log);
        let split = [
            ("create", phases.create),
            ("start", phases.start),
            ("init", phases.init),
            ("runtime boot", phases.runtime_boot),
            ("first answer", phases.first_answer),
            ("started to answered", phases.started_to_answered),
            ("total", Some(total)),
        ];
        for (phase, took) in split {
            took.into_iter().for_each(|took| self.add(phase, took));
        }
        Ok(())
    }

    fn rows(&self, fixture: Fixture, peers: &[(&str, Function)]) -> Vec<Row> {
        let named = |phase: &str| format!("Cold invoke without the pool, {}, {phase}", fixture.title);
        let phase = |phase: &str| Row::new(named(phase), "ms", self.median(phase));
        let compared =
            |name: &str| phase(name).beside(emulator::NAME, self.median(&format!("emulator, {name}")));
        let mut rows = vec![
            compared("create"),
            compared("start"),
            phase("init"),
            phase("runtime boot"),
            phase("first answer"),
            compared("started to answered"),
            compared("total").within(budget::COLD),
        ];
        rows.extend(peers.iter().map(|(peer, _)| phase("total").beside(peer, self.median(peer))));
        rows
    }
}
