//! Pure: from what a client wrote for a function name to the function that is meant.

use lambdock_domain::{Error, FunctionId, FunctionReference, Qualifier, Scope};

/// A function and the qualifier that came with its name or beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The function.
    pub id: FunctionId,
    /// The qualifier as it was written.
    pub qualifier: Option<String>,
}

impl Named {
    /// What the qualifier means; none means `$LATEST`.
    pub fn kind(&self) -> Qualifier {
        self.qualifier.as_deref().map_or(Qualifier::Latest, Qualifier::parse)
    }

    /// The ARN with the qualifier, if there was one.
    pub fn arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => self.id.qualified_arn(qualifier),
            None => self.id.arn(),
        }
    }

    /// The function without the qualifier, for operations that do not look at it.
    pub fn unqualified(&self) -> Self {
        Self { id: self.id.clone(), qualifier: None }
    }

    /// What AWS says when it does not exist.
    pub fn not_found(&self) -> Error {
        Error::function_not_found(&self.arn())
    }
}

/// Which accounts' functions an operation may be asked for. [AWS: operations with resource-based policies]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Any account's, named by an ARN.
    AnyAccount,
    /// Only the caller's own.
    OwnAccount,
}

/// Checks in AWS's order: the account, the region, then (`validate`) names and qualifiers by their patterns, then
/// whether the two qualifiers agree. Whether the function exists comes after all of them.
///
/// # Errors
/// AWS's for the first check that fails.
pub fn resolve<E: From<Error>>(
    caller: &Scope,
    reach: Reach,
    name: &str,
    qualifier: Option<&str>,
    validate: impl FnOnce() -> Result<(), E>,
) -> Result<Named, E> {
    let reference = FunctionReference::parse(name);
    if let Some(reference) = &reference {
        let foreign = reference.account.as_ref().is_some_and(|account| *account != caller.account);
        if foreign && reach == Reach::OwnAccount {
            return Err(Error::ForeignAccount.into());
        }
        if let Some(region) = reference.region.as_ref().filter(|region| **region != caller.region) {
            return Err(Error::NotFound(format!(
                "Functions from '{region}' are not reachable in this region ('{}')",
                caller.region
            ))
            .into());
        }
    }
    validate()?;
    // What passes AWS's pattern parses; a name that does not is nowhere to be found.
    let Some(reference) = reference else {
        let id = FunctionId { scope: caller.clone(), name: name.to_owned() };
        return Err(Error::function_not_found(&id.arn()).into());
    };
    let qualifier = match (reference.qualifier, qualifier) {
        (Some(derived), Some(given)) if derived != given => {
            return Err(Error::InvalidParameter(
                "The derived qualifier from the function name does not match the specified qualifier."
                    .to_owned(),
            )
            .into());
        }
        (derived, given) => derived.or_else(|| given.map(str::to_owned)),
    };
    let scope = Scope {
        account: reference.account.unwrap_or_else(|| caller.account.clone()),
        region: caller.region.clone(),
    };
    Ok(Named { id: FunctionId { scope, name: reference.name }, qualifier })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Scope {
        Scope { account: "000000000000".into(), region: "us-east-1".into() }
    }

    fn named(reach: Reach, name: &str, qualifier: Option<&str>) -> Result<String, Error> {
        resolve(&caller(), reach, name, qualifier, || Ok(())).map(|named| named.arn())
    }

    const FOREIGN: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

    #[test]
    fn the_account_is_checked_before_the_region_and_the_region_before_the_pattern() {
        assert_eq!(named(Reach::OwnAccount, FOREIGN, None), Err(Error::ForeignAccount));
        assert_eq!(named(Reach::AnyAccount, FOREIGN, None).as_deref(), Ok(FOREIGN));
        let elsewhere = "arn:aws:lambda:ap-southeast-1:000000000000:function:f";
        let message = "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')";
        let refused =
            resolve::<Error>(&caller(), Reach::OwnAccount, elsewhere, None, || Err(Error::RevisionMismatch));
        assert_eq!(refused, Err(Error::NotFound(message.into())));
        let refused =
            resolve::<Error>(&caller(), Reach::OwnAccount, "f!", None, || Err(Error::RevisionMismatch));
        assert_eq!(refused, Err(Error::RevisionMismatch));
    }

    #[test]
    fn a_qualifier_in_the_name_and_one_beside_it_must_agree() {
        let qualified = "arn:aws:lambda:us-east-1:000000000000:function:f:1";
        assert_eq!(named(Reach::OwnAccount, "f:1", Some("1")).as_deref(), Ok(qualified));
        assert_eq!(named(Reach::OwnAccount, "f", Some("1")).as_deref(), Ok(qualified));
        assert!(matches!(named(Reach::OwnAccount, "f:1", Some("2")), Err(Error::InvalidParameter(_))));
    }
}
