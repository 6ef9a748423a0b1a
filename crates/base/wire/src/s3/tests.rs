//! AWS's published examples of bodies in chunks, and bodies that are cut or framed at random.

use hyper::Request;
use hyper::http::request::Parts;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::chunked::{ChunkSigner, Decoder, FramingError, Trailers};
use crate::protocol::xml_reader::Element;
use crate::sigv4::{CanonicalPath, SignedRequest, SigningKeys};

/// The credential of AWS's examples.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EXAMPLE_LENGTH: u64 = 66_560;

fn example(length: u32, payload: &str, more: &[(&str, &str)], signed: &str, signature: &str) -> Parts {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders={signed}, Signature={signature}"
    );
    let mut request = Request::put("/examplebucket/chunkObject.txt")
        .header("host", "s3.amazonaws.com")
        .header("authorization", authorization)
        .header("x-amz-date", "20130524T000000Z")
        .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .header("x-amz-content-sha256", payload)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", EXAMPLE_LENGTH)
        .header("content-length", length);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The signer of the chunks, once the request's own signature has been verified.
fn signer(parts: &Parts, payload: &str) -> ChunkSigner {
    let (signed, keys) = (SignedRequest::parse(parts).unwrap(), SigningKeys::default());
    signed.check_signature(SECRET, payload, CanonicalPath::AsSent, &keys).unwrap();
    ChunkSigner {
        mac: keys.get(SECRET, &signed.scope),
        time: signed.time.clone().into_owned(),
        scope: signed.scope.text().to_owned(),
        previous: signed.signature.clone().into_owned(),
    }
}

/// The decoded data and trailers of a body that arrives in pieces of `piece` bytes.
fn decode(mut decoder: Decoder, body: &[u8], piece: usize) -> Result<(Vec<u8>, Trailers), FramingError> {
    let mut data = Vec::new();
    for mut input in body.chunks(piece) {
        while let Some(part) = decoder.next(&mut input)? {
            data.extend_from_slice(part);
        }
    }
    Ok((data, decoder.finish()?))
}

fn framed(signatures: [&str; 3]) -> Vec<u8> {
    let [first, second, last] = signatures;
    let mut body = format!("10000;chunk-signature={first}\r\n").into_bytes();
    body.extend(vec![b'a'; 65_536]);
    body.extend(format!("\r\n400;chunk-signature={second}\r\n").into_bytes());
    body.extend(vec![b'a'; 1024]);
    body.extend(format!("\r\n0;chunk-signature={last}\r\n").into_bytes());
    body
}

/// S3 API Reference, "Transferring payload in multiple chunks": the example of a PUT of 65 KB in chunks of 64 KB.
#[test]
fn the_published_example() {
    let payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let parts = example(
        66_824,
        payload,
        &[],
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let signer = signer(&parts, payload);
    let mut body = framed([
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]);
    body.extend(b"\r\n");
    assert_eq!(body.len(), 66_824);
    for piece in [1, 85, 4096, body.len()] {
        let decoder = Decoder::new(EXAMPLE_LENGTH, Some(signer.clone()), false);
        assert_eq!(decode(decoder, &body, piece).unwrap().0, vec![b'a'; 66_560]);
    }
    body[70_000 - 5_000] = b'b';
    let decoder = Decoder::new(EXAMPLE_LENGTH, Some(signer), false);
    assert_eq!(decode(decoder, &body, 4096), Err(FramingError::WrongSignature));
}

/// "Transferring payload in multiple chunks, including trailing headers": the same with a CRC-32C behind.
#[test]
fn the_published_example_with_a_trailer() {
    let payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    let parts = example(
        66_946,
        payload,
        &[("x-amz-trailer", "x-amz-checksum-crc32c")],
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;\
         x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let signer = signer(&parts, payload);
    let chunks = framed([
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ]);
    let signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    // The example has the trailer end in `\n` and then `\r\n`; SDKs send `\r\n` alone.
    for end in ["\n\r\n", "\r\n"] {
        let trailers =
            format!("x-amz-checksum-crc32c:sOO8/Q=={end}x-amz-trailer-signature:{signature}\r\n\r\n");
        let body = [chunks.as_slice(), trailers.as_bytes()].concat();
        for piece in [1, body.len()] {
            let decoder = Decoder::new(EXAMPLE_LENGTH, Some(signer.clone()), true);
            let (data, trailers) = decode(decoder, &body, piece).unwrap();
            assert_eq!(data.len(), 66_560);
            assert_eq!(trailers, [("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())]);
        }
    }
}

/// Bytes in the manner of framing, right or nearly so.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"0\r\n".to_vec()),
        Just(b"3\r\nabc\r\n".to_vec()),
        Just(b"2000\r\n".to_vec()),
        Just(vec![b'x'; 8192]),
        Just(b"ffffffffffffffff\r\n".to_vec()),
        Just(b";chunk-signature=00".to_vec()),
        Just(b"x-amz-checksum-crc32:AAAAAA==\r\n".to_vec()),
        vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn framing_reads_the_same_however_it_arrives(body in pieces(), piece in 1_usize..40, length in 0_u64..20_000) {
        let whole = decode(Decoder::new(length, None, true), &body, body.len().max(1));
        prop_assert_eq!(decode(Decoder::new(length, None, true), &body, piece), whole.clone());
        prop_assert!(whole.is_err() || whole.is_ok_and(|(data, _)| data.len() as u64 == length));
    }

    #[test]
    fn no_bytes_make_the_xml_reader_panic(
        pieces in vec(
            prop_oneof![
                Just("<a>"), Just("</a>"), Just("<a/>"), Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("-->"),
                Just("&amp;"), Just("&#x"), Just(";"), Just("<?"), Just("?>"), Just(" b='"), Just("\""), Just("ü"),
                Just("<!DOCTYPE"), Just(">"), Just("<"), Just("/"), Just(":"),
            ],
            0..20,
        ),
    ) {
        let text = pieces.concat();
        let _ = Element::parse(text.as_bytes());
        let _ = Element::parse(format!("<a>{text}</a>").as_bytes());
    }
}
