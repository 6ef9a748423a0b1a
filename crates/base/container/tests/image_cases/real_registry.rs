//! A pull from Docker's own registry program, where it is installed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use container::image::digest::Digest;
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

impl Registry {
    fn start(home: &Path) -> Option<Self> {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let settings = json!({
            "version": 0.1,
            "storage": { "filesystem": { "rootdirectory": home.join("registry") } },
            "http": { "addr": address },
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
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
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

#[tokio::test]
async fn pulls_from_docker_registry() {
    let Some(home) = Home::new() else { return };
    let Some(registry) = Registry::start(home.directory.path()) else {
        println!("skipped: docker-registry is not installed");
        return;
    };
    let layer = Layer::new().file("pulled", 0o644, &[b'x'; 300_000]).bytes();
    let configuration = configuration(json!({ "Cmd": ["x"] }), &[&layer]);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": registry.push_blob("application/vnd.oci.image.config.v1+json", &configuration),
        "layers": [registry.push_blob("application/vnd.oci.image.layer.v1.tar+gzip", &gzip(&layer))],
    })
    .to_string();
    let (status, head) = registry.send("PUT", "/v2/team/job/manifests/7", MANIFEST, manifest.as_bytes());
    assert_eq!(status, 201, "{head}");

    let image = home.store.ensure(&format!("{}/team/job:7", registry.address)).await.unwrap();
    assert_eq!(image.digest, Digest::of(manifest.as_bytes()));
    assert!(home.store.layer_paths(&image)[0].join("pulled").is_file());
    let missing = home.store.ensure(&format!("{}/team/job:8", registry.address)).await.unwrap_err();
    assert!(matches!(missing, container::ImageError::NotFound { .. }), "{missing}");
}
