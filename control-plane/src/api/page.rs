//! Pure: pages of lists, and the markers between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as MARKER;
use lambdock_domain::Error as DomainError;

use super::Error;

/// Items of a page of most lists. [AWS: 50, even when more are asked for]
const LARGEST: usize = 50;

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// The key of the last item of the page before.
    pub(super) after: Option<String>,
    /// Items of this page.
    pub(super) size: usize,
}

impl Page {
    /// Reads `Marker` and `MaxItems`.
    ///
    /// # Errors
    /// A marker that is none of ours.
    pub(super) fn read(marker: Option<&str>, max_items: Option<i64>) -> Result<Self, Error> {
        Self::read_at_most(LARGEST, marker, max_items)
    }

    /// The same for a list whose pages have up to `largest` items.
    ///
    /// # Errors
    /// A marker that is none of ours.
    pub(super) fn read_at_most(
        largest: usize,
        marker: Option<&str>,
        max_items: Option<i64>,
    ) -> Result<Self, Error> {
        let after = marker.map(|marker| {
            let key = MARKER.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            key.ok_or_else(|| invalid(marker))
        });
        let asked = max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(largest);
        Ok(Self { after: after.transpose()?, size: asked.clamp(1, largest) })
    }

    /// Items to look for: one more than the page has, to know whether there is a next page.
    pub(super) fn look_for(&self) -> usize {
        self.size + 1
    }

    /// The page and `NextMarker` from the whole list, which is in the order of its keys.
    pub(super) fn part<T>(&self, list: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let after = self.after.as_deref();
        let left = list.into_iter().filter(|item| after.is_none_or(|after| *key(item) > *after));
        self.cut(left.take(self.look_for()).collect(), key)
    }

    /// Takes the page off what was found, and `NextMarker`.
    pub(super) fn cut<T>(&self, mut found: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let more = found.len() > self.size;
        found.truncate(self.size);
        let marker = found.last().filter(|_| more).map(|last| MARKER.encode(key(last)));
        (found, marker)
    }
}

/// A marker that was not given out for this list.
pub(super) fn invalid(marker: &str) -> Error {
    DomainError::InvalidParameter(format!("Invalid marker: {marker}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(of: &[&str], size: i64) -> Vec<Vec<String>> {
        let (mut pages, mut marker) = (Vec::new(), None::<String>);
        loop {
            let page = Page::read(marker.as_deref(), Some(size)).unwrap();
            let after = page.after.clone().unwrap_or_default();
            let found: Vec<&str> =
                of.iter().copied().filter(|item| **item > *after).take(page.look_for()).collect();
            let (items, next) = page.cut(found, |item| (*item).to_owned());
            pages.push(items.into_iter().map(str::to_owned).collect());
            match next {
                Some(next) => marker = Some(next),
                None => return pages,
            }
        }
    }

    #[test]
    fn following_the_markers_shows_everything_once() {
        assert_eq!(pages(&["a", "b", "c"], 2), [vec!["a", "b"], vec!["c"]]);
        assert_eq!(pages(&["a", "b"], 2), [["a", "b"]]);
        assert_eq!(pages(&[], 2), [Vec::<String>::new()]);
    }

    #[test]
    fn a_page_of_a_whole_list_begins_after_the_one_before() {
        let first = Page::read(None, Some(2)).unwrap();
        let (items, marker) = first.part(vec!["a", "b", "c"], |item| (*item).to_owned());
        assert_eq!(items, ["a", "b"]);
        let second = Page::read(marker.as_deref(), Some(2)).unwrap();
        assert_eq!(second.part(vec!["a", "b", "c"], |item| (*item).to_owned()), (vec!["c"], None));
    }

    #[test]
    fn a_page_has_fifty_items_at_most() {
        assert_eq!(Page::read(None, Some(10_000)).unwrap().size, 50);
        assert_eq!(Page::read(None, None).unwrap().size, 50);
    }

    #[test]
    fn a_marker_that_was_not_given_out_is_refused() {
        assert!(Page::read(Some("%%"), None).is_err());
    }
}
