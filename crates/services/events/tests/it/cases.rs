//! `cases/`: one behaviour a file, as calls and what comes of them.
//!
//! A case is `source` and `steps`. A step is a `call` (of another `service` than EventBridge, where it says so) with its
//! `input` and either its `answer` or its `error` (code and
//! text; `until`: it is made until it comes to that), or `advance` (seconds that the clock moves), or `given`: all that
//! targets were given since the last such step, sorted by operation. `settled` waits until so many deliveries have failed
//! and are kept. `fails` before that lists errors with which targets answer first, as `[operation, code, status]`.
//! `<any>` stands for whatever is made up. `UPDATE=1` writes what came of it into the file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::AwsError;
use serde_json::{Value, json};

use crate::world::{REGION, World, in_time};

#[tokio::test]
async fn cases_come_out_as_written() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"));
    assert!(files.len() >= 84, "only {} cases", files.len());
    let mut failures = Vec::new();
    for file in files {
        let mut case: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let before = case.clone();
        failures
            .extend(run(&mut case).await.into_iter().map(|failure| format!("{}: {failure}", file.display())));
        if before != case && std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&case).unwrap())).unwrap();
        }
    }
    assert!(failures.is_empty(), "\n{}\n{} failed", failures.join("\n"), failures.len());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Runs a case and writes what came of it over what was expected.
async fn run(case: &mut Value) -> Vec<String> {
    let world = World::new().await;
    let (mut failures, mut seen) = (Vec::new(), 0);
    for step in case["steps"].as_array_mut().unwrap() {
        let (key, got) = if let Some(operation) = step["call"].as_str() {
            called(&world, operation, step).await
        } else if let Some(seconds) = step["advance"].as_u64() {
            world.clock.advance(Duration::from_secs(seconds));
            continue;
        } else if let Some(count) = step["settled"].as_u64() {
            settled(&world, usize::try_from(count).unwrap()).await;
            continue;
        } else if let Some(fails) = step["fails"].as_array() {
            for one in fails {
                let status = u16::try_from(one[2].as_u64().unwrap()).unwrap();
                let error = AwsError::new(one[1].as_str().unwrap().to_owned(), "as the case says")
                    .with_status(status);
                world.targets.fail(one[0].as_str().unwrap(), [error]);
            }
            continue;
        } else {
            ("given", given(&world, step["given"].as_array().unwrap(), &mut seen).await)
        };
        if !matches(&step[key], &got) {
            failures.push(format!("{}: want {}, got {got} as {key}", step["call"], expected(step)));
            let step = step.as_object_mut().unwrap();
            step.remove("answer");
            step.remove("error");
            step.insert(key.to_owned(), got);
        }
    }
    failures
}

/// Waits until attempts of so many deliveries have failed and are kept to be made again.
async fn settled(world: &World, count: usize) {
    let look = async {
        loop {
            let kept = world.store.list("events/outcome", store::Range::prefix("")).await.unwrap();
            let texts = kept.iter().map(|one| String::from_utf8_lossy(&one.value).into_owned());
            if texts.filter(|text| text.contains("ErrorCode")).count() >= count {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await
}

/// What a call comes to; `until` it comes to what is wanted, where the case says so.
async fn called(world: &World, operation: &str, step: &Value) -> (&'static str, Value) {
    let service = step["service"].as_str().unwrap_or("events");
    let call = async || match world.call_of(service, REGION, operation, step["input"].clone()).await {
        Ok(answer) => ("answer", answer),
        Err(error) => ("error", json!([error.code, error.message])),
    };
    if step["until"] != true {
        return call().await;
    }
    let look = async {
        loop {
            let (key, got) = call().await;
            if matches(&step[key], &got) {
                return (key, got);
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(look).await
}

fn expected(step: &Value) -> &Value {
    ["answer", "error", "given"].iter().find_map(|key| step.get(key)).unwrap_or(&Value::Null)
}

/// What targets were given since `seen`, once it is as much as was wanted.
async fn given(world: &World, wanted: &[Value], seen: &mut usize) -> Value {
    let operations: std::collections::BTreeSet<&str> =
        wanted.iter().filter_map(|one| one["operation"].as_str()).collect();
    for operation in operations {
        let before =
            world.targets.given().iter().take(*seen).filter(|one| one.operation == operation).count();
        let now = wanted.iter().filter(|one| one["operation"] == operation).count();
        world.targets.given_of(operation, before + now).await;
    }
    let all = world.targets.given();
    let mut new: Vec<_> = all.iter().skip(*seen).collect();
    new.sort_by_key(|one| one.operation.clone());
    *seen = all.len();
    let shown = |one: &crate::world::Given| {
        let mut shown = json!({
            "service": one.service, "operation": one.operation, "as": one.principal.arn(), "input": one.input,
        });
        if let Some(key) = &one.idempotency_key {
            shown["idempotencyKey"] = key.as_str().into();
        }
        shown
    };
    new.into_iter().map(shown).collect()
}

fn matches(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::String(want), _) if want == "<any>" => !got.is_null(),
        (Value::String(want), Value::String(got)) if want.contains("<any>") => {
            let pattern = regex::escape(want).replace("<any>", ".+");
            regex::Regex::new(&format!("(?s)^{pattern}$")).unwrap().is_match(got)
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(want, got)| matches(want, got))
        }
        (Value::Object(want), Value::Object(got)) => {
            want.len() == got.len()
                && want.iter().all(|(name, want)| got.get(name).is_some_and(|got| matches(want, got)))
        }
        _ => want == got,
    }
}
