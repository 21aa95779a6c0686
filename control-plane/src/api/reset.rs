//! Everything gone, as after a first start. (LocalStack: `POST /_localstack/state/reset`)

use super::{Context, Error};

/// Removes all resources of all accounts and regions. Environments end as they become free; asynchronous invocations
/// that wait and durable executions are dropped.
///
/// # Errors
/// The store failed.
pub async fn reset(context: &Context) -> Result<(), Error> {
    let removed = context.store.reset().await?;
    tracing::info!(functions = removed.functions.len(), "everything is removed, as was asked");
    if let Err(error) = context.executions.forget_all().await {
        tracing::error!(%error, "durable executions are there again after a restart");
    }
    for function in &removed.functions {
        context.events.forget(&function.id).await;
        context.activation.deleted(function, &[]).await;
    }
    context.activation.versions_deleted(&removed.versions).await;
    for digest in &removed.archives {
        context.activation.unused(digest).await;
    }
    Ok(())
}
