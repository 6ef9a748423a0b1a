//! Layers that try to leave their directory, and images that are not what they say.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use tar::EntryType;

use super::Home;
use crate::support::image::{Layer, configuration, saved};

/// Loads a layer that must be refused, and checks that nothing came of it.
fn refuse(name: &str, layer: Layer, expected: &str) {
    let Some(home) = Home::new() else { return };
    let outside = home.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "untouched").unwrap();
    let layer = layer.bytes();
    let error = home.load("hostile:1", &[&layer]).expect_err(name);
    assert!(error.starts_with("CannotPullContainerError: "), "{name}: {error}");
    assert!(error.contains(expected), "{name}: {error}");
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "untouched", "{name}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "{name}");
    for place in ["layers", "images", "names", "tmp"] {
        assert!(home.files(place).is_empty(), "{name} left {:?}", home.files(place));
    }
    assert!(!Path::new("/escaped-from-a-layer").exists(), "{name}");
}

#[test]
fn paths_that_leave_the_layer() {
    refuse("parent", Layer::new().file("../escaped", 0o644, b"x"), "leaves the layer");
    refuse("deep", Layer::new().directory("a").file("a/../../escaped", 0o644, b"x"), "leaves the layer");
    refuse("absolute", Layer::new().file("/escaped-from-a-layer", 0o644, b"x"), "absolute path");
    refuse("directory", Layer::new().directory("../escaped"), "leaves the layer");
    refuse("symlink", Layer::new().symlink("../escaped", "x"), "leaves the layer");
    refuse("whiteout", Layer::new().file("../.wh.secret", 0o644, b""), "leaves the layer");
}

#[test]
fn writing_through_symbolic_links() {
    let through = "leads through what is not a directory";
    refuse(
        "absolute",
        Layer::new().symlink("link", "/").file("link/escaped-from-a-layer", 0o644, b"x"),
        through,
    );
    refuse(
        "relative",
        Layer::new().symlink("link", "../../../../outside").file("link/secret", 0o644, b"x"),
        through,
    );
    refuse("inside", Layer::new().directory("a").symlink("link", "a").file("link/x", 0o644, b"x"), through);
    refuse("directory", Layer::new().symlink("link", "/").directory("link/escaped-from-a-layer"), through);
    refuse("opaque", Layer::new().symlink("link", "/tmp").file("link/.wh..wh..opq", 0o644, b""), through);
    refuse("whiteout", Layer::new().symlink("link", "/tmp").file("link/.wh.x", 0o644, b""), through);
    refuse("file", Layer::new().file("file", 0o644, b"").file("file/x", 0o644, b"x"), through);
}

#[test]
fn hard_links_to_the_outside() {
    let link = |target| Layer::new().link(EntryType::Link, "link", target);
    refuse("absolute", link("/etc/passwd"), "absolute path");
    refuse("parent", link("../../../outside/secret"), "leaves the layer");
    refuse("missing", link("nothing"), "link");
    refuse("itself", link("link"), "itself");
    let through = Layer::new().symlink("door", "/etc").link(EntryType::Link, "link", "door/passwd");
    refuse("through a link", through, "leads through what is not a directory");
}

#[test]
fn whiteouts_of_nothing() {
    for name in [".wh.", ".wh..", ".wh...", "a/.wh..."] {
        refuse(name, Layer::new().directory("a").file(name, 0o644, b""), "whiteout of nothing");
    }
}

#[test]
fn a_symbolic_link_is_replaced_not_followed() {
    let Some(home) = Home::new() else { return };
    let target = home.path("target");
    fs::write(&target, "untouched").unwrap();
    let layer = Layer::new().symlink("file", target.to_str().unwrap()).file("file", 0o600, b"own").bytes();
    let paths = home.load("replaced:1", &[&layer]).unwrap();
    assert_eq!(fs::read_to_string(paths[0].join("file")).unwrap(), "own");
    assert!(fs::symlink_metadata(paths[0].join("file")).unwrap().is_file());
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    // A hard link to a symbolic link is one to the link, not to what it points to.
    let layer = Layer::new().symlink("a", target.to_str().unwrap()).link(EntryType::Link, "b", "a").bytes();
    let paths = home.load("linked:1", &[&layer]).unwrap();
    assert!(fs::symlink_metadata(paths[0].join("b")).unwrap().is_symlink());
    assert_eq!(fs::metadata(&target).unwrap().nlink(), 1);
}

