//! Invokes per second: clients that each send the next invoke as soon as they have the answer to the last.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::poll::{PollFd, PollFlags, poll};

use super::{Contenders, progress, together};
use crate::{
    budget,
    fixture::event,
    interruption,
    invocation::{Caller, Invocation},
    options::Effort,
    published,
    report::Row,
    statistics::Samples,
};

/// Clients at the same time.
pub(super) const MANY: usize = 16;

/// Longer than any answer may take, in milliseconds.
const PATIENCE: u16 = 60_000;

/// With one client and with 16. What the emulator does with the one client that it can serve stands beside what
/// others do with 16.
pub(super) fn rows(contenders: &Contenders, effort: Effort) -> Result<Vec<Row>> {
    let name = |clients| format!("Invokes per second, {}, {clients}", contenders.fixture.title);
    progress(&name("1 client"));
    let single = measure(&contenders.invocations(&event(100)), 1, effort)?;
    progress(&name("16 clients"));
    let many = measure(&contenders.concurrent_invocations(&event(100)), MANY, effort)?;

    let row = |name: String, ours: &Rate<'_>, peer: &Rate<'_>, peer_name: &str| {
        Row::new(name, "/s", ours.median).beside(peer_name, peer.median)
    };
    let (ours, peers) = single.split_first().context("Lambdock is measured")?;
    let mut rows: Vec<Row> = peers.iter().map(|peer| row(name("1 client"), ours, peer, peer.name)).collect();
    let (ours, others) = many.split_first().context("Lambdock is measured")?;
    let emulator = peers.first().context("the emulator is measured")?;
    let beside = format!("{}, 1 client", emulator.name);
    rows.push(row(name("16 clients"), ours, emulator, &beside).within(budget::SIXTEEN_CLIENTS));
    let known = Row::new(name("16 clients"), "/s", ours.median)
        .beside(published::LOCALSTACK, Some(published::LOCALSTACK_SIXTEEN_CLIENTS))
        .within(budget::SIXTEEN_CLIENTS_BESIDE_LOCALSTACK);
    rows.push(known);
    rows.extend(others.iter().map(|peer| {
        row(name("16 clients"), ours, peer, peer.name).within(budget::SIXTEEN_CLIENTS_BESIDE_PEERS)
    }));
    Ok(rows)
}

struct Rate<'a> {
    name: &'a str,
    median: Option<f64>,
}

/// The median rate of everybody, measured in turns.
fn measure<'a>(
    invocations: &[(&'a str, Invocation)],
    clients: usize,
    effort: Effort,
) -> Result<Vec<Rate<'a>>> {
    let mut teams = Vec::new();
    for (name, invocation) in invocations {
        let mut callers: Vec<Caller> = (0..clients).map(|_| Caller::new(invocation.clone())).collect();
        // Long enough for an environment per client to come up.
        together(&mut callers, |caller| caller.warm_up(50)).with_context(|| format!("{name}, warm up"))?;
        teams.push((*name, callers, Samples::default()));
    }
    for _ in 0..effort.throughput_rounds {
        for (name, callers, samples) in &mut teams {
            samples.push(per_second(callers, effort.throughput_window).with_context(|| (*name).to_owned())?);
        }
    }
    Ok(teams.into_iter().map(|(name, _, samples)| Rate { name, median: samples.median() }).collect())
}

/// Answers per second of all clients in a span of time.
pub(super) fn per_second(callers: &mut [Caller], window: Duration) -> Result<f64> {
    let begun = Instant::now();
    let done = drive(callers, |_| begun.elapsed() < window)?;
    Ok(f64::from(done) / begun.elapsed().as_secs_f64())
}

/// Lets every client send its next invoke as soon as it has an answer, for as long as `more` says so of the answers
/// that are there; then waits for those under way. Gives the number of all answers.
pub(super) fn drive(callers: &mut [Caller], more: impl Fn(u32) -> bool) -> Result<u32> {
    let mut done = 0_u32;
    for caller in callers.iter_mut() {
        caller.begin()?;
    }
    let mut under_way = callers.len();
    while under_way > 0 {
        interruption::check()?;
        for which in answered(callers)? {
            let Some(caller) = callers.get_mut(which) else { continue };
            caller.finish()?;
            done += 1;
            if more(done) {
                caller.begin()?;
            } else {
                under_way -= 1;
            }
        }
    }
    Ok(done)
}

/// Waits until some have an answer, and tells which. All clients are one thread: it takes less of the machine from what
/// is measured than a thread each.
fn answered(callers: &[Caller]) -> Result<Vec<usize>> {
    let connections =
        callers.iter().enumerate().filter_map(|(which, caller)| Some((which, caller.connection()?)));
    let (which, mut polled): (Vec<_>, Vec<_>) = connections
        .map(|(which, connection)| (which, PollFd::new(connection.as_fd(), PollFlags::POLLIN)))
        .unzip();
    poll(&mut polled, PATIENCE)?;
    let ready = which.into_iter().zip(&polled).filter(|(_, polled)| polled.any().unwrap_or_default());
    let ready: Vec<usize> = ready.map(|(which, _)| which).collect();
    ensure!(!ready.is_empty(), "nobody answers");
    Ok(ready)
}
