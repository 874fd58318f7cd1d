//! Counters of what this process holds, from Linux's `/proc`.
//!
//! On other systems each of them is an error of kind [`Unsupported`](std::io::ErrorKind), which
//! a test may turn into a visible skip.

use std::fs;
use std::io;
use std::path::Path;

/// How many threads this process has.
///
/// A thread is in the count a moment longer than a `join` of it takes: wait for a condition.
///
/// # Errors
/// `Unsupported` where there is no `/proc`; what reading it says otherwise.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert!(ori_test_support::threads().unwrap() >= 1);
/// ```
pub fn threads() -> io::Result<usize> {
    entries("/proc/self/task").map(|names| names.len())
}

/// How many threads of this process have a name that begins so.
///
/// Linux keeps 15 bytes of a name. Unlike [`threads`], this is not disturbed by other tests that
/// run at the same time.
///
/// # Errors
/// `Unsupported` where there is no `/proc`; what reading it says otherwise.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert_eq!(ori_test_support::threads_named("no such name").unwrap(), 0);
/// ```
pub fn threads_named(prefix: &str) -> io::Result<usize> {
    let mut count = 0;
    for id in entries("/proc/self/task")? {
        // A thread that ended meanwhile is not counted.
        let name = fs::read_to_string(format!("/proc/self/task/{id}/comm")).unwrap_or_default();
        count += usize::from(name.starts_with(prefix));
    }
    Ok(count)
}

/// How many file descriptors this process has open.
///
/// # Errors
/// `Unsupported` where there is no `/proc`; what reading it says otherwise.
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// let before = ori_test_support::open_files().unwrap();
/// let file = std::fs::File::open("/proc/self/stat").unwrap();
/// assert_eq!(ori_test_support::open_files().unwrap(), before + 1);
/// # drop(file);
/// # }
/// ```
pub fn open_files() -> io::Result<usize> {
    // The descriptor that reads the folder is among them.
    entries("/proc/self/fd").map(|names| names.len() - 1)
}

/// How many children this process has, zombies included.
///
/// # Errors
/// `Unsupported` where there is no `/proc`; what reading it says otherwise.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert_eq!(ori_test_support::children().unwrap(), 0);
/// ```
pub fn children() -> io::Result<usize> {
    child_states().map(|states| states.len())
}

/// How many children of this process have ended and were not waited for.
///
/// # Errors
/// `Unsupported` where there is no `/proc`; what reading it says otherwise.
///
/// ```
/// # #[cfg(target_os = "linux")]
/// assert_eq!(ori_test_support::zombies().unwrap(), 0);
/// ```
pub fn zombies() -> io::Result<usize> {
    child_states().map(|states| states.into_iter().filter(|state| *state == 'Z').count())
}

fn child_states() -> io::Result<Vec<char>> {
    let me = std::process::id().to_string();
    let mut states = Vec::new();
    for name in entries("/proc")? {
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(format!("/proc/{name}/stat")) else { continue };
        // The name is in parentheses and may hold any character; the state and the parent follow.
        let Some((_, fields)) = stat.rsplit_once(')') else { continue };
        let mut fields = fields.split_ascii_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(&me) {
            states.extend(state.and_then(|text| text.chars().next()));
        }
    }
    Ok(states)
}

fn entries(folder: &str) -> io::Result<Vec<String>> {
    if !Path::new("/proc/self/task").exists() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "counting needs Linux's /proc"));
    }
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
