//! [`Shared`]: of a stream of items, those that have something in common.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Gives the items whose key another item has too, as soon as that is known.
///
/// The first item of each key waits until the second one comes; those that stay alone are dropped.
/// So the next step begins while this one still finds more.
pub(crate) struct Shared<S: Iterator, K> {
    items: S,
    key: fn(&S::Item) -> K,
    /// For each key its first item, until that is given.
    seen: HashMap<K, Option<S::Item>>,
    /// The second item of a key, after its first.
    next: Option<S::Item>,
}

impl<S: Iterator, K> Shared<S, K> {
    pub(crate) fn new(items: S, key: fn(&S::Item) -> K) -> Self {
        Self { items, key, seen: HashMap::new(), next: None }
    }
}

impl<S: Iterator, K: Eq + Hash> Iterator for Shared<S, K> {
    type Item = S::Item;

    fn next(&mut self) -> Option<S::Item> {
        if let Some(second) = self.next.take() {
            return Some(second);
        }
        loop {
            let item = self.items.next()?;
            match self.seen.entry((self.key)(&item)) {
                Entry::Vacant(place) => {
                    place.insert(Some(item));
                }
                Entry::Occupied(mut place) => match place.get_mut().take() {
                    Some(first) => {
                        self.next = Some(item);
                        return Some(first);
                    }
                    None => return Some(item),
                },
            }
        }
    }
}
