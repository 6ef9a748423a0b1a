//! Pulls from a registry in this process: a few lines of HTTP, and able to lie.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use container::ImageError;
use container::image::digest::Digest;
use container::image::{Credentials, Reference, RegistryOptions};
use serde_json::json;

use super::Home;
use super::loading::gzip;
use crate::support::image::{Layer, configuration};

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Anonymous,
    Basic,
    Bearer,
}

/// `user:password` in base64.
const BASIC: &str = "Basic dXNlcjpwYXNzd29yZA==";

/// What goes wrong with requests for a path that contains this text.
struct Fault {
    path: &'static str,
    times: usize,
    /// The status of the answer; empty for an answer that breaks off in the middle.
    status: &'static str,
    header: &'static str,
}

struct Registry {
    address: String,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    requests: Arc<Mutex<Vec<String>>>,
    faults: Arc<Mutex<Vec<Fault>>>,
}

impl Registry {
    fn start(access: Access) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let (served, seen, own, bad) = (files.clone(), requests.clone(), address.clone(), faults.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (served, seen, own, bad) = (served.clone(), seen.clone(), own.clone(), bad.clone());
                std::thread::spawn(move || serve(stream, access, &served, &seen, &own, &bad));
            }
        });
        Self { address, files, requests, faults }
    }

    fn fail(&self, path: &'static str, times: usize, status: &'static str) {
        self.faults.lock().unwrap().push(Fault { path, times, status, header: "" });
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.files.lock().unwrap().insert(format!("/v2/team/job/{path}"), bytes.to_vec());
    }

    fn blob(&self, bytes: &[u8]) -> serde_json::Value {
        let digest = Digest::of(bytes).to_string();
        self.put(&format!("blobs/{digest}"), bytes);
        json!({ "digest": digest, "size": bytes.len(), "mediaType": "x" })
    }

    /// An image of two layers, one twice, behind an index; returns the manifest's digest.
    fn push(&self, tag: &str) -> String {
        let layer = Layer::new().file("pulled", 0o644, b"x").bytes();
        let empty = Layer::new().bytes();
        let configuration = configuration(json!({ "Cmd": ["x"] }), &[&empty, &layer, &empty]);
        let (compressed, nothing) = (self.blob(&gzip(&layer)), self.blob(&gzip(&empty)));
        let layers = [nothing.clone(), compressed, nothing];
        let manifest =
            json!({ "schemaVersion": 2, "config": self.blob(&configuration), "layers": layers }).to_string();
        let digest = Digest::of(manifest.as_bytes()).to_string();
        self.put(&format!("manifests/{digest}"), manifest.as_bytes());
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let index = json!({ "manifests": [
            { "digest": Digest::of(b"").to_string(), "platform": { "os": "linux", "architecture": "mips" } },
            { "digest": digest, "platform": { "os": "linux", "architecture": architecture } },
        ] });
        self.put(&format!("manifests/{tag}"), index.to_string().as_bytes());
        digest
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/team/job:{tag}", self.address)
    }
}

fn serve(
    stream: TcpStream,
    access: Access,
    files: &Mutex<HashMap<String, Vec<u8>>>,
    seen: &Mutex<Vec<String>>,
    own: &str,
    faults: &Mutex<Vec<Fault>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut authorization = String::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("authorization: ") {
                authorization = header[header.len() - value.len()..].trim().to_owned();
            }
        }
        seen.lock().unwrap().push(path.clone());
        let (status, header, body) = match fault(&path, faults) {
            None => respond(&path, access, &authorization, files, own),
            Some((status, header)) if !status.is_empty() => {
                (status, format!("{header}\r\n").trim_start().to_owned(), Vec::new())
            }
            Some(_) => {
                let _ = writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nonly this");
                return;
            }
        };
        let head = format!("HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\n\r\n", body.len());
        writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).unwrap();
    }
}

/// The fault of a request, if it has one.
fn fault(path: &str, faults: &Mutex<Vec<Fault>>) -> Option<(&'static str, &'static str)> {
    let mut faults = faults.lock().unwrap();
    let fault = faults.iter_mut().find(|fault| fault.times > 0 && path.contains(fault.path))?;
    fault.times -= 1;
    Some((fault.status, fault.header))
}

