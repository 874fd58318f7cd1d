//! [`Queue`]: one queue for threads and tasks.
//!
//! The items are in a ring buffer; two semaphores count them and the free places. An item enters
//! only when it has a place, so one that finds none is still in the hands of its owner: a put that
//! is cancelled or runs out of time gives it back. A getter takes its share of the count before it
//! takes an item, so one that is cancelled has taken nothing, and its share goes to the next. The
//! semaphores wake in the order of asking and lose no wake-up. (The channel crate flume, which was
//! tried first, does when threads and tasks get from one queue, or when gets are cancelled.)

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use tokio::sync::Semaphore;

use crate::operation::runtime;
use crate::wait::{wait_here, wait_here_for};

/// How long a put waits for a free place, and a get for an item.
///
/// ```
/// use mt_aio::{Block, ErrorKind, Queue};
///
/// let queue = Queue::<u8>::unbounded();
/// let error = queue.get_with(Block::No).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::QueueEmpty);
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// As long as it takes (`block=True`).
    Forever,
    /// This long at most (`timeout=..`).
    For(Duration),
    /// Not at all (`block=False`).
    No,
}

/// A first-in, first-out queue that threads and tasks share.
///
/// [`put`](Self::put) and [`get`](Self::get) block the thread; [`qput_aio`] and [`qget_aio`] wait
/// without holding it. Both kinds of caller can use one queue at the same time, on either end.
/// Nobody polls: whoever waits is woken.
///
/// Clones are the same queue. Its items are dropped with the last clone.
///
/// ```
/// use mt_aio::{Block, Queue, qget_aio};
///
/// let queue = Queue::bounded(2);
/// let producer = queue.clone();
/// let thread = std::thread::spawn(move || (0..5).try_for_each(|n| producer.put(n)).unwrap());
/// # futures_lite::future::block_on(async {
/// for n in 0..5 {
///     assert_eq!(qget_aio(&queue, Block::Forever).await.unwrap(), n);
/// }
/// # });
/// thread.join().unwrap();
/// ```
pub struct Queue<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    items: Mutex<VecDeque<T>>,
    /// As many as there are items that no getter has claimed.
    present: Semaphore,
    free: Option<Places>,
}

/// The free places of a bounded queue.
struct Places {
    count: Semaphore,
    capacity: usize,
}

impl<T> Queue<T> {
    /// A queue of at most `capacity` items: a put waits for a free place.
    ///
    /// A capacity of 0, or beyond `usize::MAX >> 3`, is a `Validation` error of the first put and
    /// get. (In the original 0 means unbounded.)
    ///
    /// ```
    /// use mt_aio::{Block, Queue};
    ///
    /// let queue = Queue::bounded(1);
    /// queue.put("first").unwrap();
    /// assert_eq!(queue.put_with("second", Block::No).unwrap_err().into_value(), "second");
    /// ```
    #[must_use]
    pub fn bounded(capacity: usize) -> Self {
        // One that is too large has no place, and is refused like 0.
        let capacity = if capacity > Semaphore::MAX_PERMITS { 0 } else { capacity };
        Self::new(Some(Places { count: Semaphore::new(capacity), capacity }))
    }

    /// A queue without a bound: a put never waits.
    ///
    /// ```
    /// let queue = mt_aio::Queue::unbounded();
    /// for n in 0..1_000 {
    ///     queue.put(n).unwrap();
    /// }
    /// assert_eq!(queue.len(), 1_000);
    /// ```
    #[must_use]
    pub fn unbounded() -> Self {
        Self::new(None)
    }

    fn new(free: Option<Places>) -> Self {
        let (items, present) = (Mutex::default(), Semaphore::new(0));
        Self { shared: Arc::new(Shared { items, present, free }) }
    }

    /// Adds an item, blocking the thread until there is a place.
    ///
    /// # Errors
    /// `Validation` when the queue was made with a bad capacity.
    ///
    /// ```
    /// let queue = mt_aio::Queue::bounded(8);
    /// queue.put(1).unwrap();
    /// assert_eq!(queue.get().unwrap(), 1);
    /// ```
    pub fn put(&self, value: T) -> Result<(), PutError<T>> {
        self.put_with(value, Block::Forever)
    }

