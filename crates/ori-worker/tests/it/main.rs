//! The promises of worker processes, through the public interface of this crate.

ori_worker::test_worker!();

mod collect;
mod driving;
mod jobs;
mod liar;
mod sys_socket;
