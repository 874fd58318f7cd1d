//! [`Map`]: a stage that is a plain function of its item.

use super::{Function, Items, Outcome, Runner};
use crate::model::sync::Arc;
use crate::model::sync::atomic::{AtomicBool, Ordering};

/// `f` for each item.
pub(crate) struct Map<F>(pub(crate) F);

struct MapRunner<F>(Arc<Map<F>>);

/// Items between two looks at the stop flag.
const STRIDE: usize = 16;

impl<A, B, F> Function<A, B> for Map<F>
where
    F: Fn(A) -> B + Send + Sync,
{
    fn for_run<'e>(self: Arc<Self>) -> Arc<dyn Function<A, B> + 'e>
    where
        Self: 'e,
    {
        self
    }

    fn runner<'e>(self: Arc<Self>) -> Box<dyn Runner<A, B> + 'e>
    where
        Self: 'e,
    {
        Box::new(MapRunner(self))
    }
}

impl<A, B, F: Fn(A) -> B> Runner<A, B> for MapRunner<F> {
    fn run(&mut self, items: &mut Items<'_, A>, out: &mut Vec<B>, stop: &AtomicBool) -> Outcome<()> {
        let f = &self.0.0;
        let mut items = items.lend();
        loop {
            for _ in 0..STRIDE {
                let Some(item) = items.next() else { return Ok(()) };
                out.push(f(item));
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    fn one(&mut self, item: A) -> Outcome<B> {
        Ok(self.0.0(item))
    }
}
