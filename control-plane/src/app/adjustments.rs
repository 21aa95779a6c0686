//! From settings to what each part goes by, at a start and when they change.

use std::sync::Arc;

use crate::activation;
use crate::adjustable::Adjustable;
use crate::api::Creation;
use crate::api::functions::choose::{ReservedVariables, Rules, RuntimeValidation};
use crate::config::Config;
use crate::events;
use crate::executor::docker::Docker;
use crate::invoke::Directory;
use crate::invoke::assignment::{self, EndpointUrl};
use crate::pool::{self, Pool};

/// Everything that can be adjusted while it runs.
pub(super) struct Adjustments {
    pub(super) in_container: bool,
    pub(super) instance: String,
    pub(super) gateway_port: u16,
    pub(super) docker: Arc<Docker>,
    pub(super) pool: Pool,
    pub(super) directory: Arc<Directory>,
    pub(super) assignment: Adjustable<assignment::Settings>,
    pub(super) activation: Adjustable<activation::Settings>,
    pub(super) events: Adjustable<events::Settings>,
    pub(super) rules: Adjustable<Rules>,
    pub(super) creation: Adjustable<Creation>,
}

impl Adjustments {
    /// Makes `config` effective in the place of `before`.
    ///
    /// # Errors
    /// The engine's side cannot use it; nothing has changed.
    pub(super) fn apply(&self, before: &Config, config: &Config) -> Result<(), String> {
        if of_containers(before) != of_containers(config) {
            let settings = super::settings::docker_settings(config, self.in_container, &self.instance)
                .map_err(|error| format!("{error:#}"))?;
            self.docker.adjust(settings);
            self.pool.renew_standbys();
        }
        self.pool.adjust(pool_settings(config));
        self.activation.set(activation_settings(config));
        self.events.set(event_settings(config));
        self.rules.set(rules(config));
        self.creation.set(creation(config));
        self.directory.executions().set_limit(config.limits.concurrent_executions);
        self.assignment.set(assignment_settings(config, self.gateway_port));
        self.directory.forget_deployments();
        Ok(())
    }
}

/// What containers are made with, as far as it can change.
fn of_containers(config: &Config) -> (&[String], &str, Option<&str>, bool) {
    (&config.docker_networks, &config.docker_flags, config.docker_dns.as_deref(), config.ignore_architecture)
}

pub(super) fn pool_settings(config: &Config) -> pool::Settings {
    pool::Settings {
        keep_alive: config.keep_alive,
        standby: config.standby,
        standby_networks: config.standby_networks,
        code_volumes: config.code_volumes,
        memory_reserve_mb: config.memory_reserve_mb,
        environment_timeout: config.environment_timeout,
        parallel_starts: pool::Settings::parallel_starts_here(),
    }
}

pub(super) fn assignment_settings(config: &Config, gateway_port: u16) -> assignment::Settings {
    assignment::Settings {
        gateway_port,
        endpoint_url: if config.disable_endpoint_url { EndpointUrl::Absent } else { EndpointUrl::Injected },
        user: config.init_user.clone(),
        init_log_level: config.init_log_level.clone(),
        response_limit: config.limits.response_payload,
    }
}

pub(super) fn activation_settings(config: &Config) -> activation::Settings {
    activation::Settings { unzipped_limit: config.limits.code_size_unzipped, update_time: config.update_time }
}

pub(super) fn event_settings(config: &Config) -> events::Settings {
    events::Settings { retry_base: config.retry_base, parallel: config.event_concurrency }
}

pub(super) fn rules(config: &Config) -> Rules {
    Rules {
        limits: config.limits.clone(),
        runtime_validation: if config.runtime_validation {
            RuntimeValidation::Strict
        } else {
            RuntimeValidation::Lenient
        },
        hot_reload_bucket: config.hot_reload_bucket.clone(),
        reserved_variables: if config.reserved_variables {
            ReservedVariables::Refused
        } else {
            ReservedVariables::Taken
        },
    }
}

pub(super) fn creation(config: &Config) -> Creation {
    if config.synchronous_create { Creation::Synchronous } else { Creation::Asynchronous }
}
