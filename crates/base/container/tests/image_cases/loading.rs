//! Archives and layouts, compressed and not, and whiteouts as overlayfs wants them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use container::image::digest::Digest;
use serde_json::json;

use super::Home;
use crate::support::image::{Layer, configuration, saved};

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn whiteouts_become_overlayfs_own() {
    let Some(home) = Home::new() else { return };
    let layer = Layer::new()
        .directory("dir")
        .file("dir/.wh..wh..opq", 0, b"")
        .file("dir/kept", 0o644, b"x")
        .file("gone/.wh.file", 0, b"")
        .file(".wh.replaced", 0, b"")
        .directory("replaced")
        .directory("late")
        .file(".wh.late", 0, b"")
        .file(".wh..wh.plnk", 0, b"")
        .bytes();
    let root = home.load("whiteouts:1", &[&layer]).unwrap().remove(0);
    let opaque = |path: &str| {
        let mut value = [0_u8; 8];
        rustix::fs::lgetxattr(root.join(path), "trusted.overlay.opaque", &mut value[..]).is_ok()
    };
    assert!(opaque("dir") && opaque("replaced") && opaque("late") && !opaque("gone"));
    let device = fs::symlink_metadata(root.join("gone/file")).unwrap();
    assert!(device.file_type().is_char_device() && device.rdev() == 0);
    assert!(root.join("dir/kept").is_file());
    assert!(!root.join(".wh..wh.plnk").exists());
}

#[test]
fn attributes_are_kept() {
    let Some(home) = Home::new() else { return };
    let mut archive = tar::Builder::new(Vec::new());
    for (path, kind, mode) in
        [("d", tar::EntryType::Directory, 0o1777), ("d/f", tar::EntryType::Regular, 0o2751)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(1234);
        header.set_gid(4321);
        header.set_mtime(1_000_000_000);
        header.set_size(0);
        archive.append_data(&mut header, path, std::io::empty()).unwrap();
    }
    let root = home.load("attributes:1", &[&archive.into_inner().unwrap()]).unwrap().remove(0);
    for (path, mode) in [("d", 0o1777), ("d/f", 0o2751)] {
        let found = fs::metadata(root.join(path)).unwrap();
        assert_eq!(
            (found.mode() & 0o7777, found.uid(), found.gid(), found.mtime()),
            (mode, 1234, 4321, 1_000_000_000)
        );
    }
}

#[test]
fn archives_may_be_compressed() {
    let Some(home) = Home::new() else { return };
    let layer = Layer::new().file("file", 0o644, &[b'x'; 100_000]).bytes();
    let configuration = configuration(json!({}), &[&layer]);
    let plain = saved("archive:1", &configuration, &[&layer]);
    let (start, end) = plain.split_at(70_000);
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0xyz";
    let frames = [&zstandard(start)[..], skipped, &zstandard(end), skipped].concat();
    for archive in [plain.clone(), gzip(&plain), zstandard(&plain), frames] {
        fs::write(home.path("archive"), archive).unwrap();
        let loaded = home.store.load(&home.path("archive")).unwrap();
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].name, "docker.io/library/archive:1");
        home.store.remove("archive:1").unwrap();
        assert!(home.files("layers").is_empty());
    }
}

/// An OCI layout with two images and an index for several platforms, and every kind of layer.
fn write_layout(directory: &Path) {
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let path = directory.join("blobs/sha256");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(digest.hex()), bytes).unwrap();
        json!({ "digest": digest.to_string(), "size": bytes.len() })
    };
    let layers = [
        Layer::new().file("plain", 0o644, b"1").bytes(),
        Layer::new().file("gzip", 0o644, b"2").bytes(),
        Layer::new().file("zstandard", 0o644, &[b'3'; 50_000]).bytes(),
    ];
    let configuration = configuration(json!({ "Cmd": ["run"] }), &[&layers[0], &layers[1], &layers[2]]);
    let blobs = [blob(&layers[0]), blob(&gzip(&layers[1])), blob(&zstandard(&layers[2]))];
    let manifest = json!({ "schemaVersion": 2, "config": blob(&configuration), "layers": blobs });
    let mut here = blob(manifest.to_string().as_bytes());
    let mut elsewhere = blob(b"{\"config\":{\"digest\":\"nothing is read of it\"}}");
    here["platform"] = json!({ "os": "linux", "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" } });
    elsewhere["platform"] = json!({ "os": "linux", "architecture": "s390x" });
    let mut index =
        blob(json!({ "schemaVersion": 2, "manifests": [elsewhere, here] }).to_string().as_bytes());
    index["annotations"] = json!({ "org.opencontainers.image.ref.name": "localhost:5000/layout:7" });
    fs::write(directory.join("index.json"), json!({ "schemaVersion": 2, "manifests": [index] }).to_string())
        .unwrap();
    fs::write(directory.join("oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
}

#[test]
fn layouts_are_loaded_from_directories_and_archives() {
    let Some(home) = Home::new() else { return };
    let layout = home.path("layout");
    fs::create_dir(&layout).unwrap();
    write_layout(&layout);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(".", &layout).unwrap();
    fs::write(home.path("layout.tar"), archive.into_inner().unwrap()).unwrap();
    for path in [layout.clone(), home.path("layout.tar")] {
        let loaded = home.store.load(&path).unwrap();
        assert_eq!(loaded[0].name, "localhost:5000/layout:7");
        let image = home.store.resolve("localhost:5000/layout:7").unwrap().unwrap();
        assert_ne!(image.digest, image.id, "the manifest's");
        let roots = home.store.layer_paths(&image);
        for (root, name) in roots.iter().zip(["plain", "gzip", "zstandard"]) {
            assert!(root.join(name).is_file(), "{name}");
        }
        assert_eq!(home.store.resolve(&image.id.to_string()).unwrap(), Some(image));
        home.store.remove("localhost:5000/layout:7").unwrap();
    }
}

#[test]
fn blobs_of_a_layout_are_checked() {
    let Some(home) = Home::new() else { return };
    for damage in 0..5 {
        let layout = home.path(&format!("layout{damage}"));
        fs::create_dir(&layout).unwrap();
        write_layout(&layout);
        let mut blobs: Vec<_> = fs::read_dir(layout.join("blobs/sha256")).unwrap().flatten().collect();
        blobs.sort_by_key(fs::DirEntry::file_name);
        // The manifest for another platform is not read, whatever it holds.
        blobs
            .retain(|blob| !fs::read(blob.path()).unwrap().starts_with(b"{\"config\":{\"digest\":\"nothing"));
        let victim = blobs[damage].path();
        let mut bytes = fs::read(&victim).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&victim, bytes).unwrap();
        assert!(home.store.load(&layout).is_err(), "{}", victim.display());
        assert!(home.files("layers").is_empty());
    }
}
