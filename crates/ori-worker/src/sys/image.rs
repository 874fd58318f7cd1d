//! [`Image`]: where this program lies in memory, by its own program headers.
//!
//! A descriptor is believed only when it lies in a readable part of the main program that was
//! loaded from its file. Shared libraries are other images, at other distances in every process:
//! functions from them are refused.

use std::ops::Range;
use std::sync::OnceLock;

/// Offsets of descriptors count from here.
///
/// It is mutable data in the eyes of the linker, so it is never merged with another constant.
pub(crate) static ANCHOR: Anchor = Anchor(std::sync::atomic::AtomicU64::new(0x6f72_6961_6e63_686f));

#[repr(C, align(16))]
pub(crate) struct Anchor(std::sync::atomic::AtomicU64);

pub(crate) fn anchor() -> usize {
    (&raw const ANCHOR).expose_provenance()
}

/// The loaded, readable parts of the main program, and a number that tells builds apart.
#[derive(Debug)]
pub(crate) struct Image {
    parts: Vec<Range<usize>>,
    identity: u64,
}

impl Image {
    /// The image of the main program; `None` when this crate lies in another one (a plug-in, a
    /// library in an interpreter), where no executable could be started again as a worker.
    pub(crate) fn own() -> Option<&'static Self> {
        static OWN: OnceLock<Option<Image>> = OnceLock::new();
        OWN.get_or_init(|| {
            let image = read();
            image.parts.iter().any(|part| part.contains(&anchor())).then_some(image)
        })
        .as_ref()
    }

    /// Whether these bytes lie in one part.
    pub(crate) fn holds(&self, address: usize, size: usize) -> bool {
        let Some(end) = address.checked_add(size) else { return false };
        self.parts.iter().any(|part| part.start <= address && end <= part.end)
    }

    /// Equal for two processes of the same build; different, but for chance, for two builds.
    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }
}

#[cfg(not(miri))]
fn read() -> Image {
    let mut image = Image { parts: Vec::new(), identity: crate::hash::START };
    // SAFETY: `first_object` has the signature that is asked for and gets `image` back as its last
    // argument, which lives until the call returns and which nothing else uses meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(first_object), (&raw mut image).cast()) };
    let base = image.parts.first().map_or(0, |part| part.start);
    image.identity = crate::hash::mix(image.identity, anchor().wrapping_sub(base) as u64);
    image
}

/// Miri has no program headers; there all of memory is "the program", and Miri itself checks.
#[cfg(miri)]
fn read() -> Image {
    Image { parts: vec![0..usize::MAX], identity: 1 }
}

/// Notes the program headers of the first object, which is the main program, and stops.
#[cfg(not(miri))]
unsafe extern "C" fn first_object(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader passes a valid record, and `data` is the `Image` that `read` passed.
    let (object, image) = unsafe { (&*object, &mut *data.cast::<Image>()) };
    // SAFETY: the record says that so many headers are there; they stay as long as the program.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
    for header in headers {
        for value in [u64::from(header.p_type), header.p_vaddr, header.p_filesz] {
            image.identity = crate::hash::mix(image.identity, value);
        }
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_R != 0 {
            let start = (object.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
            // Only what the file holds: a descriptor is never among the zeroes after it.
            image.parts.push(start..start.saturating_add(header.p_filesz as usize));
        }
    }
    1
}
