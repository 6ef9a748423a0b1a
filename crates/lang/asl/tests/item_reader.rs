//! Readers of items: cases in `cases/item_reader`, and what no case can say: that it does not matter where chunks end, and
//! that no bytes make a reader panic.
//!
//! A case is an `ItemReader` with its `Parameters` as they are evaluated, the objects that are there, and the items that
//! are read or the failure. `UPDATE=1` writes what is, to be reviewed like code.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use asl::map_run::{Item, ItemReader, ItemSource, Next, ReaderCall, ReaderResource};
use asl::{Effect, Execution, ExecutionSpec, Failure, MachineKind, Wake, parse, step};
use proptest::prelude::*;
use serde_json::{Value, json};
use types::Timestamp;

/// Objects by `bucket/key`.
type Objects = BTreeMap<String, Vec<u8>>;

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/item_reader");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("cases").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a file");
        let mut cases: Vec<Value> = serde_json::from_str(&text).expect("cases");
        if std::env::var_os("UPDATE").is_some() {
            cases.iter_mut().for_each(|case| case["expect"] = outcome(case, usize::MAX));
            let text = serde_json::to_string_pretty(&cases).expect("JSON");
            std::fs::write(&file, text + "\n").expect("a file that can be written");
        }
        for case in &cases {
            for chunk in [usize::MAX, 64, 3, 1] {
                assert_eq!(outcome(case, chunk), case["expect"], "{} in chunks of {chunk}", case["name"]);
            }
        }
    }
}

fn outcome(case: &Value, chunk: usize) -> Value {
    let source = source(&case["ItemReader"]);
    match read(&source, &objects(case), chunk) {
        Ok(items) => json!({"items": items}),
        Err(failure) => json!({"error": failure.error.map(String::from), "cause": failure.cause}),
    }
}

/// What is in buckets: text, or text to be compressed.
fn objects(case: &Value) -> Objects {
    let objects = case["objects"].as_object().into_iter().flatten();
    objects
        .map(|(name, content)| {
            let bytes = match content {
                Value::String(text) => text.clone().into_bytes(),
                other => gzip(other["gzip"].as_str().expect("text")),
            };
            (name.clone(), bytes)
        })
        .collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

/// The source that a Map state with this `ItemReader` asks for.
fn source(item_reader: &Value) -> ItemSource {
    let definition = json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": true, "ItemReader": item_reader, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}});
    let machine = parse(&definition.to_string()).unwrap_or_else(|findings| panic!("{findings:?}"));
    let spec = ExecutionSpec {
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input: "{}".into(),
        start_time: Timestamp::from_seconds(1_800_000_000),
        seed: 5,
        kind: MachineKind::Standard,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    };
    let (mut execution, mut effects) = (Execution::new(Arc::new(machine), spec), Vec::new());
    step(&mut execution, Wake::Start, Timestamp::from_seconds(1_800_000_000), &mut effects);
    let run = effects.into_iter().find_map(|effect| match effect {
        Effect::StartMapRun { run, .. } => Some(run),
        _ => None,
    });
    run.expect("a Map Run").source
}

/// Reads all items of a source; objects come in chunks of so many bytes, listings in pages of two.
fn read(source: &ItemSource, objects: &Objects, chunk: usize) -> Result<Vec<Item>, Failure> {
    let (mut reader, mut items, mut open) = (ItemReader::new(source)?, Vec::new(), Vec::new());
    loop {
        match reader.advance()? {
            Next::Item(item) => items.push(item),
            Next::End => return Ok(items),
            Next::Call(ReaderCall { operation: ReaderResource::ListObjectsV2, parameters }) => {
                reader.listed(&list(objects, &parameters));
            }
            Next::Call(ReaderCall { operation: ReaderResource::GetObject, parameters }) => {
                let name = format!("{}/{}", text(&parameters, "Bucket"), text(&parameters, "Key"));
                let bytes = objects.get(&name).unwrap_or_else(|| panic!("no object {name}"));
                open = bytes.chunks(chunk.min(bytes.len().max(1))).rev().collect();
            }
            Next::Bytes => match open.pop() {
                Some(chunk) => reader.chunk(chunk),
                None => reader.object_end(),
            },
        }
    }
}

fn text<'a>(parameters: &'a Value, name: &str) -> &'a str {
    parameters[name].as_str().unwrap_or_default()
}

