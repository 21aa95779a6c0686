//! Invocations: from a function and an event to an answer.

mod answer;
pub mod assignment;
mod concurrency;
mod directory;
mod parts;
mod streamed;
pub mod trace;

use std::sync::Arc;

use bytes::Bytes;
use lambdock_domain::function::{DeploymentId, Serving};
use lambdock_domain::recursion::RecursiveLoop;
use lambdock_domain::runtime::ImageMapping;
use lambdock_domain::{Code, FunctionId, Runtime};
use lambdock_protocol::{Invoke, TracingMode};

pub use answer::{Answer, LogType, Lost, Outcome};
pub use concurrency::{Concurrency, Permit, Throttle};
pub use directory::Directory;
pub use parts::{End, Failure, Part, Start};
pub use streamed::Streamed;

use crate::adjustable::Adjustable;
use crate::ambient;
use crate::executor::FolderMount;
use crate::executor::ImageRequest;
use crate::hot_reload;
use crate::metrics::{Execution, Metric, Metrics};
use crate::pool::{self, Deployment, Pool, Provision, Running};
use crate::store::{self, Store};

/// The version that unqualified invocations run.
pub const LATEST: &str = "$LATEST";

/// The version that they run where there is one: of functions on a capacity provider.
pub const LATEST_PUBLISHED: &str = "$LATEST.PUBLISHED";

/// One invocation that a caller waits for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The function.
    pub function: FunctionId,
    /// ARN as it was invoked, with a qualifier only if one was given.
    pub invoked_arn: String,
    /// Lower-case UUID.
    pub request_id: String,
    /// JSON of the client context.
    pub client_context: Option<String>,
    /// `X-Amzn-Trace-Id` of the request. The function sees it completed, one turn further.
    pub trace_id: Option<String>,
    /// `TenantId`.
    pub tenant_id: Option<String>,
    /// When the answer is complete.
    pub log_type: LogType,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no function of that name, or no such version or alias.
    #[error("no such function")]
    Missing,
    /// The function's state does not allow it.
    #[error(transparent)]
    Refused(#[from] lambdock_domain::Error),
    /// No environment could be had.
    #[error(transparent)]
    Pool(#[from] pool::Error),
    /// A chain of requests has led to the function once too often. [AWS: RecursiveInvocationException]
    #[error(
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and stopped your function's invocation."
    )]
    Recursive,
    /// The environment was lost with the invocation.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<directory::Error> for Error {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Missing => Self::Missing,
            directory::Error::Refused(error) => Self::Refused(error),
            directory::Error::Store(error) => Self::Store(error),
        }
    }
}

/// Turns what a function is into what the pool runs.
#[derive(Debug, Clone)]
pub struct Deployer {
    /// What all functions have in common.
    pub settings: Adjustable<assignment::Settings>,
    /// Which image runs which runtime.
    pub images: ImageMapping,
}

impl Deployer {
    /// The image that the function's code runs in.
    ///
    /// # Errors
    /// Its runtime has no image.
    pub fn image(
        &self,
        configuration: &lambdock_domain::Configuration,
        code: &Code,
    ) -> Result<ImageRequest, String> {
        let reference = match code {
            Code::Image { version: Some(version), .. } => version.reference.clone(),
            Code::Image { uri, version: None, .. } => uri.clone(),
            Code::Zip { .. } | Code::Folder { .. } => {
                let name = configuration.runtime.as_deref().unwrap_or_default();
                let runtime =
                    Runtime::find(name).ok_or_else(|| format!("there is no image for runtime {name:?}"))?;
                self.images.image(runtime)
            }
        };
        Ok(ImageRequest { reference, architecture: configuration.architecture })
    }

    fn deploy(
        &self,
        id: &FunctionId,
        version: &str,
        serving: &Serving,
    ) -> Result<Deployment, lambdock_domain::Error> {
        let image = self
            .image(&serving.configuration, &serving.code)
            .map_err(lambdock_domain::Error::InvalidParameter)?;
        Ok(Deployment {
            id: serving.deployment.clone(),
            function_name: id.name.clone(),
            function_arn: id.qualified_arn(version),
            version: version.to_owned(),
            image,
            memory_size_mb: serving.configuration.memory_mb,
            mounts: match &serving.code {
                Code::Folder { path } => vec![FolderMount {
                    source: hot_reload::expanded(path, hot_reload::variable),
                    target: assignment::TASK_ROOT.to_owned(),
                }],
                Code::Zip { .. } | Code::Image { .. } => Vec::new(),
            },
            assignment: assignment::assignment(id, version, serving, &self.settings.get()),
            durable: serving.configuration.durable,
        })
    }
}

/// The one door to running a function.
pub struct Invoker {
    store: Store,
    directory: Arc<Directory>,
    deployer: Deployer,
    pool: Pool,
    metrics: Metrics,
}

impl Invoker {
    /// An invoker over its parts.
    pub fn new(
        store: Store,
        directory: Arc<Directory>,
        deployer: Deployer,
        pool: Pool,
        metrics: Metrics,
    ) -> Self {
        Self { store, directory, deployer, pool, metrics }
    }

