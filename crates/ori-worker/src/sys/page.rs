//! [`Page`]: memory that a worker shares with its parent.
//!
//! The worker notes what it is at, so that the parent knows which item a dead or late worker was
//! running, and keeps a copy of the results that it has not sent yet, so that a worker that dies
//! takes no finished item with it. The parent notes which jobs are to be skipped. None of it costs
//! a system call.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// How many bytes of unsent results the worker keeps where they outlive it.
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
        // reads them only after this process has ended.
        unsafe {
            let target = self.start.as_ptr().add(HEAD + used);
            std::ptr::copy_nonoverlapping(result.as_ptr(), target, result.len());
        }
        let head = self.head();
        let count = head.kept_count.load(Ordering::Relaxed);
        head.kept_count.store(count + 1, Ordering::Release);
    }

    /// The kept results were sent; the next to be kept is that of item `first`.
    pub(crate) fn forget_kept(&mut self, first: u32) {
        let head = self.head();
        head.kept_count.store(0, Ordering::Release);
        head.kept_first.store(first.into(), Ordering::Release);
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

    /// What a worker that has ended left unsent: the first item, how many, and the bytes.
    pub(crate) fn kept(&self) -> (u32, u32, Vec<u8>) {
        let head = self.head();
        let first = u32::try_from(head.kept_first.load(Ordering::Acquire)).unwrap_or(u32::MAX);
        let count = u32::try_from(head.kept_count.load(Ordering::Acquire)).unwrap_or(0);
        let bytes = if count == 0 {
            Vec::new()
        } else {
            (0..ARENA).map(|at| self.arena_byte(at).load(Ordering::Relaxed)).collect()
        };
        (first, count, bytes)
    }

    fn arena_byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < ARENA, "beyond the arena");
        // SAFETY: the byte lies in the mapping, any value of it is valid, and it is read as an
        // atomic because a process that the worker left behind might still write to it.
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
    use super::{ARENA, HEAD, Head, Page, Place};

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
        let (first, count, bytes) = parent.kept();
        assert_eq!((first, count, &bytes[..3], bytes.len()), (0, 1, &b"abc"[..], ARENA));
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
