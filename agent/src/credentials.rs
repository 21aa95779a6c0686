//! Pure: the credentials of functions that are restored from snapshots. What is in the environment would be part of the
//! snapshot, so their SDKs fetch them instead. [AWS: Lambda SnapStart]

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Variables with credentials, which such functions do not have.
const VARIABLES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// How long fetched credentials are believed, in milliseconds. They do not change; SDKs fetch them again all the same.
const VALID_MS: u64 = 6 * 60 * 60 * 1000;

/// Credentials, and the token that they are given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    token: String,
    keys: [String; 3],
}

impl Credentials {
    /// Takes the credentials out of a function's variables and puts in where to fetch them: from `api` with `token`.
    pub(crate) fn withdraw(variables: &mut BTreeMap<String, String>, api: &str, token: String) -> Self {
        let keys = VARIABLES.map(|name| variables.remove(name).unwrap_or_default());
        let uri = format!("http://{api}/2021-04-23/credentials");
        variables.insert("AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), uri);
        variables.insert("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(), token.clone());
        Self { token, keys }
    }

    /// Whether `authorization` is the token.
    pub(crate) fn are_for(&self, authorization: &[u8]) -> bool {
        self.token.as_bytes() == authorization
    }

    /// As SDKs expect them. `time` makes ISO 8601 of milliseconds since the epoch.
    pub(crate) fn shown(&self, now_ms: u64, time: impl FnOnce(u64) -> String) -> Value {
        let [id, secret, session] = &self.keys;
        json!({
            "AccessKeyId": id, "SecretAccessKey": secret, "Token": session, "Expiration": time(now_ms + VALID_MS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_the_environment_and_are_given_for_the_token() {
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("PATH", "/bin")];
        let mut variables: BTreeMap<String, String> = keys.map(pair).into();
        let credentials = Credentials::withdraw(&mut variables, "127.0.0.1:9001", "t".to_owned());
        let names: Vec<&str> = variables.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "PATH"]
        );
        assert!(credentials.are_for(b"t") && !credentials.are_for(b""));
        let shown = credentials.shown(1, |ms| ms.to_string());
        assert_eq!((shown["AccessKeyId"].as_str(), shown["Token"].as_str()), (Some("id"), Some("")));
        assert_eq!(shown["Expiration"], "21600001");
    }
}