    /// Takes the oldest item, blocking the thread until there is one.
    ///
    /// # Errors
    /// `Validation` when the queue was made with a bad capacity.
    ///
    /// ```
    /// # let queue = mt_aio::Queue::bounded(8);
    /// queue.put("a").unwrap();
    /// assert_eq!(queue.get().unwrap(), "a");
    /// ```
    pub fn get(&self) -> Result<T> {
        self.get_with(Block::Forever)
    }

    /// [`put`](Self::put) with a limit.
    ///
    /// # Errors
    /// `QueueFull` when there is no place within the limit; `Validation` when the queue was made
    /// with a bad capacity. The error holds the item.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mt_aio::{Block, ErrorKind, Queue};
    ///
    /// let queue = Queue::bounded(1);
    /// queue.put('a').unwrap();
    /// let error = queue.put_with('b', Block::For(Duration::from_millis(1))).unwrap_err();
    /// assert_eq!((error.kind(), error.into_value()), (ErrorKind::QueueFull, 'b'));
    /// ```
    pub fn put_with(&self, value: T, block: Block) -> Result<(), PutError<T>> {
        let claimed = self.shared.free().map(|free| free.is_none_or(|free| claim_here(free, block)));
        self.shared.put_in(claimed, value)
    }

    /// [`get`](Self::get) with a limit.
    ///
    /// # Errors
    /// `QueueEmpty` when there is no item within the limit; `Validation` when the queue was made
    /// with a bad capacity.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mt_aio::{Block, Queue};
    ///
    /// let queue = Queue::<u8>::bounded(1);
    /// assert!(queue.get_with(Block::For(Duration::from_millis(1))).is_err());
    /// ```
    pub fn get_with(&self, block: Block) -> Result<T> {
        self.shared.free()?;
        self.shared.take(claim_here(&self.shared.present, block))
    }

    /// How many items wait to be taken.
    ///
    /// ```
    /// assert_eq!(mt_aio::Queue::<u8>::unbounded().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.items().len()
    }

    /// Whether no item waits to be taken.
    ///
    /// ```
    /// assert!(mt_aio::Queue::<u8>::unbounded().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Shared<T> {
    /// The count of free places, if the queue is bounded.
    fn free(&self) -> Result<Option<&Semaphore>> {
        match &self.free {
            Some(places) if places.capacity == 0 => {
                let most = Semaphore::MAX_PERMITS;
                let message = format!("a bounded queue has between 1 and {most} places");
                Err(OriError::new(ErrorKind::Validation, message))
            }
            places => Ok(places.as_ref().map(|places| &places.count)),
        }
    }

    /// Puts an item in the place that was claimed for it.
    fn put_in(&self, claimed: Result<bool>, value: T) -> Result<(), PutError<T>> {
        let error = match claimed {
            Ok(true) => {
                self.items().push_back(value);
                self.present.add_permits(1);
                return Ok(());
            }
            Ok(false) => {
                OriError::new(ErrorKind::QueueFull, "the queue is full: no place became free in time")
            }
            Err(error) => error,
        };
        Err(PutError { value, error })
    }

    /// Takes the item that was claimed.
    fn take(&self, claimed: bool) -> Result<T> {
        if !claimed {
            return Err(OriError::new(ErrorKind::QueueEmpty, "the queue is empty: no item came in time"));
        }
        let value = self.items().pop_front().expect("as many items as claims");
        if let Some(places) = &self.free {
            places.count.add_permits(1);
        }
        Ok(value)
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes one off a count, blocking the thread; tells whether there was one in time.
fn claim_here(count: &Semaphore, block: Block) -> bool {
    claim_now(count)
        || match block {
            Block::Forever => wait_here(claim(count)),
            Block::For(limit) => wait_here_for(limit, claim(count)).unwrap_or(false),
            Block::No => false,
        }
}

/// Takes one off a count without holding the thread; tells whether there was one in time.
async fn claim_aio(count: &Semaphore, block: Block) -> Result<bool> {
    if claim_now(count) {
        return Ok(true);
    }
    match block {
        Block::Forever => Ok(claim(count).await),
        Block::For(limit) => {
            runtime()?;
            Ok(tokio::time::timeout(limit, claim(count)).await.unwrap_or(false))
        }
        Block::No => Ok(false),
    }
}

fn claim_now(count: &Semaphore) -> bool {
    count.try_acquire().map(|one| one.forget()).is_ok()
}

async fn claim(count: &Semaphore) -> bool {
    // Never closed, so never an error.
    count.acquire().await.map(|one| one.forget()).is_ok()
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.shared.free.as_ref().map(|free| free.capacity);
        f.debug_struct("Queue").field("len", &self.len()).field("capacity", &capacity).finish()
    }
}

