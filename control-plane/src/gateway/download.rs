//! Code archives, as they were uploaded: sent as they are read, however large they are.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use lambdock_domain::code::Digest;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::dispatch::whole;
use super::response_stream;
use super::server::Body;
use crate::api::Context;
use crate::wire::{ErrorCode, ServiceError};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 17;

/// The answer to a request for an archive.
pub(super) async fn archive(context: &Context, digest: &Digest) -> Response<Body> {
    let Ok((file, size)) = open(context, digest).await else {
        let message = "There is no code at this address any more.";
        return whole(ServiceError::new(ErrorCode::ResourceNotFoundException, message).render());
    };
    let mut response = Response::new(response_stream::body(pieces(file)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    response.headers_mut().insert(CONTENT_LENGTH, size.into());
    response
}

async fn open(context: &Context, digest: &Digest) -> io::Result<(File, u64)> {
    let (archives, digest) = (context.archives.clone(), digest.clone());
    let opened = tokio::task::spawn_blocking(move || archives.read(&digest)).await;
    let file = File::from_std(opened.map_err(io::Error::other)??);
    let size = file.metadata().await?.len();
    Ok((file, size))
}

/// The content of a file. One that fails midway ends its connection, so that nobody takes a part for the whole.
fn pieces(file: File) -> impl Stream<Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>> + Send {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (piece.freeze(), file)))
    })
}
