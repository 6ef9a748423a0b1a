//! No bytes make the wire panic, and none but a signed request gets a success.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use std::collections::BTreeMap;

use harness::Script;
use harness::signer::{Signer, sha256};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_ne, prop_oneof, proptest};

fn answer(request: Request<Full<Bytes>>) -> StatusCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(harness::wire(&Script::default()).handle(request)).status()
}

fn signed(content_type: &str, target: Option<&str>, service: &str, body: &[u8]) -> Request<Full<Bytes>> {
    let mut headers = BTreeMap::from([
        ("content-type".to_owned(), content_type.to_owned()),
        ("host".to_owned(), "localhost".to_owned()),
        ("x-amz-date".to_owned(), "20261120T235207Z".to_owned()),
    ]);
    headers.extend(target.map(|target| ("x-amz-target".to_owned(), target.to_owned())));
    let signer = Signer {
        access_key_id: "AKIDROOT",
        secret: "secret",
        time: "20261120T235207Z",
        region: "us-east-1",
        service,
    };
    let authorization = signer.authorization("POST", "/", "", &headers, &sha256(body));
    let mut request = Request::post("/").header("authorization", authorization);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}

/// Texts in the manner of an `Authorization` header, right or nearly so.
fn authorization() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "AWS4-HMAC-SHA256",
            " ",
            ",",
            "=",
            "/",
            "Credential=AKIDROOT/20261120/us-east-1/iam/aws4_request",
            "Credential=",
            "SignedHeaders=host",
            ";",
            "x-amz-date",
            "Signature=",
            "00ff",
            "0",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        vec(0x20_u8..=0xff, 0..4).prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != 0x7f).collect()),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn unsigned_bytes_never_succeed(
        authorization in authorization(),
        date in prop_oneof!["[0-9TZ]{0,20}", proptest::strategy::Just("20261120T235207Z".to_owned())],
        target in proptest::option::of("(AWSEvents|AWSStepFunctions|[ -~]{0,8})[.]?(DescribeRule|[ -~]{0,8})"),
        uri in "/[a-z%/.0-9]{0,12}([?][A-Za-z0-9%&=+-]{0,40}(X-Amz-Credential=[a-z0-9/%]{0,20})?)?",
        content_type in prop_oneof!["application/x-www-form-urlencoded", "application/x-amz-json-1[.][01]", "[ -~]{0,10}"],
        body in vec(any::<u8>(), 0..200),
    ) {
        let mut request = Request::post(uri).header("authorization", authorization).header("x-amz-date", date);
        request = request.header("content-type", content_type);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let status = answer(request.body(Full::new(Bytes::from(body))).unwrap());
        prop_assert!(status.is_client_error(), "{status}");
    }

    #[test]
    fn signed_json_never_fails_within(body in prop_oneof![
        vec(any::<u8>(), 0..200),
        "[{}\\[\\]\":,0-9eE.\\-a-z\\\\]{0,80}".prop_map(String::into_bytes),
    ]) {
        let target = "AWSStepFunctions.DescribeExecution";
        let status = answer(signed("application/x-amz-json-1.0", Some(target), "states", &body));
        prop_assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn signed_forms_never_fail_within(
        rest in vec("(Tags|Nested|Variables|Flat|FlatVariables|Number|Time|Text)([.](member|entry|[0-9]{1,12}|Key|key|value|Nested|Text)){0,5}[=%+]?[ -~]{0,8}", 0..12),
    ) {
        let body = format!("Action=GetShapes&Version=2010-05-08&{}", rest.join("&"));
        let status = answer(signed("application/x-www-form-urlencoded", None, "iam", body.as_bytes()));
        prop_assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
