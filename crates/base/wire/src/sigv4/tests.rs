//! AWS's published examples. What a request must look like to be refused stands in the case files.

use hyper::Request;
use hyper::http::request::Parts;
use types::Timestamp;

use super::{SignedRequest, SigningKeys};

/// The credential of AWS's examples.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn parts(
    method: &str,
    uri: &str,
    service: &str,
    headers: &[(&str, &str)],
    signed: &str,
    signature: &str,
) -> Parts {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request, \
         SignedHeaders={signed}, Signature={signature}"
    );
    let mut request = Request::builder().method(method).uri(uri).header("authorization", authorization);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn verify(parts: &Parts, service: &str, body: &str) -> Result<(), super::Refusal> {
    let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").unwrap();
    let signed = SignedRequest::parse(parts)?;
    assert_eq!(signed.access_key_id(), "AKIDEXAMPLE");
    signed.verify(SECRET, service, body.as_bytes(), now, &SigningKeys::default())
}

/// AWS General Reference, "Signature Version 4 signing process": ListUsers.
#[test]
fn list_users() {
    let parts = parts(
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        "iam",
        &[
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ],
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    assert_eq!(verify(&parts, "iam", ""), Ok(()));
    assert!(verify(&parts, "iam", "x").is_err());
}

/// AWS's Signature Version 4 test suite.
#[test]
fn test_suite() {
    let date = ("x-amz-date", "20150830T123600Z");
    let host = ("host", "example.amazonaws.com");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let vectors = [
        (
            "GET",
            "/",
            vec![host, date],
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            vec![host, date],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/",
            vec![host, ("my-header1", " value1"), ("my-header2", " \"a   b   c\""), date],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "POST",
            "/",
            vec![form, host, date],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];
    for (method, uri, headers, body, signature) in vectors {
        let signed: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let parts = parts(method, uri, "service", &headers, &signed.join(";"), signature);
        assert_eq!(verify(&parts, "service", body), Ok(()), "{method} {uri}");
    }
}

/// A key is derived again where the secret of an access key id changes.
#[test]
fn a_new_secret_is_noticed() {
    let keys = SigningKeys::default();
    let signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let headers = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
    let parts = parts("GET", "/", "service", &headers, "host;x-amz-date", signature);
    let signed = SignedRequest::parse(&parts).unwrap();
    let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").unwrap();
    for (secret, good) in [(SECRET, true), ("other", false), (SECRET, true)] {
        assert_eq!(signed.verify(secret, "service", b"", now, &keys).is_ok(), good);
    }
}

/// Signed by botocore 1.44.5 with a frozen clock.
#[test]
fn presigned() {
    let uri = "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
               &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z\
               &X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=a%20token%2F%2B%3D\
               &X-Amz-Signature=888a07ba46074dbde66b95011d26c6d6b2f2091ba6e608f5fb71aa4bd5f1de92";
    let parts = Request::get(uri).header("host", "sts.amazonaws.com").body(()).unwrap().into_parts().0;
    let signed = SignedRequest::parse(&parts).unwrap();
    assert_eq!(signed.token.as_deref(), Some("a token/+="));
    for (time, good) in [
        ("2015-08-30T12:30:59Z", false),
        ("2015-08-30T12:31:00Z", true),
        ("2015-08-30T12:51:00Z", true),
        ("2015-08-30T12:51:01Z", false),
    ] {
        let now = Timestamp::parse_rfc3339(time).unwrap();
        let verified = signed.verify(SECRET, "sts", b"", now, &SigningKeys::default());
        assert_eq!(verified.is_ok(), good, "{time}");
    }
}

/// What our own client signs is accepted, and nothing else.
#[test]
fn what_is_signed_is_accepted() {
    let now = Timestamp::parse_rfc3339("2015-08-30T12:36:00Z").unwrap();
    let request =
        Request::post("/a b?x=1".replace(' ', "%20")).header("host", "127.0.0.1:4566").body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    super::sign(&mut parts, b"{}", ("AKIDEXAMPLE", SECRET), ("us-east-1", "states"), now).unwrap();
    assert_eq!(verify(&parts, "states", "{}"), Ok(()));
    assert!(verify(&parts, "states", "[]").is_err());
}
