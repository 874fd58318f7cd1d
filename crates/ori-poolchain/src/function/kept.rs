//! [`Kept`]: a stage whose function borrows its item, so that the item is still there for another
//! try when the function panics or runs out of time.

use super::{Function, Items, Outcome, Runner};
use crate::model::sync::Arc;
use crate::model::sync::atomic::{AtomicBool, Ordering};

/// `f` for a reference to each item, which is shared with whoever may try it again.
pub(crate) struct Kept<F>(pub(crate) F);

struct KeptRunner<F>(Arc<Kept<F>>);

impl<A, B, F> Function<Arc<A>, B> for Kept<F>
where
    F: Fn(&A) -> B + Send + Sync,
{
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<Arc<A>, B> + 'e>
    where
        Self: 'e,
    {
        self
    }

    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<Arc<A>, B> + 'e>
    where
        Self: 'e,
    {
        Box::new(KeptRunner(self))
    }
}

impl<A, B, F: Fn(&A) -> B> Runner<Arc<A>, B> for KeptRunner<F> {
    fn run(&mut self, items: &mut Items<'_, Arc<A>>, out: &mut Vec<B>, stop: &AtomicBool) -> Outcome<()> {
        for item in items.lend() {
            out.push(self.0.0(&item));
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, item: Arc<A>) -> Outcome<B> {
        Ok(self.0.0(&item))
    }
}
