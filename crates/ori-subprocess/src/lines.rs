//! The line splitter: one reused buffer, and the lines in it.
//!
//! Bytes are read into [`Splitter`]'s buffer and leave it as blocks of whole lines, without being
//! copied. [`Lines`](crate::Lines), the callbacks and the tail of stderr all walk such blocks with
//! [`Split`].

use std::borrow::Cow;

use memchr::{memchr, memrchr};

/// How much is read at once: what a pipe holds.
const READ_SIZE: usize = 64 * 1024;

/// One line of a command's output, without its line feed.
///
/// A line that is longer than [`max_line_bytes`](crate::ProcessBuilder::max_line_bytes) arrives in
/// pieces: [`is_piece`](Self::is_piece) is true for each of them but the last.
///
/// ```
/// # fn main() -> ori_subprocess::Result<()> {
/// ori_subprocess::run_process_in_background(["echo", "hello"])
///     .stdout_line_function(|line| assert_eq!((line.bytes(), line.is_piece()), (&b"hello"[..], false)))
///     .start()?
///     .join()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    bytes: &'a [u8],
    piece: bool,
}

impl<'a> Line<'a> {
    /// The line as it was written, without the line feed at its end.
    ///
    /// ```
    /// # ori_subprocess::run_process_in_background(["true"])
    /// .stdout_line_function(|line| assert!(!line.bytes().contains(&b'\n')))
    /// # .start().unwrap();
    /// ```
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The line as text: bytes that are not UTF-8 are replaced by U+FFFD, and a carriage return
    /// before the line feed is left out.
    ///
    /// ```
    /// # ori_subprocess::run_process_in_background(["true"])
    /// .stdout_line_function(|line| assert!(!line.text().ends_with('\r')))
    /// # .start().unwrap();
    /// ```
    #[must_use]
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.without_carriage_return())
    }

    /// Whether more of the same line follows.
    ///
    /// ```
    /// # ori_subprocess::run_process_in_background(["true"])
    /// .stdout_line_function(|line| assert!(!line.is_piece()))
    /// # .start().unwrap();
    /// ```
    #[must_use]
    pub fn is_piece(&self) -> bool {
        self.piece
    }

    pub(crate) fn without_carriage_return(&self) -> &'a [u8] {
        match self.bytes {
            [line @ .., b'\r'] if !self.piece => line,
            line => line,
        }
    }
}

/// Bytes between the pipe and the lines.
#[derive(Debug)]
pub(crate) struct Splitter {
    buffer: Vec<u8>,
    /// What is not yet given out is `buffer[start..end]`.
    start: usize,
    end: usize,
    /// There is no line feed in `buffer[start..scanned]`.
    scanned: usize,
    max_line: usize,
}

/// What leaves the splitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    pub(crate) bytes: &'a [u8],
    /// The block is a piece of one long line, of which more follows. Otherwise it is whole lines.
    pub(crate) piece: bool,
}

impl Splitter {
    pub(crate) fn new(max_line: usize) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, scanned: 0, max_line }
    }

    /// Room to read into; call [`filled`](Self::filled) with what was read.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            // Only the beginning of one line is left here, so this copies little.
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.buffer.is_empty() {
            // Twice as much as is read, so that the beginning of a line never makes a read shorter.
            self.buffer = vec![0; 2 * READ_SIZE];
        } else if self.buffer.len() - self.end < READ_SIZE {
            // A long line doubles the room, up to the limit that makes pieces of it.
            let most = self.max_line.saturating_add(2 * READ_SIZE);
            self.buffer.resize((self.buffer.len() * 2).min(most), 0);
        }
        &mut self.buffer[self.end..]
    }

    pub(crate) fn filled(&mut self, bytes: usize) {
        self.end += bytes;
    }

    /// The next block, until what is left is the beginning of a line.
    pub(crate) fn next_block(&mut self) -> Option<Block<'_>> {
        if let Some(last) = memrchr(b'\n', &self.buffer[self.scanned..self.end]) {
            let block = self.start..self.scanned + last + 1;
            self.start = block.end;
            self.scanned = self.end;
            return Some(Block { bytes: &self.buffer[block], piece: false });
        }
        self.scanned = self.end;
        let left = &self.buffer[self.start..self.end];
        if left.len() <= self.max_line {
            return None;
        }
        let piece = self.start..self.start + cut(left, self.max_line);
        self.start = piece.end;
        Some(Block { bytes: &self.buffer[piece], piece: true })
    }

    /// Everything that was read, whether or not a line is complete.
    pub(crate) fn take_all(&mut self) -> &[u8] {
        let all = self.start..self.end;
        (self.start, self.end, self.scanned) = (0, 0, 0);
        &self.buffer[all]
    }
}

/// The lines of a block.
#[derive(Clone, Debug)]
pub(crate) struct Split<'a> {
    rest: &'a [u8],
    max_line: usize,
    /// The block ends inside a line.
    piece: bool,
}

impl<'a> Split<'a> {
    pub(crate) fn new(block: Block<'a>, max_line: usize) -> Self {
        Self { rest: block.bytes, max_line, piece: block.piece }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = Line<'a>;

    #[inline]
    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest;
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest);
        let length = end.unwrap_or(rest.len());
        if length > self.max_line {
            let (bytes, rest) = rest.split_at(cut(rest, self.max_line));
            self.rest = rest;
            return Some(Line { bytes, piece: true });
        }
        self.rest = &rest[(length + 1).min(rest.len())..];
        Some(Line { bytes: &rest[..length], piece: self.piece && end.is_none() })
    }
}

/// Where to cut a line after at most `max` bytes: before a character that would be cut in two.
fn cut(line: &[u8], max: usize) -> usize {
    let is_continuation = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    // A character of UTF-8 has at most three such bytes; where there are more it is not text.
    let back = line[..=max].iter().rev().take(4).take_while(|byte| is_continuation(byte)).count();
    if back > 3 || back >= max { max } else { max - back }
}

#[cfg(test)]
mod tests {
    use crate::fuzzing::split;

    #[test]
    fn lines_do_not_depend_on_where_the_reads_end() {
        let input = "one\n\ntwo ü€😀\r\nan unfinished line".as_bytes();
        let whole = split(input, input.len(), 1024);
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[3].0, b"an unfinished line");
        for step in 1..input.len() {
            assert_eq!(split(input, step, 1024), whole, "step {step}");
        }
    }

    #[test]
    fn pieces_join_to_the_line_and_are_marked() {
        let input = "a ü€😀 long line of text\nshort\n".as_bytes();
        for max_line in 1..24 {
            for step in [1, 2, 3, 5, input.len()] {
                let mut joined = Vec::new();
                for (bytes, piece) in split(input, step, max_line) {
                    assert!(!bytes.is_empty() && bytes.len() <= max_line);
                    assert!(max_line < 4 || std::str::from_utf8(&bytes).is_ok(), "cut inside a character");
                    joined.extend(bytes);
                    if !piece {
                        joined.push(b'\n');
                    }
                }
                assert_eq!(joined, input, "limit {max_line}, step {step}");
            }
        }
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_whole() {
        for step in 1..9 {
            assert_eq!(split(b"12345678\n", step, 8), [(b"12345678".to_vec(), false)]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_at_the_limit() {
        let pieces = split(&[0x80; 10], 10, 4);
        assert_eq!(pieces.iter().map(|(bytes, _)| bytes.len()).collect::<Vec<_>>(), [4, 4, 2]);
    }
}
