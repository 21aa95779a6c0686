//! Sizes of binaries, memory of processes, and the start of the control plane.

use std::{fs, path::Path, thread};

use anyhow::{Context, Result};

use super::{Contenders, Stage, milliseconds, progress};
use crate::{
    budget, emulator,
    fixture::event,
    invocation::Caller,
    lambdock::{Lambdock, Launcher},
    memory::{Resident, resident},
    options::{Effort, Options},
    report::Row,
    statistics::Samples,
};

/// Sizes of the binaries. The emulator does the init's work in its containers; it is there for this machine only.
pub(super) fn binaries(options: &Options) -> Result<Vec<Row>> {
    let emulator = mebibytes(&options.emulator)?;
    let native = |arch| (std::env::consts::ARCH == arch).then_some(emulator);
    let control_plane = mebibytes(&options.lambdock)?;
    let init = |name: &str, path: &Path, arch| -> Result<Row> {
        let row = Row::new(format!("Binary, {name}"), "MiB", Some(mebibytes(path)?));
        Ok(row.beside(emulator::NAME, native(arch)).within(budget::INIT_BINARY))
    };
    Ok(vec![
        Row::new("Binary, lambdock", "MiB", Some(control_plane)),
        init("init-x86_64", &options.init_x86_64, "x86_64")?,
        init("init-aarch64", &options.init_aarch64, "aarch64")?,
    ])
}

/// From exec to the first answer of the health endpoint.
pub(super) fn control_plane_start(launcher: &Launcher<'_>, effort: Effort) -> Result<Vec<Row>> {
    progress("start of the control plane");
    let starts = (0..effort.control_plane_starts).map(|_| Ok(milliseconds(launcher.start(&[])?.ready())));
    let starts = starts.collect::<Result<Samples>>()?;
    let name = "Control plane, exec to healthy";
    Ok(vec![Row::new(name, "ms", starts.median()).within(budget::CONTROL_PLANE_START)])
}

/// Memory of the control plane.
pub(super) struct ControlPlane {
    idle: Option<Resident>,
}

impl ControlPlane {
    /// Right after its start.
    pub(super) fn idle(lambdock: &Lambdock<'_>, effort: Effort) -> Self {
        thread::sleep(effort.idle);
        Self { idle: resident(lambdock.pid()) }
    }

    /// The rows, after all warm invokes.
    pub(super) fn after_the_run(self, lambdock: &Lambdock<'_>) -> Vec<Row> {
        let after = resident(lambdock.pid());
        vec![
            Row::new("Control plane, resident, idle", "MiB", self.idle.map(|idle| idle.now))
                .within(budget::CONTROL_PLANE_IDLE),
            Row::new("Control plane, resident, after the run", "MiB", after.map(|after| after.now)),
        ]
    }
}

/// Memory of the init and of the emulator, each the first process of its container.
pub(super) struct Init {
    ours: Process,
    emulator: Process,
}

struct Process {
    pid: u32,
    idle: Option<Resident>,
}

impl Init {
    /// With nothing to do, after one small invoke.
    pub(super) fn idle(stage: &Stage<'_>, lambdock: &Lambdock<'_>, contenders: &Contenders) -> Result<Self> {
        for (name, invocation) in contenders.invocations(&event(100)) {
            Caller::new(invocation).call().with_context(|| format!("{name}, first invoke"))?;
        }
        let containers = lambdock.containers_of(&contenders.ours)?;
        let container =
            containers.first().context("Lambdock has no container although it answered an invoke")?;
        let ours = stage.engine.inspect(container)?.pid;
        thread::sleep(stage.effort.idle);
        let process = |pid| Process { pid, idle: resident(pid) };
        Ok(Self { ours: process(ours), emulator: process(contenders.emulator.pid()) })
    }

    /// The rows, after large events have passed.
    pub(super) fn after_payloads(self) -> Vec<Row> {
        let Self { ours, emulator } = self;
        let now = |resident: Option<Resident>| resident.map(|resident| resident.now);
        let peak = |process: &Process| resident(process.pid).map(|resident| resident.peak);
        vec![
            Row::new("Init, resident, idle", "MiB", now(ours.idle))
                .beside(emulator::NAME, now(emulator.idle))
                .within(budget::INIT_IDLE),
            Row::new("Init, resident, peak after 1 MB payloads", "MiB", peak(&ours))
                .beside(emulator::NAME, peak(&emulator))
                .within(budget::INIT_PEAK),
        ]
    }
}

fn mebibytes(path: &Path) -> Result<f64> {
    let size = fs::metadata(path).with_context(|| format!("{}: no such binary", path.display()))?.len();
    Ok(f64::from(u32::try_from(size).context("a binary of more than 4 GiB")?) / 1_048_576.0)
}
