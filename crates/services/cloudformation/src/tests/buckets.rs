//! `AWS::S3::Bucket`.

use serde_json::json;

use super::{Process, submission};

const BUCKET: &str = "
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: bucket
      VersioningConfiguration: {Status: Enabled}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true}
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
      Tags: [{Key: team, Value: x}]
Outputs:
  Arn: {Value: !GetAtt Bucket.Arn}
  Domain: {Value: !GetAtt Bucket.RegionalDomainName}
  Name: {Value: !Ref Bucket}
";

async fn made(template: &str) -> (Process, String) {
    let process = Process::new();
    let stack = process.create(template).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE", "{:?}", process.events("s").await);
    (process, stack)
}

#[tokio::test]
async fn a_bucket_has_versioning_and_tags() {
    let (process, stack) = made(BUCKET).await;
    process.machine.account.change(|world| {
        let tags = json!([{"Key": "team", "Value": "x"}]);
        assert_eq!(world.buckets["bucket"], ("Enabled".to_owned(), tags));
        assert_eq!(world.marks["s3 bucket"]["aws:cloudformation:stack-id"], stack.as_str());
    });
    let outputs = process.stack("s").await["Outputs"].clone();
    let values: Vec<_> =
        outputs.as_array().unwrap().iter().map(|output| output["OutputValue"].as_str().unwrap()).collect();
    assert_eq!(values, ["arn:aws:s3:::bucket", "bucket.s3.us-east-1.amazonaws.com", "bucket"]);
}

#[tokio::test]
async fn what_is_taken_away_is_suspended_and_untagged() {
    let (process, stack) = made(BUCKET).await;
    let changed = BUCKET
        .replace("      VersioningConfiguration: {Status: Enabled}\n", "")
        .replace("      Tags: [{Key: team, Value: x}]\n", "");
    process.ok("UpdateStack", submission(&changed)).await;
    assert_eq!(process.run(&stack).await, "UPDATE_COMPLETE");
    process
        .machine
        .account
        .change(|world| assert_eq!(world.buckets["bucket"], ("Suspended".to_owned(), json!([]))));
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE");
    assert_eq!(process.holds(), Vec::<String>::new());
}

#[tokio::test]
async fn names_that_are_made_up_have_no_capital_letters() {
    let (process, _) = made("Resources: {MyBucket: {Type: AWS::S3::Bucket}}").await;
    let names: Vec<String> = process.machine.account.change(|world| world.buckets.keys().cloned().collect());
    assert!(names[0].starts_with("s-mybucket-"), "{names:?}");
    assert_eq!(names[0], names[0].to_ascii_lowercase());
}

#[tokio::test]
async fn what_is_not_served_or_taken_is_refused() {
    for (template, reason) in [
        (
            "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketEncryption: {}}}}",
            "B CREATE_FAILED Runwright does not serve property BucketEncryption of AWS::S3::Bucket.",
        ),
        (
            "Resources: {B: {Type: AWS::S3::Bucket, Properties: {BucketName: taken}}}",
            "B CREATE_FAILED Resource handler returned message: \"taken already exists (Service: S3",
        ),
        (
            "Resources: {B: {Type: AWS::S3::Bucket, Properties: {OwnershipControls: {Rules: [{ObjectOwnership: \
             ObjectWriter}]}}}}",
            "B CREATE_FAILED Runwright does not serve ObjectOwnership ObjectWriter of AWS::S3::Bucket.",
        ),
    ] {
        let process = Process::new();
        process.machine.account.change(|world| world.buckets.insert("taken".to_owned(), Default::default()));
        let stack = process.create(template).await;
        assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
        let events = process.events("s").await;
        assert!(events.iter().any(|event| event.starts_with(reason)), "{events:#?}");
    }
}
