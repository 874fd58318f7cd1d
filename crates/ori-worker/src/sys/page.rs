//! [`Page`]: memory that a worker shares with its parent.
//!
//! The worker notes what it is at, so that the parent knows which item a dead or late worker was
//! running, and keeps a copy of the results that it has not sent yet, so that a worker that dies, or
//! is at one item for long, withholds no finished item. The parent notes which jobs are to be
//! skipped. None of it costs a system call.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// How many bytes of unsent results the worker keeps where its parent finds them.
pub(crate) const ARENA: usize = 64 * 1024;
/// How many jobs ahead can be marked to be skipped.
pub(crate) const MARKS: usize = 256;

const HEAD: usize = 4096;
const LENGTH: usize = HEAD + ARENA;

/// The words of the head.
#[repr(C)]
struct Head {
    /// Twice the number of items started, plus one while one of them runs.
    progress: AtomicU64,
    /// The job that was begun last.
    job: AtomicU64,
    /// The item of that job that was begun last.
    item: AtomicU64,
    /// The results in the arena: those of `kept_count` items of `job` from `kept_first` on.
    kept_first: AtomicU64,
    kept_count: AtomicU64,
    /// How many bytes they take.
    kept_bytes: AtomicU64,
    marks: [AtomicU8; MARKS],
}

/// One end of the shared memory.
#[derive(Debug)]
pub(crate) struct Page {
    start: NonNull<u8>,
}

// SAFETY: the memory is shared with another process anyway; the head is only reached through
// atomics, and the arena is written through `&mut self` only.
unsafe impl Send for Page {}
// SAFETY: as above.
unsafe impl Sync for Page {}

/// The results that a worker had finished and not sent when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) job: u64,
    /// The first item of the job that was not sent, and how many results there are from it on.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// All of these results, and perhaps more.
    pub(crate) bytes: Vec<u8>,
}

/// Where a worker was when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) progress: u64,
    pub(crate) job: u64,
    pub(crate) item: u32,
}

impl Place {
    pub(crate) fn is_running(self) -> bool {
        self.progress % 2 == 1
    }
}

impl Page {
    /// A new page and the descriptor to hand to the parent.
    pub(crate) fn create() -> io::Result<(Self, OwnedFd)> {
        let file = rustix::fs::memfd_create("ori-worker", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, LENGTH as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((Self::map(&file)?, file))
    }

    /// The page that another process made.
    pub(crate) fn open(file: OwnedFd) -> io::Result<Self> {
        let sealed = rustix::fs::fcntl_get_seals(&file)?.contains(SealFlags::SHRINK);
        let file = File::from(file);
        if !sealed || file.metadata()?.len() != LENGTH as u64 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a status page"));
        }
        // The first access decides whether the memory is there at all.
        file.read_exact_at(&mut [0; 8], 0)?;
        Self::map(&file)
    }

