//! Pure: which version of a runtime a function runs on.

use lambdock_domain::Scope;
use lambdock_domain::runtime::Runtime;
use lambdock_protocol::RuntimeVersion;
use sha2::{Digest, Sha256};

use crate::hex;

/// The version of the runtime `name`, which AWS numbers and which here is whatever the image is, so there is only one.
/// The ARN changes with the runtime, as AWS's does. [LocalStack: the same ARN for all runtimes]
pub fn of(name: &str, scope: &Scope) -> RuntimeVersion {
    let hash = hex::encode(&Sha256::digest(name.as_bytes()));
    let image = Runtime::find(name).map_or(name, |runtime| runtime.image);
    RuntimeVersion {
        version: format!("{image}.v1"),
        arn: format!("arn:{}:lambda:{}::runtime:{hash}", scope.partition(), scope.region),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_as_aws_names_them() {
        let scope = Scope { account: "000000000000".into(), region: "eu-west-1".into() };
        let [node, python] = ["nodejs22.x", "python3.12"].map(|name| of(name, &scope));
        assert_eq!((node.version.as_str(), python.version.as_str()), ("nodejs:22.v1", "python:3.12.v1"));
        assert!(node.arn.starts_with("arn:aws:lambda:eu-west-1::runtime:"));
        assert_ne!(node.arn, python.arn);
    }
}
