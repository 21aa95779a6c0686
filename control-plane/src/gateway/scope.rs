//! Pure: who a request acts for, read from the scope of its credentials. Signatures are not verified.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use lambdock_domain::Scope;
use lambdock_domain::arn::is_account;
use percent_encoding::percent_decode_str;

/// LocalStack's default account.
pub const DEFAULT_ACCOUNT: &str = "000000000000";
/// LocalStack's default region.
pub const DEFAULT_REGION: &str = "us-east-1";

/// `<access key>/<date>/<region>/<service>/aws4_request`, as far as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Access key id.
    pub access_key: String,
    /// Region that the request was signed for.
    pub region: String,
    /// Service that the request was signed for.
    pub service: String,
}

impl Credential {
    /// Finds the credential in the header `Authorization`, or in the query of a presigned URL.
    pub fn find(headers: &HeaderMap, query: Option<&str>) -> Option<Self> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let in_header = header.and_then(|header| {
            let rest = header.split_once("Credential=")?.1;
            Self::parse(rest.split([',', ' ']).next().unwrap_or_default())
        });
        in_header.or_else(|| {
            let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
            let mut credentials = pairs.filter(|(name, _)| *name == "X-Amz-Credential");
            Self::parse(&percent_decode_str(credentials.next()?.1).decode_utf8_lossy())
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (access_key, _date) = (parts.next()?, parts.next()?);
        Some(Self {
            access_key: access_key.to_owned(),
            region: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
        })
    }

    /// The account and region that the request acts for.
    pub fn scope(&self, decoding: KeyDecoding) -> Scope {
        let region = if self.region.is_empty() { DEFAULT_REGION } else { &self.region };
        Scope { account: account_of(&self.access_key, decoding), region: region.to_owned() }
    }
}

/// The scope of a request without credentials.
pub fn default_scope() -> Scope {
    Scope { account: DEFAULT_ACCOUNT.to_owned(), region: DEFAULT_REGION.to_owned() }
}

/// Which access keys have an account id decoded from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyDecoding {
    /// LocalStack's own keys.
    OwnKeys,
    /// Also keys as AWS gives them (`PARITY_AWS_ACCESS_KEY_ID`).
    AwsKeys,
}

/// An access key that begins with 12 digits names the account; so does one with an encoded account id. (LocalStack)
fn account_of(access_key: &str, decoding: KeyDecoding) -> String {
    if let Some(account) = access_key.get(..12).filter(|start| is_account(start)) {
        return account.to_owned();
    }
    let prefixes: &[&str] = match decoding {
        KeyDecoding::OwnKeys => &["LSIA", "LKIA"],
        KeyDecoding::AwsKeys => &["LSIA", "LKIA", "ASIA", "AKIA"],
    };
    let encoded = access_key.len() >= 20 && prefixes.iter().any(|prefix| access_key.starts_with(prefix));
    encoded.then(|| decode_account(access_key)).flatten().unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned())
}

/// Characters 4 to 11 are base32 of half the account id plus an offset; the lowest bit is the upper bit of the
/// character after them.
fn decode_account(access_key: &str) -> Option<String> {
    const OFFSET: u64 = 549_755_813_888;
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(u64::from(byte - b'A')),
        b'2'..=b'7' => Some(u64::from(byte - b'2') + 26),
        _ => None,
    };
    let bytes = access_key.as_bytes();
    let number =
        bytes.get(4..12)?.iter().try_fold(0_u64, |number, byte| Some(number << 5 | digit(*byte)?))?;
    let account = number.checked_sub(OFFSET)? * 2 + u64::from(digit(*bytes.get(12)?)? >= 16);
    (account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn signed(key: &str, region: &str) -> HeaderMap {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/lambda/aws4_request, SignedHeaders=host, Signature=0"
        );
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
    }

    #[test]
    fn region_and_service_come_from_the_credential_scope() {
        let credential = Credential::find(&signed("test", "eu-central-1"), None).unwrap();
        assert_eq!(credential.service, "lambda");
        let expected = Scope { account: DEFAULT_ACCOUNT.into(), region: "eu-central-1".into() };
        assert_eq!(credential.scope(KeyDecoding::OwnKeys), expected);
    }

    #[test]
    fn a_presigned_url_carries_them_in_its_query() {
        let query = "a=b&X-Amz-Credential=000000000042%2F20260101%2Fus-west-2%2Flambda%2Faws4_request";
        let scope = Credential::find(&HeaderMap::new(), Some(query)).unwrap().scope(KeyDecoding::OwnKeys);
        assert_eq!(scope, Scope { account: "000000000042".into(), region: "us-west-2".into() });
        assert_eq!(Credential::find(&HeaderMap::new(), Some("a=b")), None);
    }

    #[test]
    fn accounts_are_read_from_access_keys_as_localstack_does() {
        use KeyDecoding::{AwsKeys, OwnKeys};
        assert_eq!(account_of("000000000002", OwnKeys), "000000000002");
        assert_eq!(account_of("123456789012extra", OwnKeys), "123456789012");
        assert_eq!(account_of("test", OwnKeys), DEFAULT_ACCOUNT);
        assert_eq!(account_of("AKIARZPUZDIKGB2VALC4", OwnKeys), DEFAULT_ACCOUNT);
        assert_eq!(account_of("AKIARZPUZDIKGB2VALC4", AwsKeys), "123456789012");
        assert_eq!(account_of("LKIARZPUZDIKGB2VALC4", OwnKeys), "123456789012");
        assert_eq!(account_of("ASIAQAAAAAAAGMKEM7X5", AwsKeys), DEFAULT_ACCOUNT);
    }

    proptest! {
        #[test]
        fn no_key_panics_and_every_account_has_twelve_digits(key in "(LSIA|AKIA|)\\PC{0,24}") {
            prop_assert!(is_account(&account_of(&key, KeyDecoding::AwsKeys)));
            let _ = Credential::find(&HeaderMap::new(), Some(&key));
        }
    }
}