fn respond(
    path: &str,
    access: Access,
    authorization: &str,
    files: &Mutex<HashMap<String, Vec<u8>>>,
    own: &str,
) -> (&'static str, String, Vec<u8>) {
    if path.starts_with("/token") {
        let right = authorization == BASIC
            && path.contains("scope=repository:team/job:pull")
            && path.contains("service=s");
        return if right {
            ("200 OK", String::new(), b"{\"token\":\"abc\"}".to_vec())
        } else {
            ("401 Unauthorized", String::new(), b"who are you".to_vec())
        };
    }
    let (wanted, challenge) = match access {
        Access::Anonymous => ("", String::new()),
        Access::Basic => (BASIC, "Basic realm=\"r\"".to_owned()),
        Access::Bearer => ("Bearer abc", format!("Bearer realm=\"http://{own}/token\",service=\"s\"")),
    };
    // Redirected blobs are elsewhere: showing the registry's token there would give it away.
    if let Some(rest) = path.strip_prefix("/elsewhere") {
        let body = files.lock().unwrap().get(rest).cloned().unwrap_or_default();
        return ("200 OK", String::new(), body);
    }
    if access != Access::Anonymous && authorization != wanted {
        return ("401 Unauthorized", format!("WWW-Authenticate: {challenge}\r\n"), Vec::new());
    }
    match files.lock().unwrap().get(path).cloned() {
        None => ("404 Not Found", String::new(), b"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}".to_vec()),
        Some(_) if path.contains("/blobs/") => {
            ("307 Temporary Redirect", format!("Location: /elsewhere{path}\r\n"), Vec::new())
        }
        Some(body) => ("200 OK", String::new(), body),
    }
}

fn options(registry: &Registry, password: &str) -> RegistryOptions {
    let credentials = Credentials { username: "user".to_owned(), password: password.to_owned() };
    RegistryOptions { credentials: [(registry.address.clone(), credentials)].into(), ..quick() }
}

/// Without pauses that a test would wait for.
fn quick() -> RegistryOptions {
    RegistryOptions { retry_pause: std::time::Duration::from_millis(1), ..RegistryOptions::default() }
}

const MANIFEST_RETRIED: &str = "CannotPullContainerError: pull image manifest has been retried";

#[tokio::test]
async fn pulls_with_every_kind_of_access() {
    for access in [Access::Anonymous, Access::Basic, Access::Bearer] {
        let registry = Registry::start(access);
        let Some(home) = Home::with(options(&registry, "password")) else { return };
        let digest = registry.push("1");
        let image = home.store.ensure(&registry.image("1")).await.unwrap();
        assert_eq!(image.digest.to_string(), digest);
        assert!(home.store.layer_paths(&image)[1].join("pulled").is_file());
        let count = registry.requests.lock().unwrap().len();
        assert_eq!(home.store.ensure(&registry.image("1")).await.unwrap(), image);
        assert_eq!(registry.requests.lock().unwrap().len(), count, "it is here already");
        let pinned = format!("{}/team/job@{digest}", registry.address);
        assert_eq!(home.store.ensure(&pinned).await.unwrap(), image);
        assert!(home.files("tmp").is_empty());
    }
}

#[tokio::test]
async fn pulls_once_for_many() {
    let registry = Registry::start(Access::Anonymous);
    let Some(home) = Home::with(quick()) else { return };
    registry.push("1");
    let name = registry.image("1");
    let pulls = futures_util::future::join_all((0..10).map(|_| home.store.ensure(&name))).await;
    assert!(pulls.iter().all(Result::is_ok));
    let requests = registry.requests.lock().unwrap();
    assert_eq!(requests.iter().filter(|path| path.ends_with("/manifests/1")).count(), 1, "{requests:?}");
}

#[tokio::test]
async fn says_why_it_cannot_pull() {
    let registry = Registry::start(Access::Bearer);
    registry.push("1");
    let (one, two) = (registry.image("1"), registry.image("2"));
    let address = &registry.address;
    let token = format!("http://{address}/token?scope=repository:team/job:pull&service=s");
    for (options, image, expected) in [
        (
            options(&registry, "wrong"),
            &one,
            format!(
                "{one}: failed to authorize: failed to fetch oauth token: unexpected status from GET request to {token}: 401 Unauthorized: who are you"
            ),
        ),
        (
            quick(),
            &one,
            format!(
                "{one}: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to {token}: 401 Unauthorized: who are you"
            ),
        ),
        (options(&registry, "password"), &two, format!("{two}: {two}: not found")),
    ] {
        let Some(home) = Home::with(options) else { return };
        let error = home.store.ensure(image).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{MANIFEST_RETRIED} 1 time(s): failed to resolve ref {expected}")
        );
    }
    let basic = Registry::start(Access::Basic);
    let name = basic.image("1");
    let Some(home) = Home::with(options(&basic, "wrong")) else { return };
    let error = home.store.ensure(&name).await.unwrap_err().to_string();
    assert!(
        error.ends_with(&format!(
            "unexpected status from GET request to http://{}/v2/team/job/manifests/1: 401 Unauthorized",
            basic.address
        )),
        "{error}"
    );
}

