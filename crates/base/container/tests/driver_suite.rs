//! One suite for every driver, run with real containers.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test program")]

mod support;

use std::process::ExitCode;

use container::embedded::{EmbeddedConfig, EmbeddedDriver};
use container::{ContainerSpec, Driver, LogPosition};

fn main() -> ExitCode {
    container::embedded::run_supervisor_if_requested();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let home = tempfile::tempdir().unwrap();
        let driver = EmbeddedDriver::open(EmbeddedConfig {
            data_directory: home.path().join("data"),
            executable: "/proc/self/exe".into(),
            allow_host_image: true,
            registry: Default::default(),
        })
        .unwrap();
        let archive = home.path().join("busybox.tar");
        support::image::write_busybox(&archive, "busybox:latest", serde_json::json!({"Cmd": ["sh"]}));
        println!("{:?}", driver.images().load(&archive));
        for (index, image) in ["busybox", "busybox", "host"].iter().enumerate() {
            let begun = std::time::Instant::now();
            let name = format!("c{index}");
            let spec = ContainerSpec {
                name: name.clone(),
                image: image.to_string(),
                command: Some(
                    ["sh", "-c", "echo hello; id; cat /proc/self/status | grep Sec; ls / >&2; exit 3"]
                        .map(str::to_owned)
                        .to_vec(),
                ),
                ..Default::default()
            };
            println!("{:?} {:?}", driver.launch(spec).await, begun.elapsed());
            println!("{:?} {:?}", driver.wait(&name).await, begun.elapsed());
            let mut from = LogPosition::default();
            loop {
                let chunk = driver.read_logs(&name, from).await.unwrap();
                for line in chunk.lines {
                    println!("   {line:?}");
                }
                if chunk.ended {
                    break;
                }
                from = chunk.next;
            }
            println!("{:?}", driver.remove(&name).await);
        }
    });
    ExitCode::SUCCESS
}
