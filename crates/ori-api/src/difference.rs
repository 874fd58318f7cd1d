//! What differs between two listings, as `diff` shows it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The lines that only one of them has; their order is that of the listings.
pub(crate) fn show(name: &str, kept: &str, now: &str) -> String {
    let only = |these: &str, others: &str, sign: char| {
        let others: BTreeSet<&str> = others.lines().collect();
        let lines = these.lines().filter(|line| !others.contains(line));
        lines.fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{sign}{line}");
            text
        })
    };
    let mut lines = only(kept, now, '-') + &only(now, kept, '+');
    if lines.is_empty() {
        lines.push_str("the same items in another order\n");
    }
    format!("--- {name}\n+++ now\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::show;

    #[test]
    fn a_changed_signature_is_a_line_less_and_a_line_more() {
        let text = show("api.txt", "pub fn a()\npub fn b()\n", "pub fn a()\npub fn b(u8)\n");
        assert_eq!(text, "--- api.txt\n+++ now\n-pub fn b()\n+pub fn b(u8)\n");
    }

    #[test]
    fn another_order_is_said() {
        assert!(show("api.txt", "a\nb\n", "b\na\n").contains("another order"));
    }
}
