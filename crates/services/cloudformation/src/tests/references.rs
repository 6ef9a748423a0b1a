//! Dynamic references, and parameters of Parameter Store, on the real Parameter Store and Secrets Manager.

use serde_json::{Value, json};

use super::{Process, submission};

/// A secret that is made up, and a parameter that holds a part of it.
const SECRET: &str = "
Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: db
      GenerateSecretString: {SecretStringTemplate: '{\"user\": \"u\"}', GenerateStringKey: password, PasswordLength: '16'}
  Parameter:
    Type: AWS::SSM::Parameter
    Properties:
      Name: /db
      Type: String
      Value: !Sub '{{resolve:secretsmanager:${Secret}:SecretString:user}}:{{resolve:secretsmanager:${Secret}:SecretString:password}}'
";

async fn parameter(process: &Process, name: &str, kind: &str, value: &str) {
    let parameter = json!({"Name": name, "Type": kind, "Value": value, "Overwrite": true});
    process.call_of("ssm", "PutParameter", parameter).await.unwrap();
}

async fn of_secret(process: &Process) -> Value {
    let answer =
        process.call_of("secretsmanager", "GetSecretValue", json!({"SecretId": "db"})).await.unwrap();
    serde_json::from_str(answer["SecretString"].as_str().unwrap()).unwrap()
}

async fn of_parameter(process: &Process) -> String {
    let answer = process.call_of("ssm", "GetParameter", json!({"Name": "/db"})).await.unwrap();
    answer["Parameter"]["Value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_plain_parameter_has_the_value_that_it_had_when_the_template_was_submitted() {
    let process = Process::new();
    parameter(&process, "/group", "String", "one").await;
    let template = "
Resources: {Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: 'my/{{resolve:ssm:/group}}'}}}
Outputs: {Name: {Value: 'is {{resolve:ssm:/group:1}}'}}";
    let stack = process.create(template).await;
    parameter(&process, "/group", "String", "two").await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE");
    assert_eq!(process.holds(), ["my/one"]);
    assert_eq!(process.stack("s").await["Outputs"][0]["OutputValue"], "is one");
    process.ok("UpdateStack", submission(template)).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE");
    assert_eq!(process.holds(), ["my/two"]);
    assert!(
        process.error("UpdateStack", submission(template)).await.contains("No updates are to be performed.")
    );
}

#[tokio::test]
async fn what_leads_to_nothing_plain_is_refused_at_once() {
    let process = Process::new();
    parameter(&process, "/secure", "SecureString", "s").await;
    let group = |name: &str| {
        format!("Resources: {{G: {{Type: AWS::Logs::LogGroup, Properties: {{LogGroupName: '{name}'}}}}}}")
    };
    let tagged = "Resources: {G: {Type: AWS::Logs::LogGroup, Properties: {Tags: [{Key: a, Value: '{{resolve:ssm-secure:/secure:1}}'}]}}}";
    let given = |name: &str| {
        format!(
            "Parameters: {{P: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: {name}}}, Q: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: {name}}}}}\n{}",
            group("x")
        )
    };
    for (template, words) in [
        (group("{{resolve:ssm:/none:2}}"), "Parameters: [ssm:/none:2] cannot be found."),
        (group("{{resolve:ssm:/secure}}"), "Non-secure ssm prefix was used for secure parameter: [/secure]"),
        (
            group("{{resolve:ssm:a b}}"),
            "Incorrect format is used in the following SSM reference: [{{resolve:ssm:a b}}]",
        ),
        (
            group("{{resolve:ssm-secure:/secure:1}}"),
            "SSM Secure reference is not supported in: [AWS::Logs::LogGroup/Properties/LogGroupName]",
        ),
        (
            tagged.to_owned(),
            "SSM Secure reference is not supported in: [AWS::Logs::LogGroup/Properties/Tags]",
        ),
        (given("/none"), "Unable to fetch parameters [/none,/none] from parameter store for this account."),
        (
            given("/secure"),
            "Parameters [/secure,/secure] referenced by template have types not supported by CloudFormation.",
        ),
    ] {
        let error = process.error("CreateStack", submission(&template)).await;
        assert_eq!(error, format!("ValidationError: {words}"));
    }
}

#[tokio::test]
async fn a_secret_reaches_its_resource_and_no_record() {
    let process = Process::new();
    let stack = process.create(SECRET).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE", "{:#?}", process.events("s").await);
    let secret = of_secret(&process).await;
    let password = secret["password"].as_str().unwrap();
    assert_eq!(of_parameter(&process).await, format!("u:{password}"));
    let events = process.ok("DescribeStackEvents", json!({"StackName": "s"})).await.to_string();
    assert!(events.contains("{{resolve:secretsmanager:") && !events.contains(password));
    // The secret may change: as long as the reference does not, nothing does.
    assert!(process.error("UpdateStack", submission(SECRET)).await.contains("No updates"));
    process.ok("UpdateStack", submission(&SECRET.replace("/db", "/db\n      Description: d"))).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE", "{:#?}", process.events("s").await);
    assert_eq!(of_secret(&process).await, secret);
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
}

#[tokio::test]
async fn a_secret_that_is_not_there_fails_its_resource() {
    for (reference, reason) in [
        (
            "none",
            "Secrets Manager can't find the specified secret. (Service: AWSSecretsManager; Status Code: 400; Error Code: ResourceNotFoundException; Request ID: ",
        ),
        ("${Secret}:SecretString:no", "Could not find a value associated with JSONKey in SecretString"),
        ("plain:SecretString:no", "Could not parse SecretString JSON"),
    ] {
        let process = Process::new();
        let plain = json!({"Name": "plain", "SecretString": "text"});
        process.call_of("secretsmanager", "CreateSecret", plain).await.unwrap();
        let template = SECRET.replace("${Secret}:SecretString:password", reference);
        let stack = process.create(&template).await;
        assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
        let events = process.events("s").await;
        let reason = format!("Parameter CREATE_FAILED {reason}");
        assert!(events.iter().any(|event| event.starts_with(&reason)), "{events:#?}");
    }
}
