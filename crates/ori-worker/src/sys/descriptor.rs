//! [`Descriptor`]: one static record for each function that worker processes can run.
//!
//! The parent sends the distance of a record from [`ANCHOR`](super::image::ANCHOR) and a hash of
//! the function's type name; the worker, which is the same build, checks both and calls what the
//! record holds. See the README of this crate for what this argument rests on.

use std::any::type_name;
use std::hint::black_box;

use super::image::{Image, anchor};
use crate::worker::Calls;

/// What a worker does with the items of a job.
pub(crate) type Thunk = fn(&mut Calls<'_>);

/// One function: how to call it, and the name of its type.
#[repr(C, align(16))]
pub(crate) struct Descriptor {
    magic: [u64; 2],
    pub(crate) call: Thunk,
    name: fn() -> &'static str,
}

const MAGIC: [u64; 2] = [0x9b1f_4c6e_d02a_7735, 0x51e8_a3f7_0c94_be6d];

impl Descriptor {
    /// The record of the function or closure `F`, called by `call`.
    pub(crate) const fn new<F>(call: Thunk) -> Self {
        Self { magic: MAGIC, call, name: type_name::<F> }
    }

    /// A hash of the type name.
    pub(crate) fn name_hash(&self) -> u64 {
        crate::hash::of((self.name)())
    }

    /// The type name, as the compiler writes it.
    pub(crate) fn name(&self) -> &'static str {
        (self.name)()
    }

    /// The distance from the anchor; `None` for a record in a shared library.
    pub(crate) fn offset(&'static self) -> Option<i64> {
        let address = (&raw const *self).expose_provenance();
        let inside = Image::own()?.holds(address, size_of::<Self>());
        inside.then(|| address.wrapping_sub(anchor()) as i64)
    }

    /// The record at this distance whose type name has this hash, if there is one.
    pub(crate) fn at(offset: i64, name_hash: u64) -> Option<&'static Self> {
        let address = anchor().wrapping_add(offset as usize);
        if !address.is_multiple_of(align_of::<Self>()) || !Image::own()?.holds(address, size_of::<Self>()) {
            return None;
        }
        let record = std::ptr::with_exposed_provenance::<Self>(address);
        // SAFETY: the whole record lies in a readable part of the main program that is mapped from
        // its file for as long as the process lives, and it is aligned.
        let magic = unsafe { read_magic(record) };
        // The complement keeps the pattern itself out of the code and constants of this function:
        // it occurs in this program's data in descriptors only.
        if [!magic[0], !magic[1]] != [black_box(!MAGIC[0]), black_box(!MAGIC[1])] {
            return None;
        }
        // SAFETY: the 128-bit pattern, at an aligned address, occurs only at the start of a
        // `Descriptor` (all are made by `new`, none is ever written to), so the fields behind it
        // are valid, and the record is a constant that lives as long as the program.
        let found = unsafe { &*record };
        (found.name_hash() == name_hash).then_some(found)
    }
}

/// The pattern at the start of what may be a record.
///
/// # Safety
/// So many bytes can be read there, and are aligned.
#[cfg(not(fuzzing))]
unsafe fn read_magic(record: *const Descriptor) -> [u64; 2] {
    // SAFETY: the caller's promise; mapped bytes of a file are initialized. Volatile, so that
    // nothing is concluded from what they hold.
    unsafe { (&raw const (*record).magic).read_volatile() }
}

/// The same through the kernel: the sanitizer of `cargo fuzz` takes the gaps between two statics
/// for memory that nobody may read.
#[cfg(fuzzing)]
unsafe fn read_magic(record: *const Descriptor) -> [u64; 2] {
    use std::os::unix::fs::FileExt;
    let mut bytes = [[0; 8]; 2];
    let memory = std::fs::File::open("/proc/self/mem").expect("a process can read its own memory");
    memory.read_exact_at(bytes.as_flattened_mut(), record.addr() as u64).expect("it is mapped");
    bytes.map(u64::from_ne_bytes)
}

impl std::fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Descriptor").field(&self.name()).finish()
    }
}

/// The value of a function or closure type that holds nothing.
///
/// Does not compile for a type that holds something.
pub(crate) fn conjure<F: Copy + 'static>() -> F {
    const {
        assert!(
            size_of::<F>() == 0,
            "a function for worker processes cannot capture anything and cannot be a function \
             pointer: pass what it needs as an argument, or once per worker as a context"
        );
    }
    // SAFETY: a value of size zero has no bytes that could be wrong, and reading it reads none: any
    // aligned pointer will do. The parent held a value of
    // this very type when it sent the function's descriptor, so the type is inhabited; it is
    // `Copy`, so a second value of it may exist, and dropping one runs nothing.
    unsafe { std::ptr::NonNull::<F>::dangling().read() }
}
