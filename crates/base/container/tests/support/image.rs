//! Makes images: layers, configurations, and `docker save` archives of them.

use std::path::Path;

use container::image::digest::Digest;
use serde_json::{Value, json};

/// Where Debian's `busybox-static` puts its only program.
pub const BUSYBOX: &str = "/bin/busybox";

/// A layer under construction.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    pub fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    pub fn entry(mut self, kind: tar::EntryType, path: &str, mode: u32, contents: &[u8]) -> Self {
        let mut header = header(kind, mode, contents.len() as u64);
        set_raw_path(&mut header, path);
        header.set_cksum();
        self.0.append(&header, contents).unwrap();
        self
    }

    pub fn file(self, path: &str, mode: u32, contents: &[u8]) -> Self {
        self.entry(tar::EntryType::Regular, path, mode, contents)
    }

    pub fn directory(self, path: &str) -> Self {
        self.entry(tar::EntryType::Directory, path, 0o755, b"")
    }

    pub fn link(mut self, kind: tar::EntryType, path: &str, target: &str) -> Self {
        let mut header = header(kind, 0o777, 0);
        set_raw_path(&mut header, path);
        header.set_link_name_literal(target).unwrap();
        header.set_cksum();
        self.0.append(&header, std::io::empty()).unwrap();
        self
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.link(tar::EntryType::Symlink, path, target)
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header.set_size(size);
    header
}

/// Unlike `set_path`, takes `../x` and `/x` too.
fn set_raw_path(header: &mut tar::Header, path: &str) {
    let name = &mut header.as_old_mut().name;
    name.fill(0);
    name[..path.len()].copy_from_slice(path.as_bytes());
}

/// busybox with its applets, a user `job` (1000), and a script that traps `SIGTERM`.
pub fn busybox_layer() -> Vec<u8> {
    let mut layer = Layer::new()
        .directory("bin")
        .directory("etc")
        .directory("tmp")
        .entry(tar::EntryType::Directory, "home", 0o755, b"")
        .file("bin/busybox", 0o755, &std::fs::read(BUSYBOX).expect("busybox-static is installed"))
        .file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\njob:x:1000:1000:Job:/home:/bin/sh\n")
        .file("etc/group", 0o644, b"root:x:0:\njob:x:1000:\nextra:x:44:job\n")
        .file("etc/not-a-program", 0o644, b"text");
    for applet in [
        "sh", "echo", "cat", "env", "id", "pwd", "sleep", "true", "false", "ls", "head", "tail", "touch",
        "mount", "hostname", "dd", "grep", "wc", "ps", "kill", "test", "unshare", "ip", "seq", "rm", "mkdir",
        "readlink", "stat", "mknod", "chown", "ulimit", "date", "nc", "httpd", "wget",
    ] {
        layer = layer.symlink(&format!("bin/{applet}"), "busybox");
    }
    layer.bytes()
}

/// The configuration of an image with these layers (uncompressed).
pub fn configuration(run: Value, layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let document = json!({
        "architecture": architecture, "os": "linux", "config": run,
        "rootfs": { "type": "layers", "diff_ids": ids },
    });
    document.to_string().into_bytes()
}

/// A `docker save` archive of one image.
pub fn saved(name: &str, configuration: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, contents: &[u8]| {
        let mut header = header(tar::EntryType::Regular, 0o644, contents.len() as u64);
        archive.append_data(&mut header, path, contents).unwrap();
    };
    let config = format!("{}.json", Digest::of(configuration).hex());
    add(&config, configuration);
    let mut files = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        files.push(format!("layer{index}/layer.tar"));
        add(&files[index], layer);
    }
    let manifest = json!([{ "Config": config, "RepoTags": [name], "Layers": files }]);
    add("manifest.json", manifest.to_string().as_bytes());
    archive.into_inner().unwrap()
}

/// Writes a `docker save` archive of busybox, with an entry point, a command, variables and a user's directory.
pub fn write_busybox(path: &Path, name: &str, run: Value) {
    let layer = busybox_layer();
    std::fs::write(path, saved(name, &configuration(run, &[&layer]), &[&layer])).unwrap();
}
