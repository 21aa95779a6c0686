//! Resource policies of functions: who else may call them.

mod access;

use serde::{Deserialize, Serialize};

use crate::{Error, Scope};

pub use access::UrlAccess;

/// Bytes that a policy may have as compact JSON. [AWS: Lambda quotas, resource-based policy]
pub const SIZE_LIMIT: usize = 20_480;

/// The policy of a function, a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// UUID, new with every statement added or removed.
    pub revision: String,
    /// Never empty: a policy without statements is none. Each `Sid` occurs once.
    pub statements: Vec<Statement>,
}

/// One permission. Its serialised form is AWS's, members in AWS's order. [AWS: recorded]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// `StatementId`.
    pub sid: String,
    /// What the statement does.
    pub effect: Effect,
    /// Who.
    pub principal: Principal,
    /// Such as `lambda:InvokeFunction`.
    pub action: String,
    /// ARN of the function, with a qualifier if the permission is a version's or an alias's.
    pub resource: String,
    /// Under which circumstances.
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub condition: Condition,
}

/// Lambda's policies only allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's word")]
pub enum Effect {
    Allow,
}

/// Who is allowed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// A service of AWS's.
    Service {
        /// Such as `s3.amazonaws.com`.
        #[serde(rename = "Service")]
        service: String,
    },
    /// An account, a user or a role.
    Identity {
        /// Its ARN.
        #[serde(rename = "AWS")]
        arn: String,
    },
    /// Everybody.
    Everybody(Wildcard),
}

/// `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wildcard {
    /// Whoever it is.
    #[serde(rename = "*")]
    Any,
}

/// What services' names end with. [AWS: service principals; the last is Alexa's]
const SERVICE_SUFFIXES: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];

impl Principal {
    /// Reads `Principal` of AddPermission. An account stands for its root user. [AWS: recorded]
    ///
    /// # Errors
    /// It is nobody.
    pub fn parse(text: &str, scope: &Scope) -> Result<Self, Error> {
        let partition = scope.partition();
        if text == "*" {
            return Ok(Self::Everybody(Wildcard::Any));
        }
        if crate::arn::is_account(text) {
            return Ok(Self::Identity { arn: format!("arn:{partition}:iam::{text}:root") });
        }
        if is_identity(text) {
            return Ok(Self::Identity { arn: text.to_owned() });
        }
        if SERVICE_SUFFIXES.iter().any(|suffix| text.len() > suffix.len() && text.ends_with(suffix)) {
            return Ok(Self::Service { service: text.to_owned() });
        }
        Err(Error::InvalidParameter(
            "The provided principal was invalid. Please check the principal and try again.".to_owned(),
        ))
    }
}

/// `arn:<partition>:iam::<account>:…`, or a session's of STS.
fn is_identity(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam" | "sts", _, account, identity] => {
            partition.starts_with("aws") && crate::arn::is_account(account) && !identity.is_empty()
        }
        _ => false,
    }
}

