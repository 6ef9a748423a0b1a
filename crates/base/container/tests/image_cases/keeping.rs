//! Names, references, and what is left after removals and crashes.

use std::fs;

use container::ImageError;
use container::image::{ImageStore, Reference, RegistryOptions};

use super::Home;
use crate::support::image::Layer;

#[test]
fn layers_live_as_long_as_somebody_uses_them() {
    let Some(home) = Home::new() else { return };
    let base = Layer::new().file("base", 0o644, b"x").bytes();
    let (one, other) =
        (Layer::new().file("one", 0o644, b"1").bytes(), Layer::new().file("two", 0o644, b"2").bytes());
    home.load("one", &[&base, &one]).unwrap();
    home.load("other:2", &[&base, &other]).unwrap();
    assert_eq!(fs::read_dir(home.path("images/layers")).unwrap().count(), 3);
    let image = home.store.resolve("one:latest").unwrap().unwrap();
    home.store.pin("container", &image).unwrap();
    home.store.remove("one").unwrap();
    assert_eq!(home.store.resolve("one").unwrap(), None);
    assert_eq!(fs::read_dir(home.path("images/layers")).unwrap().count(), 3, "a container uses it");
    home.store.unpin("container").unwrap();
    home.store.collect_garbage().unwrap();
    assert_eq!(fs::read_dir(home.path("images/layers")).unwrap().count(), 2);
    assert_eq!(home.store.list().unwrap().len(), 1);
    home.store.remove("docker.io/library/other:2").unwrap();
    assert!(home.files("layers").is_empty() && home.files("images").is_empty());
    assert!(matches!(home.store.remove("one"), Err(ImageError::NotFound { .. })));
}

#[test]
fn a_name_may_move() {
    let Some(home) = Home::new() else { return };
    let (old, new) =
        (Layer::new().file("old", 0o644, b"1").bytes(), Layer::new().file("new", 0o644, b"2").bytes());
    home.load("moving:1", &[&old]).unwrap();
    let paths = home.load("moving:1", &[&new]).unwrap();
    assert!(paths[0].join("new").is_file());
    assert_eq!(fs::read_dir(home.path("images/layers")).unwrap().count(), 1, "nobody uses the old one");
}

#[test]
fn what_a_crash_left_is_removed() {
    let Some(home) = Home::new() else { return };
    let layer = Layer::new().file("file", 0o644, b"x").bytes();
    home.load("kept:1", &[&layer]).unwrap();
    fs::create_dir_all(home.path("images/tmp/1-0/half.unpacking")).unwrap();
    fs::write(home.path("images/tmp/1-0/blob-0"), "half").unwrap();
    fs::write(home.path("images/tmp/document"), "{").unwrap();
    let again = ImageStore::open(&home.path("images"), RegistryOptions::default()).unwrap();
    assert!(home.files("tmp").is_empty());
    assert!(again.resolve("kept:1").unwrap().is_some());
}

#[test]
fn names_are_docker_s() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let cases = [
        ("busybox", "docker.io/library/busybox:latest"),
        ("user/app:1.2", "docker.io/user/app:1.2"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/a/b_c-d.e", "localhost:5000/a/b_c-d.e:latest"),
        (
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/job:prod",
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/job:prod",
        ),
    ];
    for (text, full) in cases {
        assert_eq!(
            Reference::parse(text).map(|reference| reference.to_string()).as_deref(),
            Ok(full),
            "{text}"
        );
    }
    let pinned = format!("ghcr.io/a/b@{digest}");
    assert_eq!(Reference::parse(&pinned).unwrap().to_string(), pinned);
    assert_eq!(Reference::parse(&pinned).unwrap().manifest_name(), digest);
    for bad in [
        "",
        "Upper",
        "a b",
        "a:",
        "a:b:c",
        "a//b",
        "-a",
        "a@sha256:1",
        "../a",
        "a/../b",
        "localhost:5000/",
        "a@md5:1",
    ] {
        assert!(matches!(Reference::parse(bad), Err(ImageError::InvalidReference(_))), "{bad}");
    }
    for (text, local) in
        [("localhost:5000/a", true), ("127.0.0.1/a", true), ("localhost.example.com/a", false), ("a", false)]
    {
        assert_eq!(Reference::parse(text).unwrap().is_local(), local, "{text}");
    }
}