#[test]
fn device_nodes_are_left_out() {
    let Some(home) = Home::new() else { return };
    let device = |kind| Layer::new().entry(kind, "device", 0o666, b"").file("file", 0o4755, b"x").bytes();
    for kind in [EntryType::Block, EntryType::Char] {
        let layer = device(kind);
        let paths = home.load("device:1", &[&layer]).unwrap();
        assert!(fs::symlink_metadata(paths[0].join("device")).is_err());
        assert_eq!(fs::metadata(paths[0].join("file")).unwrap().mode() & 0o7777, 0o4755);
    }
    let layer = Layer::new().entry(EntryType::Fifo, "fifo", 0o640, b"").bytes();
    let paths = home.load("fifo:1", &[&layer]).unwrap();
    assert!(fs::metadata(paths[0].join("fifo")).unwrap().file_type().is_fifo());
}

#[test]
fn overlay_attributes_are_not_taken_from_images() {
    let Some(home) = Home::new() else { return };
    let mut archive = tar::Builder::new(Vec::new());
    let attributes: [(&str, &[u8]); 3] = [
        ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.security.capability", b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("SCHILY.xattr.user.note", b"kept"),
    ];
    archive.append_pax_extensions(attributes).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, "file", &b"x"[..]).unwrap();
    let layer = archive.into_inner().unwrap();
    let file = home.load("attributes:1", &[&layer]).unwrap()[0].join("file");
    let names = attribute_names(&file);
    assert!(!names.iter().any(|name| name.starts_with("trusted.")), "{names:?}");
    assert!(
        names.contains(&"user.note".to_owned()) && names.contains(&"security.capability".to_owned()),
        "{names:?}"
    );
}

fn attribute_names(path: &Path) -> Vec<String> {
    let mut buffer = vec![0_u8; 4096];
    let length = rustix::fs::llistxattr(path, &mut buffer[..]).unwrap();
    String::from_utf8_lossy(&buffer[..length])
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn images_that_lie() {
    let Some(home) = Home::new() else { return };
    let (layer, other) =
        (Layer::new().file("a", 0o644, b"a").bytes(), Layer::new().file("b", 0o644, b"b").bytes());
    let load = |configuration: Vec<u8>, layers: &[&[u8]]| {
        let archive = home.path("archive.tar");
        fs::write(&archive, saved("lying:1", &configuration, layers)).unwrap();
        home.store.load(&archive).unwrap_err().to_string()
    };
    let run = || serde_json::json!({});
    let cases = [
        (load(configuration(run(), &[&layer]), &[&other]), "layer has diff_id sha256:"),
        (
            load(configuration(run(), &[&layer, &other]), &[&layer]),
            "the configuration names 2 layers, the manifest 1",
        ),
        (
            load(b"{\"rootfs\":{\"diff_ids\":[\"sha256:../../etc\"]}}".to_vec(), &[]),
            "is not a SHA-256 digest",
        ),
        (
            load(b"{\"os\":\"windows\",\"architecture\":\"amd64\",\"rootfs\":{}}".to_vec(), &[]),
            "image is for windows/amd64",
        ),
        (load(b"[]".to_vec(), &[]), "image configuration"),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "{error}");
    }
    for (name, bytes) in [("empty", &b""[..]), ("text", b"not an archive at all, and longer than nothing")] {
        fs::write(home.path("archive.tar"), bytes).unwrap();
        assert!(home.store.load(&home.path("archive.tar")).is_err(), "{name}");
    }
    let mut cut = saved("cut:1", &configuration(run(), &[&layer]), &[&layer]);
    cut.truncate(1500);
    fs::write(home.path("archive.tar"), cut).unwrap();
    assert!(home.store.load(&home.path("archive.tar")).is_err());
    for place in ["layers", "images", "names", "tmp"] {
        assert!(home.files(place).is_empty(), "{:?}", home.files(place));
    }
}

