//! What functions log, for whoever wants to see it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use lambdock_domain::{FunctionId, FunctionReference, Qualifier, Scope, VersionName};
use tokio::sync::watch;

use super::refusal;
use crate::gateway::dispatch::Gateway;
use crate::gateway::scope::default_scope;
use crate::gateway::server::Body;
use crate::logs::{Line, Recent, Wanted};
use crate::store::{self, FunctionView};

/// One JSON object for each line, one below the other; with `follow=1` for as long as the client listens. `since`: in
/// milliseconds since the epoch.
pub(super) async fn answer(gateway: &Gateway, name: &str, query: &str) -> Response<Body> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let Ok(since_ms) = value("since").unwrap_or("0").parse::<u64>() else {
        return refusal(StatusCode::BAD_REQUEST, "since is a number of milliseconds since the epoch");
    };
    let follow = value("follow").is_some_and(|follow| follow == "1" || follow == "true");
    let recent = gateway.recent_logs.clone();
    let wanted = match wanted(gateway, name).await {
        Ok(Some(wanted)) => wanted,
        Ok(None) => return refusal(StatusCode::NOT_FOUND, &format!("there is no function {name}")),
        Err(error) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    let written = recent.written();
    let reading = Reading { recent, wanted, since_ms, number: 0, written, follow };
    let pieces = stream::unfold(reading, |mut reading| async move {
        let piece = reading.next().await?;
        Some((Ok(Frame::data(piece)), reading))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// Whose lines are asked for by a name in any of AWS's forms; `None`: there is no such function, version or alias.
async fn wanted(gateway: &Gateway, name: &str) -> Result<Option<Wanted>, store::Error> {
    let Some(FunctionReference { region, account, name, qualifier }) = FunctionReference::parse(name) else {
        return Ok(None);
    };
    let default = default_scope();
    let scope = Scope {
        region: region.clone().unwrap_or(default.region),
        account: account.clone().unwrap_or(default.account),
    };
    let id = FunctionId { scope, name: name.clone() };
    let store = &gateway.context.store;
    let versions = match qualifier.as_deref().map(Qualifier::parse) {
        None => None,
        Some(version @ (Qualifier::Latest | Qualifier::LatestPublished | Qualifier::Number(_))) => {
            Some(vec![version.to_string()])
        }
        Some(Qualifier::Alias(alias)) => {
            let Some(alias) = store.read(&id, move |view| view.alias(&alias)).await? else { return Ok(None) };
            let second = alias.routing.map(|routing| routing.version.to_string());
            Some(std::iter::once(alias.target.to_string()).chain(second).collect())
        }
        Some(Qualifier::Nothing(_)) => return Ok(None),
    };
    let wanted = Wanted { region, account, name, versions };
    // Lines of functions that are gone can still be read.
    let has_lines = gateway.recent_logs.after(&wanted, 0, 0).is_some_and(|(lines, _)| !lines.is_empty());
    let exists = has_lines || store.read(&id, move |view| exists(view, qualifier.as_deref())).await?;
    Ok(exists.then_some(wanted))
}

/// Whether there is a function, and the version of it, that has only not written anything yet.
fn exists(view: &FunctionView<'_>, qualifier: Option<&str>) -> Result<bool, store::Error> {
    match qualifier.map(Qualifier::parse) {
        Some(Qualifier::Number(number)) => Ok(view.version(VersionName::Number(number))?.is_some()),
        Some(Qualifier::LatestPublished) => Ok(view.version(VersionName::LatestPublished)?.is_some()),
        _ => Ok(view.function()?.is_some()),
    }
}

/// Somebody who reads a function's lines.
struct Reading {
    recent: Arc<Recent>,
    wanted: Wanted,
    since_ms: u64,
    /// Of what was read last.
    number: u64,
    written: watch::Receiver<bool>,
    follow: bool,
}

impl Reading {
    /// The next lines; `None`: there are no more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let open = *self.written.borrow_and_update();
            let found = self.recent.after(&self.wanted, self.number, self.since_ms);
            if let Some((lines, number)) = found.filter(|(lines, _)| !lines.is_empty()) {
                self.number = number;
                return Some(written(&lines));
            }
            if !self.follow || !open || self.written.changed().await.is_err() {
                return None;
            }
        }
    }
}

fn written(lines: &[Line]) -> Bytes {
    let mut text = String::new();
    for line in lines {
        // Numbers and texts only: they always can be written.
        text.push_str(&serde_json::to_string(line).unwrap_or_default());
        text.push('\n');
    }
    text.into()
}
