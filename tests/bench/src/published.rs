//! Pure: figures of others that cannot be had in the same run, as they were measured once.

/// LocalStack's last version that anybody may run. Its figures were taken on the machine that the budgets were set on; on
/// another one they say less than those of a peer in the same run.
pub(crate) const LOCALSTACK: &str = "LocalStack 4.14 on the reference machine";

/// Milliseconds that a small warm invoke takes there.
pub(crate) const LOCALSTACK_WARM: f64 = 13.5;

/// Invokes per second there, with 16 clients.
pub(crate) const LOCALSTACK_SIXTEEN_CLIENTS: f64 = 73.0;
