//! Signs requests as a client does, written apart from the wire's own verification.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

/// What to sign with.
pub struct Signer<'a> {
    pub access_key_id: &'a str,
    pub secret: &'a str,
    /// `20261120T235207Z`.
    pub time: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

impl Signer<'_> {
    /// The `Authorization` header for a request. `headers` have lower-case names and are all signed; `payload` is what
    /// stands for the body, its digest as a rule.
    pub fn authorization(
        &self,
        method: &str,
        canonical_path: &str,
        canonical_query: &str,
        headers: &BTreeMap<String, String>,
        payload: &str,
    ) -> String {
        let names: Vec<&str> = headers.keys().map(String::as_str).collect();
        let names = names.join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical = format!("{method}\n{canonical_path}\n{canonical_query}\n{lines}\n{names}\n{payload}");
        let day = &self.time[..8];
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            self.time,
            hex(&Sha256::digest(canonical.as_bytes()))
        );
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key_id,
            self.sign(&to_sign)
        )
    }
}

impl Signer<'_> {
    /// The key that signs.
    fn key(&self) -> Vec<u8> {
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [&self.time[..8], self.region, self.service, "aws4_request"] {
            key = hmac(&key, part);
        }
        key
    }

    /// The signature of what has a scope already.
    pub fn sign(&self, to_sign: &str) -> String {
        hex(&hmac(&self.key(), to_sign))
    }
}

/// The digest of a body, in hexadecimal digits.
pub fn sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
