//! Memory of the control plane over very many invokes.

use anyhow::{Context, Result};

use super::{
    Stage, progress,
    throughput::{MANY, drive},
    together,
};
use crate::{
    budget,
    fixture::{RUST, event},
    invocation::Caller,
    lambdock::Lambdock,
    memory::resident,
    report::Row,
};

/// Looks at the memory.
const LOOKS: u32 = 10;

/// Resident memory at the end of each tenth of all invokes; later ones stand beside the first.
pub(super) fn rows(stage: &Stage<'_>, lambdock: &Lambdock<'_>) -> Result<Vec<Row>> {
    let function = stage.create(lambdock.api(), RUST)?;
    let invocation = function.invocation(event(100));
    let mut callers: Vec<Caller> = (0..MANY).map(|_| Caller::new(invocation.clone())).collect();
    together(&mut callers, |caller| caller.warm_up(50)).context("warm up")?;
    let invokes = stage.effort.endurance / LOOKS;
    let mut rows: Vec<Row> = Vec::new();
    for look in 1..=LOOKS {
        let name = format!("Control plane, resident, after {} invokes", look * invokes);
        progress(&name);
        drive(&mut callers, |done| done < invokes)?;
        let row = Row::new(name, "MiB", resident(lambdock.pid()).map(|resident| resident.now));
        rows.push(match rows.first() {
            Some(first) => row.beside(&format!("after {invokes}"), first.ours).within(budget::MANY_INVOKES),
            None => row,
        });
    }
    Ok(rows)
}