/// What Docker Hub says of a repository that is not there, or private.
#[tokio::test]
async fn denied_access_has_docker_hubs_words() {
    let registry = Registry::start(Access::Bearer);
    let challenge = format!(
        "WWW-Authenticate: Bearer realm=\"http://{}/token\",service=\"s\",error=\"insufficient_scope\"",
        registry.address
    );
    let challenge: &'static str = challenge.leak();
    registry.faults.lock().unwrap().push(Fault {
        path: "/manifests/",
        times: 2,
        status: "401 Unauthorized",
        header: challenge,
    });
    let Some(home) = Home::with(options(&registry, "password")) else { return };
    let image = registry.image("1");
    let error = home.store.ensure(&image).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{MANIFEST_RETRIED} 1 time(s): failed to resolve ref {image}: pull access denied, repository does not exist or may \
             require authorization: server message: insufficient_scope: authorization failed"
        )
    );
}

#[tokio::test]
async fn tries_again_what_may_pass() {
    for (path, status) in [
        ("/manifests/", "503 Service Unavailable"),
        ("/manifests/", ""),
        ("/blobs/", "429 Too Many Requests"),
        ("/elsewhere", "500 Internal Server Error"),
        ("/elsewhere", ""),
    ] {
        let registry = Registry::start(Access::Anonymous);
        let Some(home) = Home::with(quick()) else { return };
        registry.push("1");
        registry.fail(path, 3, status);
        let image = home.store.ensure(&registry.image("1")).await;
        assert!(image.is_ok(), "{path} {status}: {image:?}");
        assert!(home.files("tmp").is_empty());
    }
}

#[tokio::test]
async fn gives_up_what_does_not_pass() {
    let registry = Registry::start(Access::Anonymous);
    let Some(home) = Home::with(quick()) else { return };
    registry.push("1");
    let (image, address) = (registry.image("1"), registry.address.clone());
    registry.fail("/manifests/", 6, "500 Internal Server Error");
    let resolving = format!("{MANIFEST_RETRIED} 5 time(s): failed to resolve ref");
    let error = home.store.ensure(&image).await.unwrap_err().to_string();
    let status = "unexpected status from GET request to";
    assert_eq!(
        error,
        format!(
            "{resolving} {image}: {status} http://{address}/v2/team/job/manifests/1: 500 Internal Server Error"
        )
    );
    registry.fail("/blobs/", 1000, "502 Bad Gateway");
    let error = home.store.ensure(&image).await.unwrap_err().to_string();
    let copying = "CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: ";
    assert!(error.starts_with(copying) && error.ends_with(": 502 Bad Gateway"), "{error}");
    let error = home.store.ensure("127.0.0.1:1/a").await.unwrap_err().to_string();
    let dialing =
        "failed to do request: Head \"http://127.0.0.1:1/v2/a/manifests/latest\": dial tcp 127.0.0.1:1";
    assert_eq!(error, format!("{resolving} 127.0.0.1:1/a:latest: {dialing}: connect: connection refused"));
    let error = home.store.ensure("no-such-host.invalid/a").await.unwrap_err().to_string();
    assert!(error.ends_with("dial tcp: lookup no-such-host.invalid: no such host"), "{error}");
    for place in ["layers", "images", "names", "tmp"] {
        assert!(home.files(place).is_empty(), "{:?}", home.files(place));
    }
}

/// Those who want an image that cannot be had wait once, not one after the other.
#[tokio::test]
async fn fails_once_for_many() {
    let registry = Registry::start(Access::Anonymous);
    let Some(home) = Home::with(quick()) else { return };
    registry.fail("/manifests/", 1000, "503 Service Unavailable");
    let name = registry.image("1");
    let pulls = futures_util::future::join_all((0..20).map(|_| home.store.ensure(&name))).await;
    assert!(pulls.iter().all(Result::is_err));
    assert_eq!(registry.requests.lock().unwrap().len(), 6);
    // Who asks later is not told what was.
    registry.faults.lock().unwrap().clear();
    registry.push("1");
    assert!(home.store.ensure(&name).await.is_ok());
}

#[tokio::test]
async fn believes_no_registry() {
    let registry = Registry::start(Access::Anonymous);
    let Some(home) = Home::with(quick()) else { return };
    registry.push("1");
    let honest = registry.files.lock().unwrap().clone();
    let reference = Reference::parse(&registry.image("1")).unwrap();
    let pinned = format!("{}/team/job@{}", registry.address, Digest::of(b"another"));
    registry.put(&format!("manifests/{}", Digest::of(b"another")), b"{}");
    assert!(home.store.ensure(&pinned).await.unwrap_err().to_string().contains("a document has digest"));
    for path in honest.keys().filter(|path| path.contains("sha256:")) {
        for forged in [b"{}".to_vec(), [honest[path].clone(), vec![0; 10]].concat(), Vec::new()] {
            registry.files.lock().unwrap().clone_from(&honest);
            registry.files.lock().unwrap().insert(path.clone(), forged);
            let error = home.store.pull(&reference).await.unwrap_err();
            assert!(matches!(error, ImageError::Unusable { .. }), "{path}: {error}");
            for place in ["layers", "images", "names", "tmp"] {
                assert!(home.files(place).is_empty(), "{path}: {:?}", home.files(place));
            }
        }
    }
}
