//! [`Items`]: the items of a batch that no function has taken yet.
//!
//! A loop that takes items from behind a reference must write the iterator's state to memory for
//! each of them, which costs as much as a cheap item. A loop that owns the iterator keeps it in
//! registers, but drops it when an item panics. So a loop *borrows by value*: [`Items::lend`] gives
//! an iterator that puts what is left back when it is dropped, also while a panic unwinds.

use std::vec::Drain;

/// What is left of a batch.
pub(crate) struct Items<'v, A> {
    left: Option<Drain<'v, A>>,
}

impl<'v, A> Items<'v, A> {
    pub(crate) fn new(items: Drain<'v, A>) -> Self {
        Self { left: Some(items) }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.as_ref().map_or(0, ExactSizeIterator::len)
    }

    /// The items, to be put back when the iterator is dropped.
    pub(crate) fn lend(&mut self) -> Lent<'_, 'v, A> {
        let items = self.left.take();
        Lent { owner: self, items }
    }

    /// Takes out what is left.
    pub(crate) fn into_rest(self) -> Vec<A> {
        self.left.map_or_else(Vec::new, Iterator::collect)
    }
}

pub(crate) struct Lent<'s, 'v, A> {
    owner: &'s mut Items<'v, A>,
    items: Option<Drain<'v, A>>,
}

impl<A> Iterator for Lent<'_, '_, A> {
    type Item = A;

    #[inline(always)]
    fn next(&mut self) -> Option<A> {
        self.items.as_mut()?.next()
    }
}

impl<A> Drop for Lent<'_, '_, A> {
    fn drop(&mut self) {
        self.owner.left = self.items.take();
    }
}
