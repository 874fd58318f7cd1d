//! [`Batch`]: neighbouring items that travel together.
//!
//! A batch is named by the position of its first item in the input, so that batches can be split,
//! joined and run again anywhere and still find their place. Values lie side by side; the few
//! items that failed are kept apart with their positions, and cost nothing when there are none.

use ori_errors::OriError;

/// The items `first .. first + len` of the input, some of them failed.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    first: u64,
    /// The items that are still well, in input order.
    pub(crate) values: Vec<T>,
    /// The items that failed, with their positions, in input order.
    pub(crate) errors: Vec<(u64, OriError)>,
}

impl<T> Batch<T> {
    pub(crate) fn new(first: u64, values: Vec<T>) -> Self {
        Self { first, values, errors: Vec::new() }
    }

    pub(crate) fn with_errors(first: u64, values: Vec<T>, errors: Vec<(u64, OriError)>) -> Self {
        debug_assert!(errors.is_sorted_by_key(|(position, _)| *position));
        Self { first, values, errors }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// How many items, failed ones included.
    pub(crate) fn len(&self) -> usize {
        self.values.len() + self.errors.len()
    }

    /// The position after the last item.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.len() as u64
    }

    /// Adds the batch that follows this one without a gap.
    pub(crate) fn append(&mut self, mut next: Self) {
        debug_assert_eq!(self.end(), next.first);
        self.values.append(&mut next.values);
        self.errors.append(&mut next.errors);
    }

    /// Keeps the first `len` items and gives the rest.
    pub(crate) fn split_off(&mut self, len: usize) -> Self {
        let boundary = self.first + len as u64;
        let failed = self.errors.partition_point(|(position, _)| *position < boundary);
        let errors = self.errors.split_off(failed);
        let values = self.values.split_off(len - failed);
        Self { first: boundary, values, errors }
    }
}

/// The position in the input of the value number `index` of a batch that starts at `first` and
/// whose failed items are `errors`.
pub(crate) fn position(first: u64, errors: &[(u64, OriError)], index: usize) -> u64 {
    let mut position = first + index as u64;
    for (failed, _) in errors {
        if *failed > position {
            break;
        }
        position += 1;
    }
    position
}

/// Joins two lists of failed items, each in input order.
pub(crate) fn merge_errors(
    mut one: Vec<(u64, OriError)>,
    mut other: Vec<(u64, OriError)>,
) -> Vec<(u64, OriError)> {
    if one.is_empty() {
        return other;
    }
    if !other.is_empty() {
        one.append(&mut other);
        one.sort_by_key(|(position, _)| *position);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use ori_errors::ErrorKind;

    fn failed(position: u64) -> (u64, OriError) {
        (position, OriError::new(ErrorKind::Task, "no"))
    }

    #[test]
    fn positions_skip_the_failed_items() {
        let batch = Batch::with_errors(10, vec!['b', 'd', 'f'], vec![failed(10), failed(12), failed(14)]);
        assert_eq!([0, 1, 2].map(|index| position(batch.first(), &batch.errors, index)), [11, 13, 15]);
        assert_eq!(batch.end(), 16);
    }

    #[test]
    fn split_and_append_are_inverse() {
        for at in 0..=6 {
            let mut head =
                Batch::with_errors(10, vec!['b', 'd', 'f'], vec![failed(10), failed(12), failed(14)]);
            let tail = head.split_off(at);
            assert_eq!(head.len(), at);
            assert_eq!(tail.first(), 10 + at as u64);
            head.append(tail);
            assert_eq!(head.values, ['b', 'd', 'f']);
            assert_eq!(head.errors.iter().map(|(p, _)| *p).collect::<Vec<_>>(), [10, 12, 14]);
        }
    }
}
