//! A small hash (64-bit FNV-1a over words) for names and builds.
//!
//! Both ends of a socket compute it, so it must not differ between processes, as the hasher of
//! `std` does. It guards against mistakes, not against malice: the sender is this program's parent.

pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

/// Takes one more word in.
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    product ^ (product >> 29)
}

/// The hash of a text.
pub(crate) fn of(text: &str) -> u64 {
    let mut chunks = text.as_bytes().chunks_exact(8);
    let mut hash = mix(START, text.len() as u64);
    for chunk in &mut chunks {
        hash = mix(hash, u64::from_le_bytes(chunk.try_into().expect("a chunk has 8 bytes")));
    }
    let mut last = [0; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    mix(hash, u64::from_le_bytes(last))
}
