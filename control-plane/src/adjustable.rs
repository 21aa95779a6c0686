//! A value that may be replaced while those who read it work.

use std::sync::{Arc, PoisonError, RwLock};

/// A value; clones are the same one.
#[derive(Debug, Default)]
pub struct Adjustable<T> {
    value: Arc<RwLock<Arc<T>>>,
}

impl<T> Clone for Adjustable<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value) }
    }
}

impl<T> Adjustable<T> {
    /// With this value for now.
    pub fn new(value: T) -> Self {
        Self { value: Arc::new(RwLock::new(Arc::new(value))) }
    }

    /// The value as it is now. Who needs two of its parts to fit together takes them from one call.
    pub fn get(&self) -> Arc<T> {
        // It is replaced whole.
        Arc::clone(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, this is the value.
    pub fn set(&self, value: T) {
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_see_a_new_value_and_readers_keep_what_they_took() {
        let one = Adjustable::new(1);
        let (same, taken) = (one.clone(), one.get());
        one.set(2);
        assert_eq!((*same.get(), *taken), (2, 1));
    }
}
