//! Before the first process: code, permissions, the user, the command.

pub(crate) mod bootstrap;
pub(crate) mod extensions;
pub(crate) mod hosts;
pub(crate) mod limits;
pub(crate) mod modes;
pub(crate) mod unpack;
pub(crate) mod user;

/// Does what takes a while with files beside the loop, which goes on.
///
/// # Errors
/// It has come to no end.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}
