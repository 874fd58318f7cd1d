//! A program that loads a library, knows nothing of Ori, and calls a function of it.

use std::ffi::{CStr, CString};

fn main() {
    let path = std::env::args().nth(1).expect("the path of the library is the argument");
    let path = CString::new(path).expect("no zero in a path");
    // SAFETY: both strings end with a zero; what the library does when it is loaded is to set up
    // Rust's standard library.
    let function = unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null(), "{:?}", CStr::from_ptr(libc::dlerror()));
        libc::dlsym(library, c"pools_are_refused".as_ptr())
    };
    assert!(!function.is_null(), "the library has the function");
    // SAFETY: the function of this name takes nothing, gives an `i32`, and stays loaded.
    let refused = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> i32>(function) };
    assert_eq!(refused(), 0);
    let threads = std::fs::read_dir("/proc/self/task").expect("this is Linux").count();
    assert_eq!(threads, 1, "nothing was started");
}
