//! The cases of `cases/`, and what no case can say: that no text makes the parser fail otherwise than with an error.

use jsonpath::{Path, ReferencePath};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn cases() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../cases/paths.json")).expect("JSON");
    for case in cases {
        let name = case["name"].as_str().unwrap_or_default();
        let path = Path::parse(case["path"].as_str().unwrap_or_default());
        if case.get("invalid").is_some() {
            assert!(path.is_err(), "{name}");
            continue;
        }
        let path = path.unwrap_or_else(|error| panic!("{name}: {error}"));
        match (path.find(&case["document"]), case.get("error")) {
            (Ok(found), None) => assert_eq!(*found, case["found"], "{name}"),
            (Err(error), Some(expected)) => assert_eq!(json!(error.to_string()), *expected, "{name}"),
            (result, _) => panic!("{name}: {result:?}"),
        }
    }
}

#[test]
fn a_reference_path_makes_objects_and_fills_arrays() {
    let insert = |path: &str, mut document: Value| {
        let path = ReferencePath::parse(path).expect("a reference path");
        path.insert(&mut document, json!(1)).map(|()| document).map_err(|failure| failure.to_string())
    };
    assert_eq!(insert("$.a.b", json!({"x": 0})), Ok(json!({"x": 0, "a": {"b": 1}})));
    assert_eq!(insert("$.a[1]", json!({"a": [0, 0]})), Ok(json!({"a": [0, 1]})));
    assert_eq!(insert("$", json!({"a": 0})), Ok(json!(1)));
    assert_eq!(insert("$.a.b", json!({"a": 5})), Err("Unable to apply step \"b\" to input 5".to_owned()));
    assert!(insert("$.a[2]", json!({"a": []})).is_err());
    for path in ["$..a", "$[*]", "$.a[0,1]", "$.a[1:]", "$[?(@.x)]", "$.a.length()"] {
        assert!(ReferencePath::parse(path).is_err(), "{path}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        drop(Path::parse(&text));
    }

    #[test]
    fn nothing_like_a_path_panics(text in "\\$([.\\[\\]'?@(),:*a-c0-9 =!&|<>/~-]){0,40}", document in document()) {
        if let Ok(path) = Path::parse(&text) {
            drop(path.find(&document));
        }
    }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-c]", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}
