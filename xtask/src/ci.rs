//! `ci`: all that must hold before a change is taken in, on any machine with a Rust toolchain.

use crate::report::Report;
use crate::workspace::Workspace;
use crate::{bench, docs, lint, stress, test};

/// The other verbs in the order in which they find mistakes soonest.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    lint::run(report, workspace);
    test::run(report, workspace);
    docs::run(report, workspace, &docs::Options::default());
    bench::run(report, workspace, &bench::Options::smoke());
    stress::run(report, workspace, &stress::Options::short());
}