/// The conditions that AddPermission has parameters for, in the order in which AWS writes them. [AWS: recorded]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Condition {
    #[serde(default, skip_serializing_if = "is_default")]
    string_equals: StringEquals,
    #[serde(default, skip_serializing_if = "is_default")]
    arn_like: ArnLike,
    #[serde(default, skip_serializing_if = "is_default")]
    bool: Flags,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StringEquals {
    #[serde(rename = "AWS:SourceAccount", default, skip_serializing_if = "Option::is_none")]
    source_account: Option<String>,
    #[serde(rename = "lambda:EventSourceToken", default, skip_serializing_if = "Option::is_none")]
    event_source_token: Option<String>,
    #[serde(rename = "lambda:FunctionUrlAuthType", default, skip_serializing_if = "Option::is_none")]
    function_url_auth_type: Option<String>,
    #[serde(rename = "aws:PrincipalOrgID", default, skip_serializing_if = "Option::is_none")]
    principal_org_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ArnLike {
    #[serde(rename = "AWS:SourceArn", default, skip_serializing_if = "Option::is_none")]
    source_arn: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Flags {
    #[serde(rename = "lambda:InvokedViaFunctionUrl", default, skip_serializing_if = "Option::is_none")]
    invoked_via_function_url: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Condition {
    fn is_empty(&self) -> bool {
        is_default(self)
    }
}

/// What AddPermission is asked for.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "AWS's names")]
pub struct Permission {
    pub statement_id: String,
    pub action: String,
    pub principal: String,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    pub event_source_token: Option<String>,
    pub principal_org_id: Option<String>,
    pub function_url_auth_type: Option<String>,
    pub invoked_via_function_url: Option<bool>,
}

/// The action of function URLs.
const INVOKE_FUNCTION_URL: &str = "lambda:InvokeFunctionUrl";

impl Permission {
    /// The statement that grants it on `resource`.
    ///
    /// # Errors
    /// The principal is nobody, or a parameter does not go with the action.
    pub fn statement(self, resource: String, scope: &Scope) -> Result<Statement, Error> {
        let principal = Principal::parse(&self.principal, scope)?;
        if self.function_url_auth_type.is_some() && self.action != INVOKE_FUNCTION_URL {
            // [LocalStack: told by a comment in its recorded tests]
            return Err(Error::InvalidParameter(format!(
                "FunctionUrlAuthType is only supported for {INVOKE_FUNCTION_URL} action"
            )));
        }
        let condition = Condition {
            string_equals: StringEquals {
                source_account: self.source_account,
                event_source_token: self.event_source_token,
                function_url_auth_type: self.function_url_auth_type,
                principal_org_id: self.principal_org_id,
            },
            arn_like: ArnLike { source_arn: self.source_arn },
            bool: Flags {
                invoked_via_function_url: self.invoked_via_function_url.map(|flag| flag.to_string()),
            },
        };
        Ok(Statement {
            sid: self.statement_id,
            effect: Effect::Allow,
            principal,
            action: self.action,
            resource,
            condition,
        })
    }
}

/// A policy as GetPolicy shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document<'a> {
    version: &'static str,
    id: &'static str,
    statement: &'a [Statement],
}

impl Policy {
    /// The policy `before` with one statement more.
    ///
    /// # Errors
    /// A conflict, if there is a statement with that `Sid`.
    pub fn with(before: Option<Self>, statement: Statement, revision: String) -> Result<Self, Error> {
        let mut statements = before.map(|policy| policy.statements).unwrap_or_default();
        if statements.iter().any(|other| other.sid == statement.sid) {
            return Err(Error::Conflict(format!(
                "The statement id ({}) provided already exists. Please provide a new statement id, or remove the \
                 existing statement.",
                statement.sid
            )));
        }
        statements.push(statement);
        Ok(Self { revision, statements })
    }

    /// The policy without one of its statements; `None`: that was the last one.
    ///
    /// # Errors
    /// There is no such statement.
    pub fn without(mut self, sid: &str, revision: String) -> Result<Option<Self>, Error> {
        let before = self.statements.len();
        self.statements.retain(|statement| statement.sid != sid);
        if self.statements.len() == before {
            return Err(Error::NotFound(format!("Statement {sid} is not found in resource policy.")));
        }
        Ok((!self.statements.is_empty()).then_some(Self { revision, ..self }))
    }

    /// What clients see.
    pub fn document(&self) -> Document<'_> {
        Document { version: "2012-10-17", id: "default", statement: &self.statements }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> Scope {
        Scope { account: "000000000000".into(), region: region.into() }
    }

    fn written(permission: Permission) -> String {
        let statement = permission.statement("arn:f".into(), &scope("us-east-1")).unwrap();
        serde_json::to_string(&statement).unwrap()
    }

    fn permission(principal: &str) -> Permission {
        Permission {
            statement_id: "s".into(),
            action: "lambda:InvokeFunction".into(),
            principal: principal.into(),
            ..Permission::default()
        }
    }

    #[test]
    fn statements_are_written_as_aws_writes_them() {
        let plain = written(permission("s3.amazonaws.com"));
        let expected = r#"{"Sid":"s","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"arn:f"}"#;
        assert_eq!(plain, expected);
        let all = written(Permission {
            action: "lambda:InvokeFunctionUrl".into(),
            source_arn: Some("arn:b".into()),
            source_account: Some("1".into()),
            principal_org_id: Some("o-1".into()),
            function_url_auth_type: Some("NONE".into()),
            event_source_token: Some("t".into()),
            invoked_via_function_url: Some(true),
            ..permission("*")
        });
        let condition = r#""Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"arn:f","Condition":{"StringEquals":{"AWS:SourceAccount":"1","lambda:EventSourceToken":"t","lambda:FunctionUrlAuthType":"NONE","aws:PrincipalOrgID":"o-1"},"ArnLike":{"AWS:SourceArn":"arn:b"},"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}"#;
        assert!(all.ends_with(condition), "{all}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for principal in ["*", "123456789012", "sns.amazonaws.com"] {
            let statement = permission(principal).statement("r".into(), &scope("us-east-1")).unwrap();
            let text = serde_json::to_string(&statement).unwrap();
            assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), statement);
        }
    }

    #[test]
    fn principals_are_told_apart() {
        let service = |name: &str| Ok(Principal::Service { service: name.to_owned() });
        let identity = |arn: &str| Ok(Principal::Identity { arn: arn.to_owned() });
        let parse = |text: &str| Principal::parse(text, &scope("us-east-1"));
        assert_eq!(parse("*"), Ok(Principal::Everybody(Wildcard::Any)));
        assert_eq!(parse("123456789012"), identity("arn:aws:iam::123456789012:root"));
        assert_eq!(
            Principal::parse("123456789012", &scope("cn-north-1")),
            identity("arn:aws-cn:iam::123456789012:root")
        );
        assert_eq!(parse("arn:aws:iam::123456789012:user/u"), identity("arn:aws:iam::123456789012:user/u"));
        assert_eq!(parse("logs.eu-central-1.amazonaws.com"), service("logs.eu-central-1.amazonaws.com"));
        assert_eq!(parse("alexa-appkit.amazon.com"), service("alexa-appkit.amazon.com"));
        for nobody in ["invalid.nonaws.com", "12345", "", ".amazonaws.com", "arn:aws:s3:::bucket", "x"] {
            assert!(matches!(parse(nobody), Err(Error::InvalidParameter(_))), "{nobody}");
        }
    }

    #[test]
    fn the_auth_type_goes_with_function_urls_only() {
        let wrong = Permission { function_url_auth_type: Some("NONE".into()), ..permission("*") };
        assert!(matches!(wrong.statement("r".into(), &scope("us-east-1")), Err(Error::InvalidParameter(_))));
    }

    #[test]
    fn a_policy_ends_with_its_last_statement() {
        let statement = |sid: &str| Statement {
            sid: sid.into(),
            ..permission("*").statement("r".into(), &scope("us-east-1")).unwrap()
        };
        let one = Policy::with(None, statement("a"), "1".into()).unwrap();
        assert!(matches!(
            Policy::with(Some(one.clone()), statement("a"), "2".into()),
            Err(Error::Conflict(_))
        ));
        let two = Policy::with(Some(one), statement("b"), "2".into()).unwrap();
        let text = serde_json::to_string(&two.document()).unwrap();
        assert!(
            text.starts_with(r#"{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"a""#),
            "{text}"
        );
        assert_eq!(
            two.clone().without("x", "3".into()),
            Err(Error::NotFound("Statement x is not found in resource policy.".into()))
        );
        let left = two.without("a", "3".into()).unwrap().unwrap();
        assert_eq!((left.revision.as_str(), left.statements.len()), ("3", 1));
        assert_eq!(left.without("b", "4".into()), Ok(None));
    }
}
