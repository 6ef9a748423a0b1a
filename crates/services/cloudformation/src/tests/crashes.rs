//! The machine dies at every call, before and after it takes effect, and everything still ends as it should.

use std::sync::Arc;

use serde_json::json;

use super::{Machine, SCHEDULED, TASKS, submission};
use crate::engine::runner::step;

/// Runs a stack's operation on processes that die once, and gives the stack's last status.
pub(super) async fn run_through_a_death(machine: &Arc<Machine>, stack: &str) -> String {
    let uuid = stack.rsplit('/').next().unwrap();
    let key = format!("111111111111/us-east-1/{uuid}");
    let first = machine.start();
    loop {
        let stepped = tokio::select! {
            stepped = step(&first.service.inner, &key) => Some(stepped.unwrap()),
            () = machine.account.died.notified() => None,
        };
        match stepped {
            Some(crate::engine::runner::Step::Again) => {}
            Some(crate::engine::runner::Step::Stop) | None => break,
        }
    }
    drop(first);
    machine.account.change(|world| world.dies_at = None);
    machine.start().run(stack).await
}

/// What an account holds after creation, update and deletion of stacks with these templates, where it dies at `at`.
async fn lives(at: Option<(usize, bool)>, template: &str, changed: &str) -> (Vec<Vec<String>>, usize) {
    let machine = Machine::new();
    machine.account.change(|world| world.dies_at = at);
    let process = machine.start();
    let stack = process.create(template).await;
    let mut holds = Vec::new();
    assert_eq!(run_through_a_death(&machine, &stack).await, "CREATE_COMPLETE", "{at:?}");
    holds.push(process.holds());
    holds.push(machine.account.change(|world| world.marks.keys().cloned().collect()));
    process.ok("UpdateStack", submission(changed)).await;
    // The death comes in whichever operation it is counted for.
    machine.account.change(|world| world.dies_at = at.filter(|(at, _)| *at >= world.count));
    assert_eq!(run_through_a_death(&machine, &stack).await, "UPDATE_COMPLETE", "{at:?}");
    holds.push(process.holds());
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    machine.account.change(|world| world.dies_at = at.filter(|(at, _)| *at >= world.count));
    assert_eq!(run_through_a_death(&machine, &stack).await, "DELETE_COMPLETE", "{at:?}");
    holds.push(process.holds());
    (holds, machine.account.change(|world| world.count))
}

async fn dies_everywhere(template: &str, changed: &str) {
    let (expected, count) = lives(None, template, changed).await;
    assert!(!expected[0].is_empty() && expected.last().is_some_and(Vec::is_empty));
    for at in 0..count {
        for after in [false, true] {
            let (holds, _) = lives(Some((at, after)), template, changed).await;
            assert_eq!(holds, expected, "died at call {at}, after it took effect: {after}");
        }
    }
}

#[tokio::test]
async fn a_scheduled_machine() {
    let changed = SCHEDULED.replace("RetentionInDays: 7", "RetentionInDays: 14").replace("$.x", "$.y");
    dies_everywhere(SCHEDULED, &changed).await;
}

#[tokio::test]
async fn a_task_definition_has_no_revision_too_many() {
    dies_everywhere(TASKS, &TASKS.replace("busybox", "alpine")).await;
}

/// Dies at every call of an update that fails, and of its rollback.
#[tokio::test]
async fn a_rollback() {
    let changed = TASKS.replace("busybox", "alpine").replace("Name: rule", "Name: rule\n      Foo: 1");
    let mut at = 0;
    loop {
        let machine = Machine::new();
        let process = machine.start();
        let stack = process.create(TASKS).await;
        assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
        let before = process.holds();
        process.ok("UpdateStack", submission(&changed)).await;
        let count = machine.account.change(|world| {
            world.dies_at = Some((world.count + at / 2, at % 2 == 1));
            world.count
        });
        assert_eq!(run_through_a_death(&machine, &stack).await, "UPDATE_ROLLBACK_COMPLETE");
        assert_eq!(process.holds(), before, "died at {at}");
        at += 1;
        if machine.account.change(|world| world.count) <= count + at / 2 {
            break;
        }
    }
    assert!(at > 4, "{at}");
}
