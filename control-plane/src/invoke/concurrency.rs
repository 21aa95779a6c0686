//! How many executions may run at the same time: per function that has reserved some, and per account and region for
//! all others together.
//!
//! An execution takes, in this order: an environment that is provisioned for its version; what the function has
//! reserved and not provisioned; what the account has left. [AWS: Lambda function scaling]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lambdock_domain::concurrency::Share;
use lambdock_domain::{FunctionId, Scope};

use crate::metrics::{self, Standing};

/// Why an invocation is refused for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// The function has used up what it has reserved.
    Reserved,
    /// The account has used up what is not reserved.
    Account,
}

impl Throttle {
    /// `Reason` of the answer. [AWS: the first recorded]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "ReservedFunctionConcurrentInvocationLimitExceeded",
            Self::Account => "ConcurrentInvocationLimitExceeded",
        }
    }
}

/// The executions of all accounts.
pub struct Concurrency {
    limit: AtomicU32,
    accounts: RwLock<HashMap<Scope, Arc<Account>>>,
}

#[derive(Default)]
struct Account {
    /// Executions that neither a reservation nor a provisioned environment covers.
    running: AtomicU32,
    /// What functions keep for themselves, taken together.
    kept: AtomicU32,
    functions: RwLock<HashMap<String, Arc<Function>>>,
}

#[derive(Default)]
struct Function {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    reserved: Option<u32>,
    provisioned: u32,
    /// Executions outside of provisioned environments.
    running: u32,
    /// Executions in provisioned environments, by version.
    in_provisioned: HashMap<String, u32>,
}

impl Books {
    fn kept(&self) -> u32 {
        self.reserved.unwrap_or(self.provisioned)
    }
}

impl Function {
    fn books(&self) -> MutexGuard<'_, Books> {
        // Every change is a single step.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Concurrency {
    /// For `limit` executions in each account and region.
    pub fn new(limit: u32) -> Self {
        Self { limit: AtomicU32::new(limit), accounts: RwLock::default() }
    }

    /// Lets so many run from now on.
    pub fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn account(&self, scope: &Scope) -> Arc<Account> {
        if let Some(account) = self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(scope) {
            return Arc::clone(account);
        }
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(scope.clone()).or_default())
    }

    /// A function keeps this for itself from now on. Calls for one function must not overlap.
    pub fn keep(&self, share: &Share) {
        let account = self.account(&share.function.scope);
        let function = account.function(&share.function.name);
        let mut books = function.books();
        let before = books.kept();
        (books.reserved, books.provisioned) = (share.reserved, share.provisioned);
        let now = books.kept();
        // Wraps where less is kept than before, which is right: the sum of all of them is never negative.
        account.kept.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
    }

    /// What the function has reserved, if it has.
    pub fn reserved(&self, id: &FunctionId) -> Option<u32> {
        self.account(&id.scope).function(&id.name).books().reserved
    }

    /// Lets one more execution of a version run. `provisioned`: environments that are ready for it.
    ///
    /// # Errors
    /// There are as many as there may be.
    pub fn enter(&self, id: &FunctionId, version: &str, provisioned: u32) -> Result<Permit, Throttle> {
        let account = self.account(&id.scope);
        let function = account.function(&id.name);
        let mut books = function.books();
        if provisioned > 0 {
            let running = books.in_provisioned.entry(version.to_owned()).or_default();
            if *running < provisioned {
                *running += 1;
                let at_work = *running;
                let of_function = books.in_provisioned.values().sum();
                drop(books);
                let place = metrics::Place::Provisioned { at_work, ready: provisioned, of_function };
                let standing = account.standing(place);
                let place = Place::Provisioned(version.to_owned());
                return Ok(Permit { account, function, place, standing });
            }
        }
        let place = match books.reserved {
            Some(reserved) if books.running < reserved.saturating_sub(books.provisioned) => Place::Reserved,
            Some(_) => return Err(Throttle::Reserved),
            None => {
                let left =
                    self.limit.load(Ordering::Relaxed).saturating_sub(account.kept.load(Ordering::Relaxed));
                let one_more = |running: u32| (running < left).then_some(running + 1);
                account
                    .running
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
                    .map_err(|_| Throttle::Account)?;
                Place::Account
            }
        };
        books.running += 1;
        drop(books);
        let spilled = provisioned > 0;
        let standing =
            account.standing(if spilled { metrics::Place::Spilled } else { metrics::Place::OnDemand });
        Ok(Permit { account, function, place, standing })
    }
}