/// What a layer that is cut, or goes on after its end, or is compressed without end, comes to.
#[test]
fn compressed_layers_that_lie() {
    let Some(home) = Home::new() else { return };
    let layer = Layer::new().file("a", 0o644, &[b'a'; 100_000]).bytes();
    let compressed = super::loading::gzip(&layer);
    let cut = compressed[..compressed.len() / 2].to_vec();
    let mut tail = compressed.clone();
    tail.extend(b"and more that is no gzip");
    let mut damaged = compressed.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    for (name, blob) in [("cut", cut), ("damaged", damaged), ("tail", tail)] {
        let archive = home.path("archive.tar");
        let configuration = configuration(serde_json::json!({}), &[&layer]);
        fs::write(&archive, saved("lying:1", &configuration, &[&blob])).unwrap();
        let error = home.store.load(&archive).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("CannotPullContainerError: "), "{name}: {error}");
        for place in ["layers", "images", "names", "tmp"] {
            assert!(home.files(place).is_empty(), "{name} left {:?}", home.files(place));
        }
    }
}

/// An entry that claims more bytes than there are, or than a layer may have.
#[test]
fn entries_that_claim_too_much() {
    for size in [1 << 40, u64::MAX / 4] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_path("huge").unwrap();
        header.set_cksum();
        let Some(home) = Home::new() else { return };
        let layer = [header.as_bytes().as_slice(), &[0; 512]].concat();
        let error = home.load("huge:1", &[&layer]).unwrap_err();
        assert!(error.starts_with("CannotPullContainerError: "), "{error}");
        for place in ["layers", "images", "names", "tmp"] {
            assert!(home.files(place).is_empty(), "{size} left {:?}", home.files(place));
        }
    }
}

#[test]
fn names_that_appear_again_and_again() {
    let Some(home) = Home::new() else { return };
    let outside = home.path("outside");
    fs::create_dir(&outside).unwrap();
    // Each kind in the place of each other: the last one counts, and none is written through.
    let layer = Layer::new()
        .directory("x")
        .symlink("link", outside.to_str().unwrap())
        .directory("link")
        .file("link/file", 0o644, b"inside")
        .file("twice", 0o644, b"first")
        .file("twice", 0o600, b"second")
        .symlink("x", outside.to_str().unwrap())
        .file("gone", 0o644, b"")
        .directory("gone")
        .bytes();
    let paths = home.load("again:1", &[&layer]).unwrap();
    assert_eq!(fs::read_to_string(paths[0].join("twice")).unwrap(), "second");
    assert_eq!(fs::read_to_string(paths[0].join("link/file")).unwrap(), "inside");
    assert!(paths[0].join("gone").is_dir() && fs::symlink_metadata(paths[0].join("x")).unwrap().is_symlink());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    // A directory that is not empty does not make room.
    refuse("full", Layer::new().directory("d").file("d/f", 0o644, b"").file("d", 0o644, b""), "");
}

#[test]
fn directories_of_any_depth() {
    let Some(home) = Home::new() else { return };
    // The longest path that a tar header's prefix-less name takes.
    let deep = vec!["d"; 48].join("/");
    let layer = Layer::new().file(&format!("{deep}/f"), 0o644, b"deep").bytes();
    let paths = home.load("deep:1", &[&layer]).unwrap();
    assert_eq!(fs::read_to_string(paths[0].join(deep).join("f")).unwrap(), "deep");
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    // Ten thousand levels, in the long form of a name.
    archive.append_data(&mut header, vec!["d"; 10_000].join("/"), std::io::empty()).unwrap();
    let layer = archive.into_inner().unwrap();
    let error = home.load("deeper:1", &[&layer]).unwrap_err();
    assert!(error.contains("not a path"), "{error}");
    assert_eq!(home.files("names").len(), 1);
    assert!(home.files("tmp").is_empty());
}

/// A few kilobytes of compressed names that would take gigabytes of memory.
#[test]
fn names_without_end() {
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut long = |kind: u8, bytes: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::new(kind));
        header.set_size(bytes);
        header.set_cksum();
        std::io::Write::write_all(&mut compressed, header.as_bytes()).unwrap();
        std::io::copy(&mut std::io::Read::take(std::io::repeat(b'n'), bytes), &mut compressed).unwrap();
    };
    long(b'L', 512 * 200_000);
    let layer = compressed.finish().unwrap();
    assert!(layer.len() < 1_000_000);
    let Some(home) = Home::new() else { return };
    let configuration = configuration(serde_json::json!({}), &[b"not this"]);
    for archive in [saved("long:1", &configuration, &[&layer]), layer] {
        fs::write(home.path("archive.tar"), archive).unwrap();
        let error = home.store.load(&home.path("archive.tar")).map(drop).unwrap_err().to_string();
        assert!(error.contains("the headers of an entry are too large"), "{error}");
        assert!(home.files("tmp").is_empty());
    }
}
