//! A pull from Docker's own registry program, where it is installed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use container::image::digest::Digest;
use container::image::{Credentials, RegistryOptions};
use serde_json::{Value, json};

use super::Home;
use super::loading::gzip;
use crate::support::image::{Layer, configuration};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const START_TIME_MAX: Duration = Duration::from_secs(30);

struct Registry {
    child: Child,
    address: String,
}

/// `user` with the password `password`.
const ACCOUNTS: &str = "user:$2b$04$03PQmU5jV2t3JRZVLdPUPu1/1VKmvYYe/uI8XgsfWqOrPBlV0/P46\n";
const AUTHORIZATION: &str = "Basic dXNlcjpwYXNzd29yZA==";

impl Registry {
    fn start(home: &Path) -> Option<Self> {
        Self::start_with(home, json!({}))
    }

    /// One that wants to know who one is.
    fn start_private(home: &Path) -> Option<Self> {
        std::fs::write(home.join("accounts"), ACCOUNTS).unwrap();
        Self::start_with(home, json!({ "htpasswd": { "realm": "private", "path": home.join("accounts") } }))
    }

    fn start_with(home: &Path, access: Value) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let settings = json!({
            "version": 0.1,
            "storage": { "filesystem": { "rootdirectory": home.join("registry") } },
            "http": { "addr": address },
            "auth": access,
        });
        std::fs::write(home.join("registry.yml"), settings.to_string()).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(home.join("registry.yml")).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let registry = Self { child, address };
        let deadline = Instant::now() + START_TIME_MAX;
        while TcpStream::connect(&registry.address).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen");
            std::thread::yield_now();
        }
        Some(registry)
    }

    /// The status and the head of an answer.
    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    fn push_blob(&self, kind: &str, bytes: &[u8]) -> Value {
        let (status, head) = self.send("POST", "/v2/team/job/blobs/uploads/", "", b"");
        assert_eq!(status, 202, "{head}");
        let location = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        let path = location.trim().split_once(&self.address).unwrap().1;
        let digest = Digest::of(bytes).to_string();
        let (status, head) =
            self.send("PUT", &format!("{path}&digest={digest}"), "application/octet-stream", bytes);
        assert_eq!(status, 201, "{head}");
        json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pushes an image with a tag, and returns its manifest's digest.
fn push(registry: &Registry, tag: &str) -> Digest {
    let layer = Layer::new().file("pulled", 0o644, &[b'x'; 300_000]).bytes();
    let configuration = configuration(json!({ "Cmd": ["x"] }), &[&layer]);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": registry.push_blob("application/vnd.oci.image.config.v1+json", &configuration),
        "layers": [registry.push_blob("application/vnd.oci.image.layer.v1.tar+gzip", &gzip(&layer))],
    })
    .to_string();
    let path = format!("/v2/team/job/manifests/{tag}");
    let (status, head) = registry.send("PUT", &path, MANIFEST, manifest.as_bytes());
    assert_eq!(status, 201, "{head}");
    Digest::of(manifest.as_bytes())
}

#[tokio::test]
async fn pulls_from_docker_registry() {
    let Some(home) = Home::new() else { return };
    let Some(registry) = Registry::start(home.directory.path()) else {
        println!("skipped: docker-registry is not installed");
        return;
    };
    let digest = push(&registry, "7");
    let image = home.store.ensure(&format!("{}/team/job:7", registry.address)).await.unwrap();
    assert_eq!(image.digest, digest);
    assert!(home.store.layer_paths(&image)[0].join("pulled").is_file());
    let name = format!("{}/team/job:8", registry.address);
    let missing = home.store.ensure(&name).await.unwrap_err().to_string();
    let expected =
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref";
    assert_eq!(missing, format!("{expected} {name}: {name}: not found"));
}

#[tokio::test]
async fn pulls_from_docker_registry_with_a_password() {
    let directory = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start_private(directory.path()) else {
        println!("skipped: docker-registry is not installed");
        return;
    };
    let digest = push(&registry, "7");
    let name = format!("{}/team/job:7", registry.address);
    for (password, expected) in [
        (None, "no basic auth credentials".to_owned()),
        (
            Some("wrong"),
            format!(
                "unexpected status from GET request to http://{}/v2/team/job/manifests/7: 401 Unauthorized",
                registry.address
            ),
        ),
    ] {
        let Some(home) = Home::with(options(&registry.address, password)) else { return };
        let error = home.store.ensure(&name).await.unwrap_err().to_string();
        assert!(
            error.starts_with("CannotPullContainerError: pull image manifest has been retried 1 time(s)"),
            "{error}"
        );
        assert!(error.ends_with(&expected), "{error}");
    }
    let Some(home) = Home::with(options(&registry.address, Some("password"))) else { return };
    assert_eq!(home.store.ensure(&name).await.unwrap().digest, digest);
}

fn options(address: &str, password: Option<&str>) -> RegistryOptions {
    let credentials = password.map(|password| {
        let user = Credentials { username: "user".to_owned(), password: password.to_owned() };
        (address.to_owned(), user)
    });
    RegistryOptions { credentials: credentials.into_iter().collect(), ..RegistryOptions::default() }
}
