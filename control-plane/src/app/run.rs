//! The life of the process, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

use super::banner::banner;
use super::settings::{doctor_of, endpoint, instance};
use super::stopping;
use crate::code_pages;
use crate::config::Config;
use crate::doctor;
use crate::gateway::server::bind;
use crate::init_scripts::{InitScripts, Stage};
use crate::pool::Pool;
use crate::signals::Signals;
use crate::state::{Persistence, StateFolder};

/// Time that the engine has to say what it is before we say that we are ready.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(3);

/// Serves until the process is asked to stop; then finishes what is in flight and removes every container.
/// `announce` is given what a person who starts Lambdock wants to know.
///
/// # Errors
/// An address, the state folder or the store cannot be used.
pub async fn run(config: Config, in_container: bool, announce: impl FnOnce(String)) -> anyhow::Result<()> {
    let mut signals = Signals::catch().context("cannot catch signals")?;
    let endpoint = endpoint(&config);
    let init_scripts = Arc::new(InitScripts::find(&config.scripts_dir, endpoint));
    if asked_to_stop(&init_scripts, Stage::Boot, &mut signals).await.is_some() {
        return Ok(());
    }
    let listeners = bind(&config.gateway_listen).await?;
    let persistence = if config.persistence { Persistence::Kept } else { Persistence::Volatile };
    let instance = instance(&config);
    let state = StateFolder::take(&config.state_dir, persistence, &instance)?;
    let (app, tunnels) =
        super::build(&config, in_container, &state, &instance, &listeners, &init_scripts).await?;
    if asked_to_stop(&init_scripts, Stage::Start, &mut signals).await.is_some() {
        return Ok(());
    }

    app.listen(listeners, tunnels);
    app.activation.resume().await.context("cannot take up what was being prepared")?;
    app.transitions.resume().await.context("cannot take up what resources were becoming")?;
    let engine = match timeout(DESCRIBED_WITHIN, app.executor.describe()).await {
        Ok(described) => described.map_err(|error| error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    };
    let engine_found = engine.is_ok();
    let asked = asked_to_stop(&init_scripts, Stage::Ready, &mut signals).await;
    announce(banner(&config, &state, engine));
    let examined =
        if engine_found { Some(doctor_of(&config, Arc::clone(&app.executor), instance)?) } else { None };
    let pool_at_start = app.pool.clone();
    tokio::spawn(async move {
        remove_leftovers(&pool_at_start).await;
        if let Some(examined) = examined {
            warn_of_missing_images(&examined).await;
        }
        if let Err(error) = code_pages::give_back() {
            debug!(%error, "the pages of code that only the start has needed stay");
        }
    });

    let signal = match asked {
        Some(signal) => signal,
        None => signals.next().await,
    };
    info!(signal, grace_s = config.shutdown_grace.as_secs(), "stopping; invocations in flight may finish");
    stopping::stop(&app, &config, &init_scripts, &mut signals).await;
    info!("stopped");
    Ok(())
}

/// Runs the scripts of a stage. `Some`: the process was asked to stop meanwhile, and they were ended.
async fn asked_to_stop(scripts: &InitScripts, stage: Stage, signals: &mut Signals) -> Option<&'static str> {
    tokio::select! {
        () = scripts.run(stage) => None,
        signal = signals.next() => Some(signal),
    }
}

async fn remove_leftovers(pool: &Pool) {
    match pool.remove_leftovers().await {
        Ok(0) => {}
        Ok(removed) => info!(removed, "containers of an earlier process that was killed are gone"),
        Err(error) => error!(%error, "cannot look for containers of an earlier process"),
    }
}

/// Better before the first function fails than after.
async fn warn_of_missing_images(examined: &doctor::Settings) {
    let finding = doctor::images(examined).await;
    if !finding.is_fine() {
        warn!(remedy = finding.remedy, "functions may not find what they run in: {}", finding.seen);
    }
}