    fn map(file: impl AsFd) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice, so no memory of ours is
        // touched. The file has `LENGTH` bytes and is sealed against shrinking: no access to the
        // mapping can fault for want of a file behind it.
        let start =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), LENGTH, access, MapFlags::SHARED, file, 0)? };
        NonNull::new(start.cast())
            .map(|start| Self { start })
            .ok_or_else(|| io::Error::other("the kernel mapped address zero"))
    }

    fn head(&self) -> &Head {
        // SAFETY: the mapping starts on a page boundary and is longer than `Head`, whose fields
        // are atomics, valid for any bytes; it lives until `self` is dropped.
        unsafe { self.start.cast::<Head>().as_ref() }
    }

    // What the worker does.

    /// A job begins; `false` when the parent has marked it to be skipped.
    ///
    /// Sequentially consistent, like [`skip`](Self::skip): of a worker that begins a job and a
    /// parent that marks it at the same time, at least one sees the other.
    pub(crate) fn begin_job(&mut self, job: u64) -> bool {
        let head = self.head();
        head.kept_count.store(0, Ordering::Release);
        head.kept_first.store(0, Ordering::Release);
        head.job.store(job, Ordering::SeqCst);
        // Who still finds the old job finds the old results; see `kept`.
        fence(Ordering::Release);
        head.marks[job as usize % MARKS].load(Ordering::SeqCst) == 0
    }

    /// An item begins.
    #[inline]
    pub(crate) fn begin_item(&mut self, item: u32) {
        let head = self.head();
        head.item.store(item.into(), Ordering::Relaxed);
        let progress = head.progress.load(Ordering::Relaxed);
        head.progress.store(progress + 1, Ordering::Release);
    }

    /// The item that began last is finished, its result kept or sent.
    #[inline]
    pub(crate) fn end_item(&mut self) {
        let head = self.head();
        let progress = head.progress.load(Ordering::Relaxed);
        head.progress.store(progress + 1, Ordering::Release);
    }

    /// Keeps the results of one more item, which lie at `used` of those not sent yet.
    #[inline]
    pub(crate) fn keep(&mut self, used: usize, result: &[u8]) {
        assert!(used <= ARENA && result.len() <= ARENA - used, "the arena is full");
        // SAFETY: the bytes from `HEAD + used` on lie in the mapping, as was just checked, and
        // cannot overlap a slice of this process: nothing ever borrows from the arena. The parent
        // uses no byte of a result that was not counted when it began to read.
        unsafe {
            let target = self.start.as_ptr().add(HEAD + used);
            std::ptr::copy_nonoverlapping(result.as_ptr(), target, result.len());
        }
        let head = self.head();
        head.kept_bytes.store((used + result.len()) as u64, Ordering::Relaxed);
        let count = head.kept_count.load(Ordering::Relaxed);
        head.kept_count.store(count + 1, Ordering::Release);
    }

    /// The kept results were sent; the next to be kept is that of item `first`.
    pub(crate) fn forget_kept(&mut self, first: u32) {
        let head = self.head();
        head.kept_count.store(0, Ordering::Release);
        head.kept_first.store(first.into(), Ordering::Release);
        // Before the next results are written over the old ones; see `kept`.
        fence(Ordering::Release);
    }

    // What the parent does.

    /// Where the worker is now.
    pub(crate) fn place(&self) -> Place {
        let head = self.head();
        let progress = head.progress.load(Ordering::SeqCst);
        let job = head.job.load(Ordering::SeqCst);
        let item = u32::try_from(head.item.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        Place { progress, job, item }
    }

    /// Marks a job to be skipped; `true` when it is certain that the worker has not begun it and
    /// never will, `false` when it may have.
    pub(crate) fn skip(&self, job: u64) -> bool {
        let head = self.head();
        head.marks[job as usize % MARKS].store(1, Ordering::SeqCst);
        head.job.load(Ordering::SeqCst) < job
    }

    /// Takes the mark away before the number is used again.
    pub(crate) fn unmark(&self, job: u64) {
        self.head().marks[job as usize % MARKS].store(0, Ordering::SeqCst);
    }

    /// What the worker has finished and not sent. `None` when it sends at this moment, which a worker
    /// that has ended does not.
    ///
    /// Results are only added until they are sent, and then job or first item change: when these are
    /// the same after the bytes were read, nothing was written over what is counted.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let head = self.head();
        let now = || (head.job.load(Ordering::Acquire), head.kept_first.load(Ordering::Acquire));
        let (job, first) = now();
        let count = head.kept_count.load(Ordering::Acquire);
        let length = match count {
            0 => 0,
            _ => usize::try_from(head.kept_bytes.load(Ordering::Relaxed)).map_or(ARENA, |n| n.min(ARENA)),
        };
        let bytes = (0..length).map(|at| self.arena_byte(at).load(Ordering::Relaxed)).collect();
        fence(Ordering::Acquire);
        let first_item = u32::try_from(first).unwrap_or(u32::MAX);
        let count = u32::try_from(count).unwrap_or(0);
        (now() == (job, first)).then_some(Kept { job, first: first_item, count, bytes })
    }

    fn arena_byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < ARENA, "beyond the arena");
        // SAFETY: the byte lies in the mapping, any value of it is valid, and it is read as an
        // atomic because another process might write to it.
        unsafe { self.start.add(HEAD + at).cast::<AtomicU8>().as_ref() }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: `start` is a mapping of `LENGTH` bytes that `map` made, and no reference into it
        // outlives `self`. Failure would mean that it is not mapped: nothing to undo.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), LENGTH) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{HEAD, Head, Kept, Page, Place};

    #[test]
    fn the_head_fits() {
        assert!(size_of::<Head>() <= HEAD);
    }

    #[test]
    fn a_page_tells_the_parent_where_the_worker_is() {
        let (mut worker, file) = Page::create().unwrap();
        let parent = Page::open(file).unwrap();
        assert!(worker.begin_job(7));
        worker.begin_item(3);
        assert_eq!(parent.place(), Place { progress: 1, job: 7, item: 3 });
        assert!(parent.place().is_running());
        worker.keep(0, b"abc");
        worker.end_item();
        assert!(!parent.place().is_running());
        assert_eq!(parent.kept(), Some(Kept { job: 7, first: 0, count: 1, bytes: b"abc".to_vec() }));
    }

    #[test]
    fn results_are_kept_until_they_are_sent() {
        let (mut worker, file) = Page::create().unwrap();
        let parent = Page::open(file).unwrap();
        let kept = |job, first, count, bytes: &[u8]| Some(Kept { job, first, count, bytes: bytes.to_vec() });
        assert!(worker.begin_job(1));
        worker.keep(0, b"one");
        worker.keep(3, b"two");
        assert_eq!(parent.kept(), kept(1, 0, 2, b"onetwo"));
        worker.forget_kept(2);
        assert_eq!(parent.kept(), kept(1, 2, 0, b""));
        worker.keep(0, b"3");
        assert_eq!(parent.kept(), kept(1, 2, 1, b"3"));
        assert!(worker.begin_job(2));
        assert_eq!(parent.kept(), kept(2, 0, 0, b""));
    }

    #[test]
    fn a_parent_that_looks_all_the_time_sees_whole_results() {
        const ROUNDS: u32 = if cfg!(miri) { 50 } else { 20_000 };
        let (mut worker, file) = Page::create().unwrap();
        let parent = Page::open(file).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for job in 0..ROUNDS {
                    assert!(worker.begin_job(job.into()));
                    for item in 0..8 {
                        worker.keep(item * 8, &u64::from(job).to_le_bytes());
                    }
                    worker.forget_kept(8);
                    worker.keep(0, &u64::MAX.to_le_bytes());
                }
                done.store(true, Ordering::SeqCst);
            });
            while !done.load(Ordering::SeqCst) {
                let Some(kept) = parent.kept() else { continue };
                let expected = if kept.first == 0 { kept.job } else { u64::MAX };
                let whole = kept.bytes.chunks_exact(8).take(kept.count as usize);
                assert_eq!(whole.len(), kept.count as usize);
                assert!(whole.into_iter().all(|bytes| bytes == expected.to_le_bytes()));
            }
        });
    }

    #[test]
    fn a_marked_job_is_skipped_and_a_begun_one_is_known() {
        let (mut worker, file) = Page::create().unwrap();
        let parent = Page::open(file).unwrap();
        assert!(worker.begin_job(1));
        assert!(parent.skip(2), "job 2 has not begun");
        assert!(!parent.skip(1), "job 1 has begun");
        assert!(!worker.begin_job(2));
        parent.unmark(2);
        assert!(worker.begin_job(2 + super::MARKS as u64));
    }

    #[test]
    fn another_file_is_not_a_page() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(Page::open(file.into()).is_err());
    }
}
