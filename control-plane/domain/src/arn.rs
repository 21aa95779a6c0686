//! Names: accounts and regions, function references in all the forms that AWS accepts, qualifiers, ARNs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Account and region: the store a request works on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// 12 digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
}

impl Scope {
    /// The partition that the region belongs to, the second part of an ARN.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }
}

fn partition(region: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 6] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
        ("eu-isoe-", "aws-iso-e"),
    ];
    BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// One function, wherever it is: the key of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FunctionId {
    /// Where it lives.
    pub scope: Scope,
    /// Its plain name.
    pub name: String,
}

impl FunctionId {
    /// The unqualified ARN.
    pub fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:{}:lambda:{region}:{account}:function:{}", self.scope.partition(), self.name)
    }

    /// The ARN with a qualifier.
    pub fn qualified_arn(&self, qualifier: &str) -> String {
        format!("{}:{qualifier}", self.arn())
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn())
    }
}

/// What a client wrote where a function name is asked for: a name, a partial ARN or a full one, with or without
/// qualifier. [AWS: `FunctionName` of every operation]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionReference {
    /// The region, if it was given.
    pub region: Option<String>,
    /// The account, if it was given.
    pub account: Option<String>,
    /// The plain name.
    pub name: String,
    /// The qualifier, if it was given.
    pub qualifier: Option<String>,
}

impl FunctionReference {
    /// Takes `text` apart by the grammar
    /// `(arn:<partition>:lambda:)?(<region>:)?(<account>:)?(function:)?<name>(:<qualifier>)?`.
    ///
    /// `None`: it has another shape. Which characters a name may have is the request validation's business; here an
    /// optional part counts as present when it looks like one *and* something is left to be the name, so that the
    /// bare word `function` is a function of that name, as on AWS.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let mut rest = match parts.as_slice() {
            ["arn", partition, "lambda", rest @ ..] if is_partition(partition) && !rest.is_empty() => rest,
            all => all,
        };
        if rest.iter().any(|part| part.is_empty()) {
            return None;
        }
        let mut take = |looks_right: fn(&str) -> bool| match rest {
            [first, second, tail @ ..]
                if looks_right(first) && !(second.starts_with('$') && tail.is_empty()) =>
            {
                let taken = (*first).to_owned();
                rest = &rest[1..];
                Some(taken)
            }
            _ => None,
        };
        let region = take(is_region);
        let account = take(is_account);
        take(|part| part == "function");
        match rest {
            [name] => Some(Self { region, account, name: (*name).to_owned(), qualifier: None }),
            [name, qualifier] => Some(Self {
                region,
                account,
                name: (*name).to_owned(),
                qualifier: Some((*qualifier).to_owned()),
            }),
            _ => None,
        }
    }
}

/// 12 digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `(aws[a-zA-Z-]*)?`, the partition as AWS's name patterns have it.
fn is_partition(text: &str) -> bool {
    let rest = text.strip_prefix("aws");
    text.is_empty()
        || rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-'))
}

/// `(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`, the region as AWS's name patterns have it.
fn is_region(text: &str) -> bool {
    let text = text.strip_prefix("eusc-").unwrap_or(text);
    let parts: Vec<&str> = text.split('-').collect();
    let lower = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_digit = |part: &str| part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_digit());
    match parts.as_slice() {
        [country, direction, digit] => {
            country.len() == 2 && lower(country) && lower(direction) && is_digit(digit)
        }
        [country, special, direction, digit] => {
            let special = *special == "gov"
                || special
                    .strip_prefix("iso")
                    .is_some_and(|rest| rest.is_empty() || rest.len() == 1 && lower(rest));
            country.len() == 2 && lower(country) && special && lower(direction) && is_digit(digit)
        }
        _ => false,
    }
}

/// What a qualifier names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Qualifier {
    /// `$LATEST`.
    Latest,
    /// `$LATEST.PUBLISHED`.
    LatestPublished,
    /// A published version.
    Number(u64),
    /// An alias.
    Alias(String),
    /// Passes AWS's pattern for qualifiers but can name nothing, such as `$latest`: always not found.
    Nothing(String),
}

