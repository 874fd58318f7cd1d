//! The listing of an API: each public item with its full signature on a line of its own.

use std::path::Path;

/// Auto traits whose loss breaks a program; the others say little about code without `unsafe`.
const AUTO_TRAITS: [&str; 3] = ["core::marker::Send", "core::marker::Sync", "core::marker::Unpin"];
const OTHER_AUTO_TRAITS: [&str; 4] = [
    "core::marker::Freeze",
    "core::marker::UnsafeUnpin",
    "core::panic::unwind_safe::RefUnwindSafe",
    "core::panic::unwind_safe::UnwindSafe",
];

/// The API that rustdoc describes in `json`.
pub(crate) fn of(json: &Path) -> Result<String, public_api::Error> {
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    let items = api.items().map(ToString::to_string).filter(|item| is_told(item));
    Ok(items.map(|item| item + "\n").collect())
}

/// Most types have all auto traits: only where one is missing or has a condition is it worth a
/// line. A type that loses one gets a line with a `!`, so nothing goes unseen.
fn is_told(item: &str) -> bool {
    let Some((start, _)) = item.split_once(" for ") else { return true };
    if !start.starts_with("impl") {
        return true;
    }
    let path = start.rsplit(' ').next().unwrap_or_default();
    if OTHER_AUTO_TRAITS.contains(&path.trim_start_matches('!')) {
        return false;
    }
    !AUTO_TRAITS.contains(&path) || item.contains(" where ")
}

#[cfg(test)]
mod tests {
    use super::is_told;

    #[test]
    fn an_auto_trait_is_told_where_it_is_missing_or_has_a_condition() {
        assert!(!is_told("impl core::marker::Send for a::B"));
        assert!(is_told("impl !core::marker::Send for a::B"));
        assert!(is_told("impl<T> core::marker::Sync for a::B<T> where T: core::marker::Sync"));
        assert!(!is_told("impl<T> !core::marker::Freeze for a::B<T>"));
        assert!(!is_told("impl !core::panic::unwind_safe::UnwindSafe for a::B"));
    }

    #[test]
    fn all_else_is_told() {
        assert!(is_told("impl core::fmt::Debug for a::B"));
        assert!(is_told("pub fn a::f(impl for <'a> core::ops::Fn(&'a str))"));
        assert!(is_told("pub struct a::B"));
    }
}
