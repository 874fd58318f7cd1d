//! What the fuzz target calls, and the test that does the same with fewer bytes: the line splitter,
//! given any bytes in reads of any size.
//!
//! Compiled under `cfg(fuzzing)`, which `cargo fuzz` sets, and in unit tests. It returns, or the
//! splitter has a fault.

use crate::lines::{Block, Split, Splitter};

/// Splits `input` behind its first two bytes, which say how long a line may be and how much is read
/// at once, and checks the lines: joined they are the input, none is longer than it may be, no
/// character is cut in two, and where the reads end makes no difference.
///
/// # Panics
/// When one of these does not hold.
pub fn lines(input: &[u8]) {
    let [longest, step, input @ ..] = input else { return };
    let (longest, step) = (1 + usize::from(*longest), 1 + usize::from(*step));
    let lines = split(input, step, longest);
    let mut joined = Vec::new();
    for (bytes, piece) in &lines {
        assert!(bytes.len() <= longest, "a line of {} bytes", bytes.len());
        assert!(!piece || !bytes.is_empty(), "a piece of nothing");
        assert!(!bytes.contains(&b'\n'), "a line feed in a line");
        joined.extend(bytes);
        if !piece {
            joined.push(b'\n');
        }
    }
    if !input.is_empty() && !input.ends_with(b"\n") {
        assert_eq!(joined.pop(), Some(b'\n'), "the last line is no piece");
    }
    assert_eq!(joined, input, "the lines are not the input");
    if longest >= 4 && std::str::from_utf8(input).is_ok() {
        let cut = lines.iter().find(|(bytes, _)| std::str::from_utf8(bytes).is_err());
        assert_eq!(cut, None, "cut inside a character");
    }
    assert_eq!(split(input, input.len().max(1), longest), lines, "other lines in one read");
}

/// The lines of what arrives `step` bytes at a time, and whether each is a piece.
pub(crate) fn split(input: &[u8], step: usize, max_line: usize) -> Vec<(Vec<u8>, bool)> {
    let mut splitter = Splitter::new(max_line);
    let mut lines = Vec::new();
    let take = |lines: &mut Vec<_>, block: Block<'_>| {
        lines.extend(Split::new(block, max_line).map(|line| (line.bytes().to_vec(), line.is_piece())));
    };
    for part in input.chunks(step) {
        let mut rest = part;
        while !rest.is_empty() {
            let room = splitter.room();
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            splitter.filled(now.len());
            rest = later;
            while let Some(block) = splitter.next_block() {
                take(&mut lines, block);
            }
        }
    }
    take(&mut lines, Block { bytes: splitter.take_all(), piece: false });
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Short lines, long ones, text and bytes that are none.
    fn outputs() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            any::<String>().prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..40),
            (any::<u8>(), 0..600_usize).prop_map(|(byte, times)| vec![byte; times]),
            "[äöü€😀]{0,80}".prop_map(String::into_bytes),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_bytes_are_whole_lines_whatever_the_reads(longest: u8, step: u8, output in outputs()) {
            super::lines(&[&[longest, step], &output[..]].concat());
        }
    }
}
