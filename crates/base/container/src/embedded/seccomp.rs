//! The system calls that a container may make: Docker's default profile, as far as a filter here can say it.
//!
//! Two filters are stacked, because one filter has one answer. The first one allows what is listed and answers `EPERM`
//! to the rest. The second one answers `ENOSYS` to what C libraries must believe to be missing: `clone3`, whose flags
//! no filter can read, and calls newer than the list, so that programs fall back to older ones.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::syscalls::{ALLOWED, ALLOWED_HERE, WITH_CAPABILITY};

/// All `CLONE_NEW*` flags: making namespaces, user namespaces above all, is refused.
const NAMESPACE_FLAGS: u64 = 0x7E02_0000;
/// The address family of virtual machines' sockets, which are not bound to a network namespace.
const AF_VSOCK: u64 = 40;
/// Linux, 32-bit address layout, uname 2.6, both, and the question.
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// Numbers that newer kernels may use, after the last that the list knows.
const UNKNOWN: std::ops::Range<i64> = 463..600;

/// The filters for a container with these capabilities (full names), in the order in which they are to be applied.
///
/// # Errors
/// When this processor is not known to the filters.
pub fn filters(capabilities: &[String]) -> Result<Vec<BpfProgram>, String> {
    let architecture =
        TargetArch::try_from(std::env::consts::ARCH).map_err(|error| format!("seccomp: {error}"))?;
    let compile = |rules, otherwise, matched| -> Result<BpfProgram, String> {
        SeccompFilter::new(rules, otherwise, matched, architecture)
            .and_then(BpfProgram::try_from)
            .map_err(|error| format!("seccomp: {error}"))
    };
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let allow_list = compile(allowed(capabilities)?, refused, SeccompAction::Allow)?;
    let unknown = UNKNOWN.chain(clone3(capabilities)).map(|number| (number, Vec::new())).collect();
    // The kernel asks the filter that came last first, and of equal answers takes the first.
    Ok(vec![allow_list, compile(unknown, SeccompAction::Allow, missing)?])
}

fn allowed(capabilities: &[String]) -> Result<BTreeMap<i64, Vec<SeccompRule>>, String> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for number in ALLOWED.iter().chain(ALLOWED_HERE) {
        rules.insert(*number, Vec::new());
    }
    for (capability, numbers) in WITH_CAPABILITY {
        if capabilities.iter().any(|known| known == capability) {
            rules.extend(numbers.iter().map(|number| (*number, Vec::new())));
        }
    }
    if !has(capabilities, "CAP_SYS_ADMIN") {
        let no_namespace = condition(0, SeccompCmpOp::MaskedEq(NAMESPACE_FLAGS), 0)?;
        rules.insert(libc::SYS_clone, vec![rule(no_namespace)?]);
    }
    rules.insert(libc::SYS_socket, vec![rule(condition(0, SeccompCmpOp::Ne, AF_VSOCK)?)?]);
    let mut personalities = Vec::new();
    for value in PERSONALITIES {
        personalities.push(rule(condition(0, SeccompCmpOp::Eq, value)?)?);
    }
    rules.insert(libc::SYS_personality, personalities);
    Ok(rules)
}

fn clone3(capabilities: &[String]) -> Option<i64> {
    (!has(capabilities, "CAP_SYS_ADMIN")).then_some(libc::SYS_clone3)
}

fn has(capabilities: &[String], name: &str) -> bool {
    capabilities.iter().any(|known| known == name)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, String> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
        .map_err(|error| format!("seccomp: {error}"))
}

fn rule(condition: SeccompCondition) -> Result<SeccompRule, String> {
    SeccompRule::new(vec![condition]).map_err(|error| format!("seccomp: {error}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn compiles() {
        assert_eq!(super::filters(&[]).unwrap().len(), 2);
        assert_eq!(super::filters(&["CAP_SYS_ADMIN".to_owned()]).unwrap().len(), 2);
    }
}
