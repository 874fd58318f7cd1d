//! A function is found again by its descriptor, and nothing else is.

use super::{Task, find};
use crate::message::Function;
use crate::sys::descriptor::Descriptor;

fn triple(n: u64) -> u64 {
    n * 3
}

fn parts(task: Task) -> (i64, u64) {
    match task.here().unwrap() {
        Function::Here { offset, name_hash } => (offset, name_hash),
        Function::Named { .. } => unreachable!("asked by offset"),
    }
}

#[test]
fn a_descriptor_is_found_by_its_offset() {
    for task in [Task::new(triple), Task::new(|n: u64| n + 1), Task::init(|n: u8| n)] {
        let found = find(&task.here().unwrap()).unwrap();
        assert_eq!(found.name(), task.name());
    }
}

#[test]
#[cfg_attr(miri, ignore = "reads the whole program file in memory, of which Miri has only the statics")]
fn what_is_not_a_descriptor_is_refused() {
    let (offset, name_hash) = parts(Task::new(triple));
    assert!(Descriptor::at(offset, name_hash).is_some());
    assert!(Descriptor::at(offset, name_hash ^ 1).is_none(), "another name");
    assert!(Descriptor::at(offset + 8, name_hash).is_none(), "not aligned");
    for distance in [16, -16, 1 << 20, -(1 << 20), 1 << 40, -(1 << 40), i64::MAX, i64::MIN] {
        assert!(Descriptor::at(offset.wrapping_add(distance), name_hash).is_none(), "{distance}");
    }
    let on_the_stack = [0_u128; 4];
    let distance = (&raw const on_the_stack).addr().wrapping_sub(crate::sys::image::anchor()) as i64;
    assert!(Descriptor::at(distance, name_hash).is_none());
}

#[test]
#[cfg_attr(miri, ignore = "reads the whole program file in memory, of which Miri has only the statics")]
fn every_other_place_in_this_program_is_refused() {
    let (offset, name_hash) = parts(Task::new(triple));
    let mut found = 0;
    for step in -4096..4096_i64 {
        found += usize::from(Descriptor::at(offset + step * 16, name_hash).is_some());
    }
    assert!(found >= 1);
    // The same record may stand in several compilation units; each is as good as the others.
    assert!(found < 8, "{found} places");
}

#[test]
fn functions_differ_by_how_they_are_called() {
    let plain = Task::new(|n: u64| n);
    let init = Task::init(|n: u64| n);
    assert_ne!(plain.name(), init.name());
}

#[test]
#[cfg_attr(miri, ignore = "the linker gathers the names, and Miri has none")]
fn a_function_without_a_name_is_not_for_other_executables() {
    let error = Task::new(triple).by_name().unwrap_err();
    assert!(error.is_validation() && error.to_string().contains("#[ori::task]"), "{error}");
}