    /// How functions do.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What serves the function now under `qualifier`: a version or an alias, or none of them. Where an alias names two
    /// versions, each call chooses between them anew.
    ///
    /// # Errors
    /// The function, version or alias is missing, or its state does not allow invocations.
    pub async fn find(&self, id: &FunctionId, qualifier: Option<&str>) -> Result<Arc<Deployment>, Error> {
        let deployer = self.deployer.clone();
        let deploy =
            move |id: &FunctionId, version: &str, serving: &Serving| deployer.deploy(id, version, serving);
        Ok(self.directory.find(&self.store, id, qualifier, rand::random(), deploy).await?)
    }

    /// The right to run `deployment` of the function once more.
    ///
    /// # Errors
    /// The function or its account has none left.
    pub fn admit(&self, id: &FunctionId, deployment: &Deployment) -> Result<Permit, Throttle> {
        let ready = self.pool.provisioned(&deployment.id).and_then(|provision| provision.ready);
        let ready = u32::try_from(ready.unwrap_or_default()).unwrap_or(u32::MAX);
        let entered = self.directory.executions().enter(id, &deployment.version, ready);
        if entered.is_err() {
            self.metrics.record(id, None, &[(Metric::Throttles, 1.0)]);
        }
        entered
    }

    /// Executions that the function has reserved, if it has; with none at all nobody may run it.
    pub fn reserved(&self, id: &FunctionId) -> Option<u32> {
        self.directory.executions().reserved(id)
    }

    /// What is kept ready of a deployment.
    pub fn provisioned(&self, id: &DeploymentId) -> Option<Provision> {
        self.pool.provisioned(id)
    }

    /// Runs `deployment` once and waits for the answer.
    ///
    /// # Errors
    /// No environment could be had, or it was lost; the function calls itself round and round. That the function
    /// failed is no error but an [`Answer`].
    pub async fn invoke(
        &self,
        deployment: &Arc<Deployment>,
        request: Request,
        payload: Bytes,
    ) -> Result<Answer, Error> {
        let log_type = request.log_type;
        let (mut running, mut execution) = self.start(deployment, request, payload).await?;
        let collector = answer::Collector::new(log_type, deployment.assignment.payload_limit);
        let answered = collected(&mut running, collector).await;
        if !matches!(&answered, Ok(Answer { outcome: Outcome::Success, .. })) {
            execution.fail();
        }
        answered
    }

    /// Runs `deployment` once and gives its answer as it comes, once there is something of it. `limit`: bytes that a
    /// stream may have. The permit is given back when the answer is over.
    ///
    /// # Errors
    /// No environment could be had, or it was lost before the function answered. That the function failed is a part of
    /// the answer.
    pub async fn stream(
        &self,
        deployment: &Arc<Deployment>,
        request: Request,
        payload: Bytes,
        permit: Permit,
        limit: u64,
    ) -> Result<Streamed, Error> {
        let log_type = request.log_type;
        let (running, execution) = self.start(deployment, request, payload).await?;
        let lifetime = pool::allowance(&deployment.assignment);
        Ok(Streamed::begin(running, execution, permit, lifetime, log_type, limit).await?)
    }

    async fn start(
        &self,
        deployment: &Arc<Deployment>,
        request: Request,
        payload: Bytes,
    ) -> Result<(Running, Execution), Error> {
        let header = complete_trace(request.trace_id.as_deref(), deployment);
        let entered = trace::enter(&header, &request.function);
        if entered.turns >= trace::TURNS && self.ends_loops(&request.function).await? {
            return Err(Error::Recursive);
        }
        // [LocalStack] What is invoked without a qualifier sees the version that was chosen for it.
        let unqualified = qualifier(&request.invoked_arn).is_none();
        let invoked_arn = if unqualified && deployment.version == LATEST_PUBLISHED {
            deployment.function_arn.clone()
        } else {
            request.invoked_arn
        };
        let invoke = Invoke {
            request_id: request.request_id,
            invoked_function_arn: invoked_arn.clone(),
            timeout_ms: deployment.assignment.timeout_ms,
            trace_id: Some(entered.header),
            client_context: request.client_context,
            cognito_identity: None,
            tenant_id: request.tenant_id,
            content_type: None,
        };
        let running = self.pool.invoke(deployment, invoke, payload).await?;
        Ok((running, self.metrics.begins(&request.function, qualifier(&invoked_arn))))
    }

    async fn ends_loops(&self, function: &FunctionId) -> Result<bool, store::Error> {
        let function = function.clone();
        let configured: Option<RecursiveLoop> =
            self.store.transact(move |resources| resources.attached(&function, LATEST)).await?;
        Ok(configured.unwrap_or_default() == RecursiveLoop::Terminate)
    }
}

/// The header of a request with `header` for `deployment`, with a trace in it.
pub fn complete_trace(header: Option<&str>, deployment: &Deployment) -> String {
    let sampling = match deployment.assignment.tracing {
        TracingMode::Active => trace::Sampling::Sampled,
        TracingMode::PassThrough => trace::Sampling::NotSampled,
    };
    let fresh = trace::Fresh { seconds: ambient::now().0 / 1000, random: rand::random() };
    trace::complete(header, sampling, fresh)
}

/// The answer, once it is complete.
async fn collected(running: &mut Running, mut collector: answer::Collector) -> Result<Answer, Error> {
    loop {
        let event = running.next().await.ok_or_else(|| Lost("it ended without an answer".to_owned()))?;
        if let Some(answer) = collector.event(event)? {
            return Ok(answer);
        }
    }
}

/// What the function was invoked under, if that is said.
fn qualifier(invoked_arn: &str) -> Option<&str> {
    invoked_arn.split(':').nth(7)
}
