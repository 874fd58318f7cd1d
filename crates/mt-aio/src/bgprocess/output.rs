//! [`Output`]: what comes out of a child, as text.

use std::io::{self, PipeReader, Read};

use super::event::OutputStream;
use super::sources::waiting;

/// One stream of a child.
#[derive(Debug)]
pub(super) struct Output {
    pipe: PipeReader,
    pub(super) stream: OutputStream,
    /// The beginning of a character whose rest has not come yet.
    started: Vec<u8>,
}

impl Output {
    pub(super) fn new(pipe: PipeReader, stream: OutputStream) -> Self {
        Self { pipe, stream, started: Vec::new() }
    }

    /// Gives what is there now; `None` at the end. Waits for the first byte if there is none.
    pub(super) fn take(&mut self) -> Option<String> {
        // No more than this: a child that prints without end would keep us here.
        let waiting = usize::try_from(waiting(&self.pipe)).unwrap_or(usize::MAX).clamp(1, 1 << 20);
        let mut bytes = std::mem::take(&mut self.started);
        let start = bytes.len();
        bytes.resize(start + waiting, 0);
        let read = loop {
            match self.pipe.read(&mut bytes[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome.unwrap_or(0),
            }
        };
        bytes.truncate(start + read);
        if read == 0 && bytes.is_empty() {
            return None;
        }
        if read > 0 {
            let whole = bytes.len() - unfinished(&bytes);
            self.started = bytes.split_off(whole);
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether something has been printed that was not taken yet.
    pub(super) fn is_waiting(&self) -> bool {
        waiting(&self.pipe) > 0
    }

    #[cfg(target_os = "linux")]
    pub(super) fn pipe(&self) -> &PipeReader {
        &self.pipe
    }
}

/// How many bytes at the end are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let lengths = (1..=tail.len()).rev();
    let is_beginning = |length: &usize| {
        let end = &tail[tail.len() - length..];
        // No error length: the bytes end inside a character that could still be a good one.
        str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    lengths.into_iter().find(is_beginning).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_character_that_comes_in_parts_is_given_whole() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut output = Output::new(reader, OutputStream::Stdout);
        let mut text = String::new();
        for byte in "aé€😀 \u{fffd}".bytes() {
            writer.write_all(&[byte]).unwrap();
            text += &output.take().unwrap();
            assert!(!output.is_waiting());
        }
        assert_eq!(text, "aé€😀 \u{fffd}");
        writer.write_all(b"bad \xff\xfe, cut \xf0\x9f").unwrap();
        drop(writer);
        assert_eq!(output.take().unwrap(), "bad \u{fffd}\u{fffd}, cut ");
        assert_eq!(output.take().unwrap(), "\u{fffd}");
        assert_eq!(output.take(), None);
    }
}
