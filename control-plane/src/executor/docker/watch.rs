//! What became of containers: those that ended, and those that nobody knows.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::container::LogOutput;
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::container::{ENVIRONMENT_LABEL, INSTANCE_LABEL, KEPT_LABEL, OWNER_LABEL};
use super::failure::{failure, status};
use super::{Docker, Ended, Engine};
use crate::executor::{ContainerId, Content, Death, EnvironmentId, Error, PostMortem};

/// Lines of a container's output that are shown when it died.
const LAST_LINES: &str = "20";

impl Docker {
    pub(super) async fn look_at(&self, engine: &Engine, container: &ContainerId) -> PostMortem {
        let client = &engine.found.client;
        let inspected = client.inspect_container(&container.0, None).await;
        let state = inspected.ok().and_then(|container| container.state).unwrap_or_default();
        let running = state.running.unwrap_or_default();
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail(LAST_LINES).build();
        let mut lines = client.logs(&container.0, Some(options));
        let mut output = String::new();
        while let Some(Ok(line)) = lines.next().await {
            let (LogOutput::StdErr { message }
            | LogOutput::StdOut { message }
            | LogOutput::StdIn { message }
            | LogOutput::Console { message }) = line;
            output.push_str(&String::from_utf8_lossy(&message));
        }
        PostMortem {
            exit_code: state.exit_code.filter(|_| !running),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            error: state.error.unwrap_or_default(),
            output,
        }
    }

    fn label_filter(&self) -> (String, Vec<String>) {
        ("label".to_owned(), vec![format!("{INSTANCE_LABEL}={}", self.settings.get().instance)])
    }

