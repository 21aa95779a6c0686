//! The end of the process: what is in flight finishes, what is here is sent, every container is removed.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use super::{App, Outlets};
use crate::config::Config;
use crate::init_scripts::{InitScripts, Stage};
use crate::signals::Signals;

/// Time that clients have to read their answers once all work is done.
const CLOSED_WITHIN: Duration = Duration::from_secs(2);

/// Stops everything. Signals that come meanwhile make it shorter.
pub(super) async fn stop(app: &App, config: &Config, scripts: &InitScripts, signals: &mut Signals) {
    let stopping = gently(app, config, scripts);
    tokio::pin!(stopping);
    tokio::select! {
        () = &mut stopping => {}
        again = signals.next() => {
            warn!(signal = again, "ending what still runs; once more does not wait for containers to be removed");
            app.pool.kill();
            tokio::select! {
                () = &mut stopping => {}
                again = signals.next() => warn!(signal = again, "containers may be left; the next start removes them"),
            }
        }
    }
}

async fn gently(app: &App, config: &Config, scripts: &InitScripts) {
    if timeout(config.shutdown_grace, scripts.run(Stage::Shutdown)).await.is_err() {
        warn!("a script of shutdown.d takes too long and is ended");
    }
    app.server.stop();
    app.events.stop();
    match (app.executions.stop(), config.persistence) {
        (0, _) => {}
        (left, true) => info!(left, "durable executions go on at the next start"),
        (left, false) => {
            warn!(left, "durable executions are lost; PERSISTENCE=1 keeps them");
        }
    }
    app.pool.shutdown(config.shutdown_grace).await;
    if timeout(CLOSED_WITHIN, app.executions.stopped()).await.is_err() {
        warn!("the ends of some invocations of durable executions are not kept in time; they run once more");
    }
    match (app.events.stopped().await, config.persistence) {
        (0, _) => {}
        (left, true) => info!(left, "asynchronous invocations go on at the next start"),
        (left, false) => {
            warn!(left, "asynchronous invocations are lost; PERSISTENCE=1 keeps them");
        }
    }
    app.uplink.stop().await;
    app.outlets.close().await;
    if timeout(CLOSED_WITHIN, app.server.stopped()).await.is_err() {
        warn!("some clients have not read their answers");
    }
    app.transitions.stopped().await;
    if timeout(CLOSED_WITHIN, app.activation.stopped()).await.is_err() {
        warn!("some functions are still being prepared; that goes on at the next start");
    }
}

impl Outlets {
    /// Sends what is still here, within a bound.
    async fn close(&self) {
        self.recent_logs.close();
        let sent = async { tokio::join!(self.traces.flush(), self.logs.flush(), self.metrics.flush()) };
        if timeout(CLOSED_WITHIN, sent).await.is_err() {
            warn!("some traces, logs or metrics were not taken in time and are lost");
        }
    }
}
