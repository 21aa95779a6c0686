//! What was told before anybody could subscribe.

use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::buffer::Dropped;
use super::schema::Record;
use super::subscriber::Subscriber;
use super::subscription::Kind;

/// Bytes of lines that are kept. The first ones are: they say how the environment came up.
const LINE_BYTES: usize = 256 * 1024;

/// Records that are kept. An init phase has a few for itself and two for each of ten extensions.
const RECORDS: usize = 128;

/// Kept for subscribers to come.
#[derive(Debug, Default)]
pub(super) struct Early {
    told: Vec<Told>,
    records: usize,
    line_bytes: usize,
    function_dropped: Dropped,
    extension_dropped: Dropped,
}

#[derive(Debug)]
enum Told {
    Record(Box<Record>, String),
    Line(Kind, Option<Rc<str>>, Bytes),
}

impl Early {
    /// Keeps a record.
    pub(super) fn record(&mut self, record: &Record, time: &str) {
        if self.records < RECORDS {
            self.records += 1;
            self.told.push(Told::Record(Box::new(record.clone()), time.to_owned()));
        }
    }

    /// Whether a line can be kept; if not, its loss is noted.
    pub(super) fn has_room(&mut self, kind: Kind, bytes: usize) -> bool {
        if self.line_bytes + bytes <= LINE_BYTES {
            return true;
        }
        self.dropped(kind).add(Dropped { bytes: bytes as u64, records: 1 });
        false
    }

    /// Keeps the event of a line.
    pub(super) fn line(&mut self, kind: Kind, from: Option<&Rc<str>>, event: &Bytes) {
        self.line_bytes += event.len();
        self.told.push(Told::Line(kind, from.cloned(), event.clone()));
    }

    /// Tells a new subscriber.
    pub(super) fn replay(&self, subscriber: &Subscriber, now: Instant) {
        for told in &self.told {
            match told {
                Told::Record(record, time) => subscriber.record(record, time, now),
                Told::Line(kind, from, event) => {
                    if subscriber.wants(*kind, from.as_deref()) {
                        subscriber.event(event.clone(), now);
                    }
                }
            }
        }
        for (kind, dropped) in
            [(Kind::Function, self.function_dropped), (Kind::Extension, self.extension_dropped)]
        {
            if subscriber.wants(kind, None) {
                subscriber.note(dropped);
            }
        }
    }

    fn dropped(&mut self, kind: Kind) -> &mut Dropped {
        if kind == Kind::Extension { &mut self.extension_dropped } else { &mut self.function_dropped }
    }
}