    /// Tells of deaths until the stream breaks.
    pub(super) async fn watch_once(&self, deaths: &mpsc::Sender<Death>) -> Result<(), Error> {
        let engine = self.engine().await?;
        let client = &engine.found.client;
        let filters: HashMap<_, _> = [
            self.label_filter(),
            ("type".to_owned(), vec!["container".to_owned()]),
            ("event".to_owned(), vec!["die".to_owned()]),
        ]
        .into();
        let mut events = client.events(Some(EventsOptionsBuilder::new().filters(&filters).build()));
        // Those that died while nobody listened.
        let ended: HashMap<_, _> =
            [self.label_filter(), ("status".to_owned(), vec!["exited".to_owned()])].into();
        let options = ListContainersOptionsBuilder::new().all(true).filters(&ended).build();
        let listed = client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| failure("list containers", client, &error));
        for container in self.heard(&engine, listed)? {
            if let Some(environment) = environment_of(container.labels.as_ref()) {
                // Nobody listens when the pool is gone, and then this future is dropped soon.
                let _ = deaths.send(Death { environment, exit_code: None }).await;
            }
        }
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| failure("tell of containers that end", client, &error));
            let attributes = self.heard(&engine, event)?.actor.and_then(|actor| actor.attributes);
            if let Some(environment) = environment_of(attributes.as_ref()) {
                let exit_code = attributes.as_ref().and_then(|all| all.get("exitCode")?.parse().ok());
                let _ = deaths.send(Death { environment, exit_code }).await;
            }
        }
        Ok(())
    }

    pub(super) async fn remove_unknown(
        &self,
        engine: &Engine,
        known: &(dyn Fn(EnvironmentId) -> bool + Send + Sync),
        used: &(dyn Fn(&Content) -> bool + Send + Sync),
    ) -> Result<usize, Error> {
        let client = &engine.found.client;
        let filters: HashMap<_, _> = [self.label_filter()].into();
        // Ended ones that are to be kept are no leftovers.
        let all = self.settings.get().ended == Ended::Removed;
        let options = ListContainersOptionsBuilder::new().all(all).filters(&filters).build();
        let listed = client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| failure("list containers", client, &error))?;
        let mut removed = self.remove_orphans(engine).await?;
        for container in listed {
            let is_leftover = match environment_of(container.labels.as_ref()) {
                Some(environment) => !known(environment),
                None => is_old(container.created, self.business),
            };
            if let Some(id) = container.id.filter(|_| is_leftover) {
                self.end(engine, &id).await?;
                removed += 1;
            }
        }
        removed += self.remove_abandoned(engine).await?;
        engine.init.remove_old(client).await?;
        self.code.remove_unused(client, &self.settings.get().instance, used).await?;
        Ok(removed)
    }

    /// Removes what control planes left that were killed and never started again with the same settings. Their
    /// containers have ended by themselves, for nobody was there any more.
    async fn remove_abandoned(&self, engine: &Engine) -> Result<usize, Error> {
        let client = &engine.found.client;
        let ended = ["created", "exited", "dead"].map(str::to_owned).to_vec();
        let label = vec![INSTANCE_LABEL.to_owned()];
        let filters: HashMap<_, _> = [("status".to_owned(), ended), ("label".to_owned(), label)].into();
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let listed = client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| failure("list containers", client, &error))?;
        let mut removed = 0;
        for container in listed {
            let labels = container.labels.unwrap_or_default();
            let ours = labels.get(INSTANCE_LABEL) == Some(&self.settings.get().instance);
            let Some(id) = container.id.filter(|_| !ours && !labels.contains_key(KEPT_LABEL)) else {
                continue;
            };
            let state = match client.inspect_container(&id, None).await {
                Ok(found) => found.state.unwrap_or_default(),
                // It is somebody's after all.
                Err(error) if status(&error) == Some(404) => continue,
                Err(error) => return Err(failure("look at a container", client, &error)),
            };
            let ended = state.finished_at.as_deref().and_then(seconds).or(container.created);
            if is_old(ended, self.business) {
                self.remove(engine, &id).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Ends what control planes in other containers have left that run no more. When such a container is replaced, its
    /// successor has another name for itself, and would never know it for its own.
    async fn remove_orphans(&self, engine: &Engine) -> Result<usize, Error> {
        let Some(ourselves) = &self.topology(engine).await.own_container else { return Ok(0) };
        let client = &engine.found.client;
        let filters: HashMap<_, _> = [("label".to_owned(), vec![OWNER_LABEL.to_owned()])].into();
        let all = self.settings.get().ended == Ended::Removed;
        let options = ListContainersOptionsBuilder::new().all(all).filters(&filters).build();
        let listed = client.list_containers(Some(options)).await;
        let listed = listed.map_err(|error| failure("list containers", client, &error))?;
        let mut by_owner: HashMap<String, Vec<String>> = HashMap::new();
        for container in listed {
            let owner = container.labels.unwrap_or_default().remove(OWNER_LABEL);
            if let (Some(owner), Some(id)) = (owner.filter(|owner| owner != ourselves), container.id) {
                by_owner.entry(owner).or_default().push(id);
            }
        }
        let mut removed = 0;
        for (owner, containers) in by_owner {
            let runs = match client.inspect_container(&owner, None).await {
                Ok(found) => found.state.and_then(|state| state.running).unwrap_or(false),
                Err(error) if status(&error) == Some(404) => false,
                Err(error) => return Err(failure("look at a container", client, &error)),
            };
            for id in containers.into_iter().filter(|_| !runs) {
                self.end(engine, &id).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Seconds since 1970 of the engine's way to write a time. What has not happened has happened in the year 1.
pub(super) fn seconds(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second).filter(|seconds| *seconds > 0)
}

fn environment_of(labels: Option<&HashMap<String, String>>) -> Option<EnvironmentId> {
    EnvironmentId::parse(labels?.get(ENVIRONMENT_LABEL)?)
}

fn is_old(created: Option<i64>, business: Duration) -> bool {
    let created = created.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    created.is_none_or(|created| now.saturating_sub(created) > business)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_ended_yet_has_no_end() {
        assert_eq!(seconds("2026-01-01T00:00:01.123456789Z"), Some(1_767_225_601));
        assert_eq!(seconds("0001-01-01T00:00:00Z"), None);
        assert_eq!(seconds(""), None);
    }

    #[test]
    fn what_ended_just_now_is_somebodys_business() {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let business = Duration::from_secs(60);
        assert!(!is_old(Some(now - 30), business));
        assert!(is_old(Some(now - 600), business) && is_old(None, business));
    }
}
