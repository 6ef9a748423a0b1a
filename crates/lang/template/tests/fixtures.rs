//! Whole templates: the articles' and the recorded ones, where the material lies beside the checkout.

#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use std::fs;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::{Value, json};
use template::{Evaluation, Pseudo, Template};
use world::World;

fn shared(path: &str) -> Option<String> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared")).join(path);
    let text = fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    text
}

/// Parses and evaluates everything; gives the evaluated resources and the order.
fn evaluate(text: &str, ssm: &str) -> (Value, Vec<Vec<String>>) {
    let template = Template::parse(text).unwrap();
    let mut parameters = template.resolve_parameters(&IndexMap::new()).unwrap();
    let names: Vec<String> = parameters.unresolved().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        parameters.resolve(&name, ssm.to_owned());
    }
    let pseudo = Pseudo { region: "us-east-1".into(), partition: "aws".into(), ..Pseudo::default() };
    let evaluation = Evaluation::new(&template, parameters, pseudo).unwrap();
    let case = json!({"references": "arns"});
    let world = World { case: &case };
    let resources: serde_json::Map<String, Value> = evaluation
        .resources()
        .map(|(id, _)| (id.to_owned(), evaluation.properties(id, &world).unwrap().into()))
        .collect();
    (resources.into(), evaluation.graph().levels().unwrap())
}

#[test]
fn a_scheduled_state_machine() {
    let Some(text) = shared("fixtures/article0.template.yaml") else { return };
    let (resources, levels) = evaluate(&text, "");
    assert_eq!(
        levels,
        [
            vec!["InvokeStatemachineRole", "StatemachineRole", "CloudwatchLogGroup"],
            vec!["MYStateMachine"],
            vec!["ScheduledRule"]
        ]
    );
    assert_eq!(resources["CloudwatchLogGroup"]["RetentionInDays"], 7);
    assert_eq!(resources["StatemachineRole"]["AssumeRolePolicyDocument"]["Version"], "2012-10-17");
    assert_eq!(
        resources["ScheduledRule"]["Targets"][0]["Arn"],
        "arn:aws:made:eu-central-1:111111111111:kind/MYStateMachine"
    );
    let definition: Value =
        serde_json::from_str(resources["MYStateMachine"]["DefinitionString"].as_str().unwrap()).unwrap();
    let overrides = &definition["States"]["ECS RunTask"]["Parameters"]["Overrides"]["ContainerOverrides"];
    assert_eq!(overrides[0]["Command.$"], "$.commands");
    let actions = &resources["StatemachineRole"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"];
    assert_eq!(actions[26], "logs:PutDestinationPolicy\"");
    let required = Template::parse(&text).unwrap().required_capabilities();
    assert_eq!(required.capability, Some("CAPABILITY_IAM"));
}

#[test]
fn synthesised_templates() {
    for (path, count) in [
        ("fixtures/article2-cdk.template.json", 33),
        ("fixtures/article4-ecsruntask-cdk.template.json", 0),
        ("fixtures/article4-customstate-cdk.template.json", 0),
    ] {
        let Some(text) = shared(path) else { continue };
        let (resources, levels) = evaluate(&text, "21");
        let resources = resources.as_object().unwrap();
        assert!(count == 0 || resources.len() == count, "{path}: {}", resources.len());
        assert_eq!(levels.iter().map(Vec::len).sum::<usize>(), resources.len());
        // A bootstrap that is too old is refused by the template's own rule.
        let template = Template::parse(&text).unwrap();
        if template.rules.is_empty() {
            continue;
        }
        let mut parameters = template.resolve_parameters(&IndexMap::new()).unwrap();
        parameters.resolve("BootstrapVersion", "3".to_owned());
        let error = Evaluation::new(&template, parameters, Pseudo::default()).unwrap_err();
        assert!(error.to_string().contains("CDK bootstrap stack version 6 required"), "{error}");
    }
}

#[test]
fn recorded_refusals() {
    let Some(text) = shared("conformance/cases/cloudformation/api.json") else { return };
    let cases: Value = serde_json::from_str(&text).unwrap();
    let (mut met, mut failures) = (0, Vec::new());
    for case in cases.as_array().unwrap() {
        for step in case["steps"].as_array().unwrap() {
            let message = step["expect"][0]["aws"]["Error"]["Message"].as_str().unwrap_or("");
            let (Some(body), true) = (step["params"]["TemplateBody"].as_str(), is_of_the_language(message))
            else {
                continue;
            };
            let got = refusal(body, &step["params"]["Parameters"]);
            if got.as_deref() == Some(message) {
                met += 1;
            } else {
                failures.push(format!("{}: {message}\n  got {got:?}", case["name"]));
            }
        }
    }
    assert!(failures.is_empty(), "{met} met, not:\n{}", failures.join("\n"));
    assert!(met >= 10, "{met}");
}

fn is_of_the_language(message: &str) -> bool {
    ["Template ", "Parameter", "[/", "Key Name of"].iter().any(|start| message.starts_with(start))
}

fn refusal(body: &str, parameters: &Value) -> Option<String> {
    let given = parameters.as_array().into_iter().flatten().map(|parameter| {
        let text = |key: &str| parameter[key].as_str().unwrap_or("").to_owned();
        (text("ParameterKey"), text("ParameterValue"))
    });
    let given: IndexMap<String, String> = given.collect();
    let evaluate = || {
        let template = Template::parse(body)?;
        let parameters = template.resolve_parameters(&given)?;
        let evaluation = Evaluation::new(&template, parameters, Pseudo::default())?;
        let case = json!({});
        for (logical_id, _) in evaluation.resources() {
            evaluation.properties(logical_id, &World { case: &case })?;
        }
        Ok::<_, template::TemplateError>(())
    };
    evaluate().err().map(|error| error.to_string())
}
