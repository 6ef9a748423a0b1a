//! Whatever the text, reading it ends, and ends without a panic.

use proptest::prelude::*;
use template::{Template, TemplateError, read};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text(text in ".*") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn texts_of_yaml_characters(text in "[-a-z!&*:{}\\[\\], \n|>\"'#%@`?~<$.0-9]{0,80}") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn texts_of_json_characters(text in "\\{[\"a-z:{}\\[\\], \\\\u0-9.eE+-]{0,60}") {
        let _ = Template::parse(&text);
    }

    #[test]
    fn any_argument_of_any_function(
        name in "(Ref|Fn::(GetAtt|Sub|Join|Select|Split|FindInMap|If|Base64|Cidr|GetAZs|ImportValue|Not|And|Or|Equals|X))",
        argument in "(\"[a-z.${}!:]{0,12}\"|\\[(\"[a-z]{0,3}\"|[0-9]|\\[\\]|\\{\\})(,(\"[a-z]{0,3}\"|[0-9]|\\[\\]|\\{\\})){0,3}\\]|\\{\\}|7|true)",
    ) {
        let _ = Template::parse(&format!(r#"{{"Resources": {{"A": {{"Type": "T", "Properties": {{"P": {{"{name}": {argument}}}}}}}}}}}"#));
    }

    #[test]
    fn json_reads_as_json(value in json_value(3)) {
        let text = serde_json::json!({"a": value}).to_string();
        prop_assert_eq!(read(&text).unwrap().to_json().to_string(), text);
    }
}

fn json_value(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        ".*".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(depth, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::hash_map(".*", inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

#[test]
fn aliases_cannot_explode() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
    }
    assert_eq!(read(&text), Err(TemplateError::TooManyAliases));
}

#[test]
fn depth_is_limited() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("!Sub [", "]")] {
        let nested = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        for text in [format!("{{\"a\": {nested}}}"), format!("a: {nested}")] {
            assert!(read(&text).is_err());
        }
    }
    let deep: String = (0..5_000).map(|level| format!("{}- \n", " ".repeat(level))).collect();
    assert!(read(&format!("a:\n{deep}")).is_err());
}
