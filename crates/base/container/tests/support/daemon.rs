//! A Docker daemon of our own, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the daemon may take until it listens.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// A running `dockerd`, ended when dropped.
pub struct Daemon {
    child: Child,
    pub socket: PathBuf,
    home: PathBuf,
}

impl Daemon {
    /// Starts one with everything it keeps in `home`, or says why it cannot.
    pub fn start(home: &Path) -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("not root".to_owned());
        }
        std::fs::create_dir_all(home).unwrap();
        let socket = home.join("docker.sock");
        let log = std::fs::File::create(home.join("dockerd.log")).unwrap();
        let child = Command::new("dockerd")
            .arg("--data-root")
            .arg(home.join("data"))
            .arg("--exec-root")
            .arg(home.join("exec"))
            .arg("--pidfile")
            .arg(home.join("dockerd.pid"))
            .arg("-H")
            .arg(format!("unix://{}", socket.display()))
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=overlay2"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("dockerd: {error}"))?;
        let daemon = Self { child, socket, home: home.to_owned() };
        daemon.wait_until_it_answers()
    }

    fn wait_until_it_answers(mut self) -> Result<Self, String> {
        let deadline = Instant::now() + START_TIME_MAX;
        while Instant::now() < deadline {
            if std::os::unix::net::UnixStream::connect(&self.socket).is_ok() {
                return Ok(self);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = std::fs::read_to_string(self.home.join("dockerd.log")).unwrap_or_default();
                return Err(format!("dockerd ended ({status}): {}", log.lines().last().unwrap_or_default()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("dockerd does not answer".to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It ends its containerd and unmounts its containers when it is asked politely.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM);
        let _ = self.child.wait();
    }
}