/// Adds an item to a queue, waiting for a place without holding the thread.
///
/// # Errors
/// `QueueFull` when there is no place within the limit; `Validation` when the queue was made with
/// a bad capacity; `Unsupported` when there is a limit to wait for outside a tokio runtime. The
/// error holds the item.
///
/// # Cancel safety
/// A future that is dropped has not added its item, and drops it.
///
/// ```
/// use mt_aio::{Block, Queue, qput_aio};
///
/// # futures_lite::future::block_on(async {
/// let queue = Queue::bounded(1);
/// qput_aio(&queue, "a", Block::Forever).await.unwrap();
/// let error = qput_aio(&queue, "b", Block::No).await.unwrap_err();
/// assert_eq!(error.into_value(), "b");
/// # });
/// ```
pub async fn qput_aio<T>(queue: &Queue<T>, value: T, block: Block) -> Result<(), PutError<T>> {
    let claimed = match queue.shared.free() {
        Ok(Some(free)) => claim_aio(free, block).await,
        Ok(None) => Ok(true),
        Err(error) => Err(error),
    };
    queue.shared.put_in(claimed, value)
}

/// Takes the oldest item of a queue, waiting for one without holding the thread.
///
/// # Errors
/// `QueueEmpty` when there is no item within the limit; `Validation` when the queue was made with
/// a bad capacity; `Unsupported` when there is a limit to wait for outside a tokio runtime.
///
/// # Cancel safety
/// A future that is dropped has taken no item.
///
/// ```
/// use mt_aio::{Block, Queue, qget_aio};
///
/// # futures_lite::future::block_on(async {
/// let queue = Queue::unbounded();
/// queue.put(1).unwrap();
/// assert_eq!(qget_aio(&queue, Block::Forever).await.unwrap(), 1);
/// assert!(qget_aio(&queue, Block::No).await.is_err());
/// # });
/// ```
pub async fn qget_aio<T>(queue: &Queue<T>, block: Block) -> Result<T> {
    queue.shared.free()?;
    queue.shared.take(claim_aio(&queue.shared.present, block).await?)
}

/// A put that found no place. Holds the item.
///
/// Becomes an [`OriError`] with `?`, without the item.
///
/// ```
/// use mt_aio::{Block, ErrorKind, OriError, Queue};
///
/// let queue = Queue::bounded(1);
/// queue.put(1).unwrap();
/// let error = queue.put_with(2, Block::No).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::QueueFull);
/// assert!(OriError::from(error).to_string().starts_with("the queue is full"));
/// ```
#[derive(thiserror::Error)]
#[error("{error}")]
pub struct PutError<T> {
    value: T,
    error: OriError,
}

impl<T> PutError<T> {
    /// The kind of the failure.
    ///
    /// ```
    /// # use mt_aio::{ErrorKind, Queue};
    /// let error = Queue::bounded(0).put('x').unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Validation);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The item, given back.
    ///
    /// ```
    /// # use mt_aio::Queue;
    /// assert_eq!(Queue::bounded(0).put('x').unwrap_err().into_value(), 'x');
    /// ```
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> From<PutError<T>> for OriError {
    fn from(error: PutError<T>) -> Self {
        error.error
    }
}
