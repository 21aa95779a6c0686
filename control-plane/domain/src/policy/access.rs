//! Whom a policy lets call a function URL. [AWS: control access to Lambda function URLs]

use super::{INVOKE_FUNCTION_URL, Policy, Principal, Statement};

/// Somebody who calls a function URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlAccess<'a> {
    /// Anybody, on a URL with the auth type `NONE`.
    Anonymous,
    /// Somebody who has signed, on a URL with the auth type `AWS_IAM`: an account and the ARN of its root user.
    Account {
        /// 12 digits.
        account: &'a str,
        /// `arn:aws:iam::<account>:root`.
        root: &'a str,
    },
}

impl UrlAccess<'_> {
    fn auth_type(self) -> &'static str {
        match self {
            Self::Anonymous => "NONE",
            Self::Account { .. } => "AWS_IAM",
        }
    }
}

impl Policy {
    /// Whether a statement allows it.
    pub fn allows_url(&self, access: UrlAccess<'_>) -> bool {
        self.statements.iter().any(|statement| statement.allows_url(access))
    }
}

impl Statement {
    fn allows_url(&self, access: UrlAccess<'_>) -> bool {
        let action = [INVOKE_FUNCTION_URL, "lambda:*", "*"].contains(&self.action.as_str());
        action && self.is_for(access) && self.holds(access)
    }

    fn is_for(&self, access: UrlAccess<'_>) -> bool {
        match (&self.principal, access) {
            (Principal::Everybody(_), _) => true,
            (Principal::Identity { arn }, UrlAccess::Account { root, .. }) => arn == root,
            (Principal::Identity { .. } | Principal::Service { .. }, _) => false,
        }
    }

    /// Whether its conditions are met. Those about services that call do not hold for a request.
    fn holds(&self, access: UrlAccess<'_>) -> bool {
        let condition = &self.condition;
        let equal = &condition.string_equals;
        let auth_type = equal.function_url_auth_type.as_deref();
        let account = equal.source_account.as_deref();
        auth_type.is_none_or(|auth_type| auth_type == access.auth_type())
            && account.is_none_or(
                |account| matches!(access, UrlAccess::Account { account: caller, .. } if account == caller),
            )
            && equal.event_source_token.is_none()
            && equal.principal_org_id.is_none()
            && condition.arn_like.source_arn.is_none()
            && condition.bool.invoked_via_function_url.as_deref() != Some("false")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Permission;
    use super::*;
    use crate::Scope;

    const SIGNED: UrlAccess<'_> =
        UrlAccess::Account { account: "111111111111", root: "arn:aws:iam::111111111111:root" };

    fn permission(principal: &str, auth_type: Option<&str>) -> Permission {
        Permission {
            statement_id: "s".into(),
            action: INVOKE_FUNCTION_URL.into(),
            principal: principal.into(),
            function_url_auth_type: auth_type.map(str::to_owned),
            ..Permission::default()
        }
    }

    fn check(permission: Permission, access: UrlAccess<'_>, expected: bool) {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let statement = permission.clone().statement("r".into(), &scope).unwrap();
        let policy = Policy { revision: "1".into(), statements: vec![statement] };
        assert_eq!(policy.allows_url(access), expected, "{permission:?} {access:?}");
    }

    #[test]
    fn everybody_may_if_a_statement_says_so() {
        check(permission("*", Some("NONE")), UrlAccess::Anonymous, true);
        check(permission("*", None), UrlAccess::Anonymous, true);
        check(permission("*", Some("AWS_IAM")), UrlAccess::Anonymous, false);
        check(permission("111111111111", None), UrlAccess::Anonymous, false);
        check(permission("s3.amazonaws.com", None), UrlAccess::Anonymous, false);
        let other = Permission { action: "lambda:InvokeFunction".into(), ..permission("*", None) };
        check(other, UrlAccess::Anonymous, false);
        let all = Permission { action: "lambda:*".into(), ..permission("*", None) };
        check(all, UrlAccess::Anonymous, true);
    }

    #[test]
    fn an_account_may_if_it_is_named() {
        check(permission("111111111111", Some("AWS_IAM")), SIGNED, true);
        check(permission("*", None), SIGNED, true);
        check(permission("222222222222", None), SIGNED, false);
        check(permission("111111111111", Some("NONE")), SIGNED, false);
    }

    #[test]
    fn conditions_about_other_callers_do_not_hold() {
        let with = |change: fn(&mut Permission)| {
            let mut permission = permission("*", None);
            change(&mut permission);
            permission
        };
        check(with(|p| p.source_arn = Some("arn:b".into())), UrlAccess::Anonymous, false);
        check(with(|p| p.principal_org_id = Some("o-1".into())), UrlAccess::Anonymous, false);
        check(with(|p| p.source_account = Some("111111111111".into())), UrlAccess::Anonymous, false);
        check(with(|p| p.source_account = Some("111111111111".into())), SIGNED, true);
    }
}