impl Qualifier {
    /// Sorts out what `text` means.
    pub fn parse(text: &str) -> Self {
        match text {
            "$LATEST" => Self::Latest,
            "$LATEST.PUBLISHED" => Self::LatestPublished,
            // Versions count from 1 and are written one way only.
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => match text.parse() {
                Ok(number) if !text.starts_with('0') => Self::Number(number),
                _ => Self::Nothing(text.to_owned()),
            },
            _ if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) => {
                Self::Alias(text.to_owned())
            }
            _ => Self::Nothing(text.to_owned()),
        }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::LatestPublished => f.write_str("$LATEST.PUBLISHED"),
            Self::Number(number) => number.fmt(f),
            Self::Alias(text) | Self::Nothing(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Parts<'a> = (Option<&'a str>, Option<&'a str>, &'a str, Option<&'a str>);

    fn check(text: &str, expected: Option<Parts<'_>>) {
        let parsed = FunctionReference::parse(text);
        let parsed = parsed
            .as_ref()
            .map(|r| (r.region.as_deref(), r.account.as_deref(), r.name.as_str(), r.qualifier.as_deref()));
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn every_form_of_a_function_reference_is_understood() {
        let (region, account) = (Some("us-east-1"), Some("123456789012"));
        check("f", Some((None, None, "f", None)));
        check("f:3", Some((None, None, "f", Some("3"))));
        check("function:f", Some((None, None, "f", None)));
        check("function:f:$LATEST", Some((None, None, "f", Some("$LATEST"))));
        check("123456789012:function:f", Some((None, account, "f", None)));
        check("us-east-1:123456789012:function:f:a", Some((region, account, "f", Some("a"))));
        check("arn:aws:lambda:us-east-1:123456789012:function:f", Some((region, account, "f", None)));
        check("arn:aws:lambda:us-east-1:123456789012:function:f:1", Some((region, account, "f", Some("1"))));
    }

    #[test]
    fn the_word_function_can_be_a_name() {
        check("function", Some((None, None, "function", None)));
        check("function:$LATEST", Some((None, None, "function", Some("$LATEST"))));
        check(
            "arn:aws:lambda:us-east-1:123456789012:function",
            Some((Some("us-east-1"), Some("123456789012"), "function", None)),
        );
    }

    #[test]
    fn the_word_arn_can_be_a_name() {
        check("arn", Some((None, None, "arn", None)));
        check("arn:live", Some((None, None, "arn", Some("live"))));
        check("function:arn:1", Some((None, None, "arn", Some("1"))));
    }

    #[test]
    fn an_arn_may_leave_out_what_a_partial_one_may() {
        check("arn:aws:lambda:f", Some((None, None, "f", None)));
        check("arn::lambda:us-east-1:f:1", Some((Some("us-east-1"), None, "f", Some("1"))));
        check("arn:aws-iso-b:lambda:function:f", Some((None, None, "f", None)));
        check("arn:other:lambda:us-east-1:123456789012:function:f", None);
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in
            ["", ":", "f:", "arn:aws:s3:::bucket", "arn:aws:lambda", "function:f:1:2", "a:b:c", "f::1"]
        {
            check(text, None);
        }
        check("arn:aws:lambda:invalid-region:123456789012:function:f", None);
        check("invalid-account:function:f", None);
    }

    #[test]
    fn qualifiers_are_told_apart() {
        assert_eq!(Qualifier::parse("$LATEST"), Qualifier::Latest);
        assert_eq!(Qualifier::parse("$LATEST.PUBLISHED"), Qualifier::LatestPublished);
        assert_eq!(Qualifier::parse("12"), Qualifier::Number(12));
        assert_eq!(Qualifier::parse("012"), Qualifier::Nothing("012".into()));
        assert_eq!(Qualifier::parse("0"), Qualifier::Nothing("0".into()));
        assert_eq!(Qualifier::parse("1a"), Qualifier::Alias("1a".into()));
        assert_eq!(Qualifier::parse("$latest"), Qualifier::Nothing("$latest".into()));
        assert_eq!(
            Qualifier::parse("99999999999999999999999"),
            Qualifier::Nothing("99999999999999999999999".into())
        );
    }

    #[test]
    fn the_partition_follows_the_region() {
        let arn = |region: &str| {
            let scope = Scope { account: "000000000000".into(), region: region.into() };
            FunctionId { scope, name: "f".into() }.arn()
        };
        assert_eq!(arn("us-east-1"), "arn:aws:lambda:us-east-1:000000000000:function:f");
        assert_eq!(arn("cn-north-1"), "arn:aws-cn:lambda:cn-north-1:000000000000:function:f");
        assert_eq!(arn("us-gov-west-1"), "arn:aws-us-gov:lambda:us-gov-west-1:000000000000:function:f");
    }

    proptest! {
        #[test]
        fn an_arn_that_we_write_is_one_that_we_read(
            name in "[a-zA-Z0-9_-]{1,64}", account in "[0-9]{12}",
            region in "(us-east-1|eu-central-1|cn-north-1|us-gov-west-1|us-isob-east-1)",
            qualifier in proptest::option::of("[a-zA-Z0-9_-]{1,20}|\\$LATEST"),
        ) {
            let id = FunctionId { scope: Scope { account: account.clone(), region: region.clone() }, name: name.clone() };
            let arn = qualifier.as_ref().map_or_else(|| id.arn(), |q| id.qualified_arn(q));
            let expected = FunctionReference { region: Some(region), account: Some(account), name, qualifier };
            prop_assert_eq!(FunctionReference::parse(&arn), Some(expected));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = FunctionReference::parse(&text);
        }

        #[test]
        fn a_qualifier_is_written_as_it_was_read(text in "[0-9]{1,25}|\\$LATEST(\\.PUBLISHED)?|.*") {
            prop_assert_eq!(Qualifier::parse(&text).to_string(), text);
        }
    }
}
