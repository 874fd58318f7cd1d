//! `ci`: all that must hold before a change is taken in, on any machine with a Rust toolchain.

use crate::report::Report;
use crate::workspace::Workspace;
use crate::{api, bench, docs, features, lint, models, package, platforms, profiles, soak, stress, test};

/// The other verbs in the order in which they find mistakes soonest.
pub(crate) fn run(report: &mut Report, workspace: &Workspace) {
    lint::run(report, workspace);
    features::run(report, workspace, &features::Options::default());
    platforms::run(report, workspace);
    test::run(report, workspace);
    api::run(report, workspace, &api::Options::default());
    docs::run(report, workspace, &docs::Options::default());
    package::run(report, workspace, &package::Options::short());
    bench::run(report, workspace, &bench::Options::smoke());
    profiles::run(report, workspace, &profiles::Options::short());
    stress::run(report, workspace, &stress::Options::short());
    models::run(report, workspace, &models::Options::short());
    soak::run(report, workspace, &soak::Options::short());
}
