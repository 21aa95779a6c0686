//! A Lambda endpoint as AWS's clients see it: Lambdock, or any other.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    fixture::{Fixture, TIMEOUT_S},
    http::{self, Address},
    interruption::wait_until,
    invocation::Invocation,
};

/// Path of all functions.
pub(crate) const FUNCTIONS: &str = "/2015-03-31/functions";
/// As a client would send it; the signature is of nobody's key.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000";
const HEADERS: [(&str, &str); 3] = [
    ("Authorization", AUTHORIZATION),
    ("X-Amz-Date", "20260101T000000Z"),
    ("Content-Type", "application/json"),
];
/// A function's image may have to be pulled first.
const ACTIVE: Duration = Duration::from_secs(300);

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LambdaApi {
    /// Name in the report.
    pub(crate) name: String,
    /// `host:port`.
    host: String,
}

/// A function that one endpoint has; deleted when this goes out of scope.
#[derive(Debug)]
pub(crate) struct Function {
    api: LambdaApi,
    name: String,
}

impl LambdaApi {
    /// The endpoint at `host:port`.
    pub(crate) fn at(name: &str, host: &str) -> Self {
        Self { name: name.to_owned(), host: host.to_owned() }
    }

    /// An endpoint as the command line names it: `URL` or `NAME=URL`. Without a name, `host:port` is it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, url) = match text.split_once('=') {
            Some((name, url)) => (Some(name), url),
            None => (None, text),
        };
        let Some(host) = url.strip_prefix("http://") else {
            bail!("{url:?} is no URL that begins with http://")
        };
        let host = host.trim_end_matches('/');
        ensure!(!host.is_empty() && !host.contains('/'), "{url:?} is not just a scheme, a host and a port");
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok(Self::at(name.unwrap_or(&host), &host))
    }

    /// Creates a function and waits until it is active.
    pub(crate) fn create(
        &self,
        name: &str,
        fixture: &Fixture,
        archive: &[u8],
        memory_mib: u32,
    ) -> Result<Function> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let body = json!({
            "FunctionName": name, "Runtime": fixture.runtime, "Handler": fixture.handler,
            "Role": "arn:aws:iam::000000000000:role/lambda-role", "Architectures": [architecture],
            "Code": {"ZipFile": BASE64_STANDARD.encode(archive)},
            "MemorySize": memory_mib, "Timeout": TIMEOUT_S,
        });
        self.call("POST", FUNCTIONS, &body).with_context(|| format!("{}: create {name}", self.name))?;
        let function = Function { api: self.clone(), name: name.to_owned() };
        function.wait_until_settled()?;
        Ok(function)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let request = self.request(method, path, body);
        http::once(&self.address(), &request, |response| {
            let body = response.success(&format!("{method} {path}"))?;
            Ok(if body.is_empty() { Value::Null } else { serde_json::from_slice(body)? })
        })
    }

    /// A whole request of the API; without body where that is null.
    pub(crate) fn request(&self, method: &str, path: &str, body: &Value) -> Vec<u8> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::request(method, path, &self.host, &HEADERS, body.as_bytes())
    }

    /// Where the endpoint listens.
    pub(crate) fn address(&self) -> Address {
        Address::Tcp(self.host.clone())
    }

    /// The status of a plain GET; `None` while nobody answers.
    pub(crate) fn status_of(&self, path: &str) -> Option<u16> {
        let request = http::request("GET", path, &self.host, &[], b"");
        http::once(&self.address(), &request, |response| Ok(response.head.status)).ok()
    }
}

impl Function {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Invokes it with an event.
    pub(crate) fn invocation(&self, event: Vec<u8>) -> Invocation {
        self.invocation_with(&HEADERS, event)
    }

    /// The same, and asks for the end of the log.
    pub(crate) fn logged_invocation(&self, event: Vec<u8>) -> Invocation {
        self.invocation_with(&[&HEADERS[..], &[("X-Amz-Log-Type", "Tail")]].concat(), event)
    }

    /// Leaves it an event, which it runs in its own time.
    pub(crate) fn event_invocation(&self, event: &[u8]) -> Invocation {
        let asynchronous = [&HEADERS[..], &[("X-Amz-Invocation-Type", "Event")]].concat();
        Invocation { event: Vec::new(), ..self.invocation_with(&asynchronous, event.to_vec()) }
    }

    fn invocation_with(&self, headers: &[(&str, &str)], event: Vec<u8>) -> Invocation {
        let path = format!("{FUNCTIONS}/{}/invocations", self.name);
        let request = http::request("POST", &path, &self.api.host, headers, &event);
        Invocation { address: self.api.address(), request, event }
    }

    /// Changes the function's environment, so that the next invoke needs a new execution environment.
    pub(crate) fn renew(&self, generation: u32) -> Result<()> {
        let path = format!("{FUNCTIONS}/{}/configuration", self.name);
        let body = json!({"Environment": {"Variables": {"GENERATION": generation.to_string()}}});
        self.api
            .call("PUT", &path, &body)
            .with_context(|| format!("{}: update {}", self.api.name, self.name))?;
        self.wait_until_settled()
    }

    fn wait_until_settled(&self) -> Result<()> {
        let path = format!("{FUNCTIONS}/{}/configuration", self.name);
        let what = format!("{}: {} is active", self.api.name, self.name);
        wait_until(&what, ACTIVE, Duration::from_millis(20), || {
            settled(&self.api.call("GET", &path, &Value::Null)?)
        })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // An endpoint that has gone away took the function with it.
        let _gone = self.api.call("DELETE", &format!("{FUNCTIONS}/{}", self.name), &Value::Null);
    }
}

/// Whether a configuration is one that can be invoked: yes, not yet, or never. Endpoints that do not model states
/// leave the members out.
pub(crate) fn settled(configuration: &Value) -> Result<Option<()>> {
    let member = |name: &str| configuration[name].as_str();
    let failed = [("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")];
    for (state, reason) in failed {
        ensure!(
            member(state) != Some("Failed"),
            "the function failed: {}",
            member(reason).unwrap_or("no reason")
        );
    }
    let ready = matches!(member("State"), None | Some("Active"))
        && matches!(member("LastUpdateStatus"), None | Some("Successful"));
    Ok(ready.then_some(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls_with_or_without_a_name() {
        assert_eq!(LambdaApi::parse("other=http://h:1/").unwrap(), LambdaApi::at("other", "h:1"));
        assert_eq!(
            LambdaApi::parse("http://127.0.0.1:4567").unwrap(),
            LambdaApi::at("127.0.0.1:4567", "127.0.0.1:4567")
        );
        assert_eq!(LambdaApi::parse("http://host").unwrap().host, "host:80");
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_refused() {
        for text in ["https://h:1", "h:1", "http://", "http://h/path", "name="] {
            assert!(LambdaApi::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_function_is_settled_when_neither_state_is_on_its_way() {
        let active = json!({"State": "Active", "LastUpdateStatus": "Successful"});
        assert_eq!(settled(&active).unwrap(), Some(()));
        assert_eq!(settled(&json!({})).unwrap(), Some(()));
        assert_eq!(settled(&json!({"State": "Pending"})).unwrap(), None);
        assert_eq!(settled(&json!({"State": "Active", "LastUpdateStatus": "InProgress"})).unwrap(), None);
    }

    #[test]
    fn a_failed_function_tells_its_reason() {
        let failed = json!({"State": "Failed", "StateReason": "no engine"});
        assert_eq!(settled(&failed).unwrap_err().to_string(), "the function failed: no engine");
    }
}
