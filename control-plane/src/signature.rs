//! Pure: AWS's Signature Version 4.
//!
//! [AWS: IAM, create a signed AWS API request]

use sha2::{Digest as _, Sha256};

use crate::hex;

/// Who signs, for what.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Access key id.
    pub access_key: &'a str,
    /// Secret access key.
    pub secret: &'a str,
    /// Region.
    pub region: &'a str,
    /// Name of the service in signatures, such as `xray`.
    pub service: &'a str,
}

/// A request that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// Method.
    pub method: &'a str,
    /// Path, encoded.
    pub path: &'a str,
    /// Query string, encoded and sorted; mostly empty.
    pub query: &'a str,
    /// Headers that are signed: names in lower case, sorted, `host` and `x-amz-date` among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// SHA-256 of the body in hexadecimal digits, or what stands for it.
    pub body_hash: &'a str,
    /// The value of `x-amz-date`: `20150830T123600Z`.
    pub time: &'a str,
}

impl Unsigned<'_> {
    fn names(&self) -> String {
        self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    /// The date that the signature is of.
    fn date(&self) -> &str {
        self.time.get(..8).unwrap_or(self.time)
    }
}

/// The value of the `Authorization` header.
pub fn authorization(scope: Scope<'_>, request: Unsigned<'_>) -> String {
    let Scope { access_key, region, service, .. } = scope;
    let (date, names, signature) = (request.date(), request.names(), signature(scope, request));
    format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/{date}/{region}/{service}/aws4_request, SignedHeaders={names}, \
         Signature={signature}"
    )
}

/// The signature, in hexadecimal digits.
pub fn signature(scope: Scope<'_>, request: Unsigned<'_>) -> String {
    let Scope { secret, region, service, .. } = scope;
    let Unsigned { method, path, query, headers, body_hash, time } = request;
    let (date, names) = (request.date(), request.names());
    let lines = headers.iter().fold(String::new(), |lines, (name, value)| format!("{lines}{name}:{value}\n"));
    let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body_hash}");
    let within = format!("{date}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{within}\n{}", hash(canonical.as_bytes()));
    let parts = [date, region, service, "aws4_request"];
    let secret = format!("AWS4{secret}").into_bytes();
    let key = parts.iter().fold(secret, |key, part| hmac(&key, part.as_bytes()).to_vec());
    hex::encode(&hmac(&key, to_sign.as_bytes()))
}

/// SHA-256, in hexadecimal digits.
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

/// Bytes of SHA-256's blocks.
const BLOCK: usize = 64;

/// HMAC-SHA256. [RFC 2104]
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let short = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let padded = |with: u8| (0..BLOCK).map(|at| short.get(at).unwrap_or(&0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmacs_are_those_of_rfc_4231() {
        let check =
            |key: &[u8], message: &[u8], expected| assert_eq!(hex::encode(&hmac(key, message)), expected);
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
    }

    /// AWS's own example of a signed request.
    #[test]
    fn signatures_are_those_of_awss_example() {
        let scope = Scope {
            access_key: "AKIDEXAMPLE",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            region: "us-east-1",
            service: "iam",
        };
        let request = Unsigned {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            body_hash: &hash(b""),
            time: "20150830T123600Z",
        };
        assert_eq!(
            authorization(scope, request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }
}