impl Account {
    fn standing(&self, place: metrics::Place) -> Standing {
        let (unreserved, kept) = (self.running.load(Ordering::Relaxed), self.kept.load(Ordering::Relaxed));
        Standing { unreserved, kept, place }
    }

    fn function(&self, name: &str) -> Arc<Function> {
        if let Some(function) = self.functions.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(function);
        }
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(functions.entry(name.to_owned()).or_default())
    }
}

/// What an execution takes.
enum Place {
    Provisioned(String),
    Reserved,
    Account,
}

/// The right to run one execution, for as long as it lives.
pub struct Permit {
    account: Arc<Account>,
    function: Arc<Function>,
    place: Place,
    standing: Standing,
}

impl Permit {
    /// How much was in use when it was given, itself included.
    pub fn standing(&self) -> Standing {
        self.standing
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut books = self.function.books();
        match &self.place {
            Place::Provisioned(version) => {
                if let Some(running) = books.in_provisioned.get_mut(version) {
                    *running -= 1;
                    if *running == 0 {
                        books.in_provisioned.remove(version);
                    }
                }
            }
            Place::Reserved => books.running -= 1,
            Place::Account => {
                books.running -= 1;
                self.account.running.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> FunctionId {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionId { scope, name: name.into() }
    }

    fn keep(concurrency: &Concurrency, name: &str, reserved: Option<u32>, provisioned: u32) {
        concurrency.keep(&Share { function: id(name), reserved, provisioned });
    }

    fn enter(concurrency: &Concurrency, name: &str) -> Result<Permit, Throttle> {
        concurrency.enter(&id(name), "$LATEST", 0)
    }

    #[test]
    fn a_function_that_reserves_nothing_at_all_cannot_run() {
        let concurrency = Concurrency::new(10);
        keep(&concurrency, "a", Some(0), 0);
        assert_eq!(enter(&concurrency, "a").err(), Some(Throttle::Reserved));
        keep(&concurrency, "a", None, 0);
        assert!(enter(&concurrency, "a").is_ok());
    }

    #[test]
    fn a_reservation_is_a_promise_and_a_limit() {
        let concurrency = Concurrency::new(3);
        keep(&concurrency, "a", Some(1), 0);
        let others = [enter(&concurrency, "b").unwrap(), enter(&concurrency, "c").unwrap()];
        assert_eq!(enter(&concurrency, "b").err(), Some(Throttle::Account));
        let own = enter(&concurrency, "a").unwrap();
        assert_eq!(enter(&concurrency, "a").err(), Some(Throttle::Reserved));
        drop(own);
        let _own = enter(&concurrency, "a").unwrap();
        drop(others);
        assert!(enter(&concurrency, "b").is_ok());
    }

    #[test]
    fn provisioned_environments_are_taken_first_and_are_part_of_the_reservation() {
        let concurrency = Concurrency::new(10);
        keep(&concurrency, "a", Some(2), 1);
        let within = concurrency.enter(&id("a"), "1", 1).unwrap();
        let place = metrics::Place::Provisioned { at_work: 1, ready: 1, of_function: 1 };
        assert_eq!(within.standing(), Standing { unreserved: 0, kept: 2, place });
        let spilled = concurrency.enter(&id("a"), "1", 1).unwrap();
        assert_eq!(spilled.standing().place, metrics::Place::Spilled);
        assert_eq!(concurrency.enter(&id("a"), "1", 1).err(), Some(Throttle::Reserved));
        keep(&concurrency, "b", Some(1), 1);
        assert_eq!(enter(&concurrency, "b").err(), Some(Throttle::Reserved));
        assert!(concurrency.enter(&id("b"), "1", 1).is_ok());
    }

    #[test]
    fn what_is_provisioned_without_a_reservation_is_the_accounts() {
        let concurrency = Concurrency::new(2);
        keep(&concurrency, "a", None, 1);
        let _one = enter(&concurrency, "b").unwrap();
        assert_eq!(enter(&concurrency, "b").err(), Some(Throttle::Account));
        keep(&concurrency, "a", None, 0);
        assert!(enter(&concurrency, "b").is_ok());
    }
}
