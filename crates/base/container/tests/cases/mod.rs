//! The suite's tests, each for any driver.

pub mod embedded_only;
pub mod ending;
pub mod exec;
pub mod logs;
pub mod networks;
pub mod networks_embedded;
pub mod process;
pub mod survival;

use std::future::Future;

use container::DriverKind;

use crate::support::Target;
use crate::support::runner::Test;

/// Every test, for one driver.
pub fn all(target: &Target) -> Vec<Test<'_>> {
    let mut tests = Vec::new();
    let prefix = match target.kind() {
        DriverKind::Embedded => "embedded",
        DriverKind::Docker => "docker",
    };
    process::add(target, &mut |name, test| tests.push((format!("{prefix}::process::{name}"), test)));
    ending::add(target, &mut |name, test| tests.push((format!("{prefix}::ending::{name}"), test)));
    exec::add(target, &mut |name, test| tests.push((format!("{prefix}::exec::{name}"), test)));
    logs::add(target, &mut |name, test| tests.push((format!("{prefix}::logs::{name}"), test)));
    survival::add(target, &mut |name, test| tests.push((format!("{prefix}::survival::{name}"), test)));
    networks::add(target, &mut |name, test| tests.push((format!("{prefix}::networks::{name}"), test)));
    if let Target::Embedded { data } = target {
        networks_embedded::add(data, &mut |name, test| {
            tests.push((format!("{prefix}::networks_only::{name}"), test));
        });
        embedded_only::add(data, &mut |name, test| tests.push((format!("{prefix}::only::{name}"), test)));
    }
    tests
}

pub type Add<'f, 'a> = &'f mut dyn FnMut(&str, std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>);
