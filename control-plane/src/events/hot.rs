//! Pure: work that is kept in memory besides, because it begins soon: it need not be read from the disk.

use std::collections::HashMap;

use bytes::Bytes;

use super::queue::Number;
use super::work::Item;

/// Bytes of payloads that are kept. What is more is on the disk alone.
const BYTES: usize = 16 << 20;

/// Work in memory.
#[derive(Debug, Default)]
pub(super) struct Hot {
    items: HashMap<Number, Item>,
    bytes: usize,
}

/// What an item takes besides its payload, roughly.
const OVERHEAD: usize = 512;

fn size(item: &Item) -> usize {
    item.body.len() + OVERHEAD
}

impl Hot {
    /// Keeps an item if there is room.
    pub(super) fn keep(&mut self, number: Number, item: Item) {
        let size = size(&item);
        if self.bytes + size <= BYTES {
            self.bytes += size;
            // What came over a connection is a part of a larger buffer, which would be kept whole.
            let body = Bytes::copy_from_slice(&item.body);
            self.items.insert(number, Item { body, ..item });
        }
    }

    /// An item that was kept.
    pub(super) fn take(&mut self, number: Number) -> Option<Item> {
        let item = self.items.remove(&number)?;
        self.bytes -= size(&item);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use lambdock_domain::{FunctionId, Scope, Timestamp};

    use super::super::work::{Event, Work};
    use super::*;

    fn item(bytes: usize) -> Item {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let event = Event {
            request_id: "r".into(),
            function: FunctionId { scope, name: "f".into() },
            qualifier: None,
            trace: "Root=1-2-3".into(),
            tenant: None,
            accepted: Timestamp(0),
            failures: 0,
            refusals: 0,
        };
        Item { work: Work::Event(event), body: Bytes::from(vec![0; bytes]) }
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let mut hot = Hot::default();
        hot.keep(1, item(10 << 20));
        hot.keep(2, item(10 << 20));
        hot.keep(3, item(1 << 20));
        assert_eq!((hot.take(1).is_some(), hot.take(2).is_some()), (true, false));
        hot.keep(4, item(14 << 20));
        assert!(hot.take(4).is_some() && hot.take(3).is_some());
        assert_eq!((hot.take(4), hot.bytes), (None, 0));
    }
}
