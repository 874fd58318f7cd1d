//! [`Queue`]: one queue for threads and tasks.
//!
//! Items travel through an unbounded flume channel. The bound is a semaphore of free places: an
//! item is handed to the channel only when it has a place, so an item that finds none is still in
//! the hands of its owner, and a put that is cancelled or runs out of time gives it back.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ori_errors::{ErrorKind, OriError, Result};
use tokio::sync::{Semaphore, TryAcquireError};

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
    sender: flume::Sender<T>,
    receiver: flume::Receiver<T>,
    places: Option<Arc<Places>>,
}

/// The free places of a bounded queue.
struct Places {
    free: Semaphore,
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
        Self::new(Some(Arc::new(Places { free: Semaphore::new(capacity), capacity })))
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

    fn new(places: Option<Arc<Places>>) -> Self {
        let (sender, receiver) = flume::unbounded();
        Self { sender, receiver, places }
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
        let place = match self.place_now() {
            Err(error) if error.kind() == ErrorKind::QueueFull => match block {
                Block::Forever => wait_here(self.place()),
                Block::For(limit) => wait_here_for(limit, self.place()).unwrap_or(Err(error)),
                Block::No => Err(error),
            },
            outcome => outcome,
        };
        self.put_in(place, value)
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
        self.check()?;
        let received = match block {
            Block::Forever => self.receiver.recv().ok(),
            Block::For(limit) => self.receiver.recv_timeout(limit).ok(),
            Block::No => self.receiver.try_recv().ok(),
        };
        self.got(received)
    }

    /// How many items wait to be taken.
    ///
    /// ```
    /// assert_eq!(mt_aio::Queue::<u8>::unbounded().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// Whether no item waits to be taken.
    ///
    /// ```
    /// assert!(mt_aio::Queue::<u8>::unbounded().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }

    fn check(&self) -> Result<()> {
        match &self.places {
            Some(places) if places.capacity == 0 => {
                let most = Semaphore::MAX_PERMITS;
                let message = format!("a bounded queue has between 1 and {most} places");
                Err(OriError::new(ErrorKind::Validation, message))
            }
            _ => Ok(()),
        }
    }

    /// Takes a place for an item if one is free: the place is the caller's to fill.
    fn place_now(&self) -> Result<()> {
        let Some(places) = &self.places else { return Ok(()) };
        self.check()?;
        match places.free.try_acquire() {
            Ok(permit) => {
                permit.forget();
                Ok(())
            }
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
                let message = format!("the queue is full: it holds {} items", places.capacity);
                Err(OriError::new(ErrorKind::QueueFull, message))
            }
        }
    }

    /// Takes a place for an item as soon as one is free.
    async fn place(&self) -> Result<()> {
        let Some(places) = &self.places else { return Ok(()) };
        match places.free.acquire().await {
            Ok(permit) => {
                permit.forget();
                Ok(())
            }
            Err(_) => Err(OriError::new(ErrorKind::Closed, "the queue is gone")),
        }
    }

    fn put_in(&self, place: Result<()>, value: T) -> Result<(), PutError<T>> {
        match place {
            Ok(()) => {
                // There is a receiver: ours.
                let _ = self.sender.send(value);
                Ok(())
            }
            Err(error) => Err(PutError { value, error }),
        }
    }

    fn got(&self, received: Option<T>) -> Result<T> {
        let value = received.ok_or_else(|| OriError::new(ErrorKind::QueueEmpty, "the queue is empty"))?;
        if let Some(places) = &self.places {
            places.free.add_permits(1);
        }
        Ok(value)
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), receiver: self.receiver.clone(), places: self.places.clone() }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.places.as_ref().map(|places| places.capacity);
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
    let place = match queue.place_now() {
        Err(error) if error.kind() == ErrorKind::QueueFull => match block {
            Block::Forever => queue.place().await,
            Block::For(limit) => match within(limit, queue.place()).await {
                Ok(Some(place)) => place,
                Ok(None) => Err(error),
                Err(no_runtime) => Err(no_runtime),
            },
            Block::No => Err(error),
        },
        outcome => outcome,
    };
    queue.put_in(place, value)
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
    queue.check()?;
    let received = match queue.receiver.try_recv() {
        Ok(value) => Some(value),
        Err(_) => match block {
            Block::Forever => queue.receiver.recv_async().await.ok(),
            Block::For(limit) => within(limit, queue.receiver.recv_async()).await?.and_then(Result::ok),
            Block::No => None,
        },
    };
    queue.got(received)
}

/// What `future` gives within the limit.
async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<Option<T>> {
    runtime()?;
    Ok(tokio::time::timeout(limit, future).await.ok())
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
/// assert_eq!(OriError::from(error).to_string(), "the queue is full: it holds 1 items");
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
