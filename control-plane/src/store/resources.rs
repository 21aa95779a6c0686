//! Several resources in one transaction.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use lambdock_domain::{Function, FunctionId, PublishedVersion};
use rusqlite::Transaction;

use super::{Error, FunctionView, Observer, Store, attachments};

/// Everything in the store, as it is while nobody else can change it.
pub struct Resources<'a> {
    pub(super) transaction: Transaction<'a>,
    /// Whose observers are to be told.
    pub(super) touched: RefCell<BTreeSet<FunctionId>>,
}

impl Store {
    /// Does `work` in one transaction, which is kept if it succeeds.
    ///
    /// # Errors
    /// Those of `work`, or the store failed; then nothing has changed.
    pub async fn transact<T, E>(
        &self,
        work: impl FnOnce(&Resources<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let observer = Arc::clone(&self.observer);
        self.run(move |connection| {
            let transaction = connection.transaction().map_err(Error::from)?;
            let resources = Resources { transaction, touched: RefCell::default() };
            let value = work(&resources)?;
            resources.commit(&*observer)?;
            Ok(value)
        })
        .await?
    }
}

impl Resources<'_> {
    /// Keeps what was done, then tells of the functions that it was done to.
    fn commit(self, observer: &dyn Observer) -> Result<(), Error> {
        let touched = self.touched.take();
        let shares = touched.iter().map(|id| attachments::share(&self.transaction, id));
        let shares = shares.collect::<Result<Vec<_>, Error>>()?;
        self.transaction.commit()?;
        for share in &shares {
            observer.changed(&share.function);
            observer.concurrency(share);
        }
        Ok(())
    }

    /// The function, if it exists.
    ///
    /// # Errors
    /// The store failed.
    pub fn function(&self, id: &FunctionId) -> Result<Option<Function>, Error> {
        self.view(id).function()
    }

    /// Adds a function, with the version that is published in the same step. `false`: its name is taken.
    ///
    /// # Errors
    /// The store failed.
    pub fn add_function(
        &self,
        function: &Function,
        version: Option<&PublishedVersion>,
    ) -> Result<bool, Error> {
        if self.function(&function.id)?.is_some() {
            return Ok(false);
        }
        self.touch(&function.id);
        super::functions::write_function(&self.transaction, function)?;
        if let Some(version) = version {
            super::view::write_version(&self.transaction, &function.id, version)?;
        }
        Ok(true)
    }

    /// Replaces a version.
    ///
    /// # Errors
    /// The store failed.
    pub fn put_version(&self, id: &FunctionId, version: &PublishedVersion) -> Result<(), Error> {
        self.touch(id);
        super::view::write_version(&self.transaction, id, version)
    }

    /// The function with its versions and aliases.
    pub fn view<'b>(&'b self, id: &'b FunctionId) -> FunctionView<'b> {
        FunctionView::new(&self.transaction, id)
    }

    pub(super) fn touch(&self, id: &FunctionId) {
        self.touched.borrow_mut().insert(id.clone());
    }
}