fn list(objects: &Objects, parameters: &Value) -> Value {
    let folder = format!("{}/{}", text(parameters, "Bucket"), text(parameters, "Prefix"));
    let from: usize = text(parameters, "ContinuationToken").parse().unwrap_or(0);
    let names: Vec<_> = objects.iter().filter(|(name, _)| name.starts_with(&folder)).skip(from).collect();
    let object = |(name, bytes): &(&String, &Vec<u8>)| {
        let key = name.split_once('/').expect("a key").1;
        json!({"Key": key, "ETag": "\"e\"", "Size": bytes.len(), "LastModified": 1_668_699_881.5, "StorageClass": "STANDARD"})
    };
    let mut page = json!({"Contents": names.iter().take(2).map(object).collect::<Vec<_>>(), "IsTruncated": names.len() > 2});
    if names.len() > 2 {
        page["NextContinuationToken"] = (from + 2).to_string().into();
    }
    page
}

fn reader_of(config: Value) -> ItemSource {
    source(
        &json!({"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": config}),
    )
}

/// Sources of one object in every format; the last two are manifests.
static SOURCES: LazyLock<Vec<ItemSource>> = LazyLock::new(|| {
    let configurations = [
        json!({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}),
        json!({"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"], "CSVDelimiter": "SEMICOLON"}),
        json!({"InputType": "JSON"}),
        json!({"InputType": "JSON", "ItemsPointer": "/a/1"}),
        json!({"InputType": "JSONL"}),
        json!({"InputType": "JSON", "MaxItems": 2}),
        json!({"ManifestType": "S3_INVENTORY"}),
        json!({"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}),
    ];
    configurations.into_iter().map(reader_of).collect()
});

/// Texts that look like what readers read, and break where they may break.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        "\r",
        "\r\n",
        ";",
        " ",
        "a",
        "\"a\"",
        "\"a\":",
        "1",
        "-1.5e3",
        "true",
        "null",
        "\u{feff}",
        "é",
        "\u{1f600}",
        "\"\\u00e9\"",
        "a,b\n",
        "x;y\n",
        "{\"a\":[0,[1,2]]}",
        "[1,{\"b\":\"]\"}]",
    ];
    prop_oneof![
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..30)
            .prop_map(|pieces| pieces.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..60),
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..30)
            .prop_map(|pieces| gzip(&pieces.concat())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn chunks_do_not_matter(bytes in document(), chunk in 1_usize..9) {
        let objects = Objects::from([("b/k".to_owned(), bytes)]);
        for source in SOURCES.iter().take(6) {
            prop_assert_eq!(read(source, &objects, usize::MAX), read(source, &objects, chunk));
        }
    }

    #[test]
    fn a_json_document_gives_its_elements(values in prop::collection::vec("[a-z\"\\\\\\]}{\\[,: ]{0,8}", 0..6), chunk in 1_usize..5) {
        let document = json!({"x": {"n": 1}, "a": [0, values]});
        let objects = Objects::from([("b/k".to_owned(), document.to_string().into_bytes())]);
        let items = read(&SOURCES[3], &objects, chunk);
        let found: Vec<Value> = items.expect("items").into_iter().map(|item| item.value).collect();
        prop_assert_eq!(json!(found), json!(values));
    }

    #[test]
    fn no_manifest_panics(bytes in document()) {
        let objects = Objects::from([("b/k".to_owned(), bytes)]);
        for source in SOURCES.iter().skip(6) {
            let mut reader = ItemReader::new(source).expect("a reader");
            prop_assert!(matches!(reader.advance(), Ok(Next::Call(_))));
            reader.chunk(&objects["b/k"]);
            reader.object_end();
            for _ in 0..3 {
                drop(reader.advance());
            }
        }
    }
}
