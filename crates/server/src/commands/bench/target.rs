//! What is measured: a server that somebody else runs, or one of this program's own in a fresh directory.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::connection::{Connection, Endpoint};
use super::process::{self, Device, Usage};
use super::request::{Credentials, STATES, Service};

/// How long a server may take to its first answer.
const START_MAX: Duration = Duration::from_secs(60);
/// Where an own server says what goes wrong.
const LOG: &str = "serve.log";

/// The server that is measured.
pub struct Target {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The directory whose disk is measured beside it.
    pub dir: PathBuf,
    /// That directory's device.
    device: Option<Device>,
    /// The process, where it is on this machine and known.
    pid: Option<u32>,
    child: Option<OwnServer>,
}

/// A server that this command started. It ends, and its directory goes, when this is dropped.
struct OwnServer {
    process: Child,
    data_dir: PathBuf,
    authority: String,
}

impl Target {
    /// A server that is there already.
    pub fn running(endpoint: Endpoint, pid: Option<u32>, dir: PathBuf) -> Self {
        Self { endpoint, device: Device::under(&dir), dir, pid, child: None }
    }

    /// Starts a server of this same program on a fresh directory under `parent`.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start(parent: &Path) -> anyhow::Result<Self> {
        let parent = std::path::absolute(parent)?;
        let data_dir = parent.join(format!("runwright-bench-{}", api::ids::alphanumeric(8)));
        std::fs::create_dir_all(&data_dir)
            .with_context(|| format!("cannot create {}", data_dir.display()))?;
        let authority = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let child = OwnServer { process: spawn(&data_dir, &authority)?, data_dir, authority };
        let credentials = Credentials {
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let endpoint = Endpoint { authority: child.authority.clone(), credentials };
        let pid = Some(child.process.id());
        let mut target =
            Self { endpoint, device: Device::under(&child.data_dir), dir: parent, pid, child: Some(child) };
        target.wait_for_answer("ListStateMachines", b"{}")?;
        Ok(target)
    }

    /// Whether this command started it.
    pub fn is_own(&self) -> bool {
        self.child.is_some()
    }

    /// What the server has used so far.
    pub fn usage(&self) -> Option<Usage> {
        self.pid.and_then(process::usage)
    }

    /// How often its disk was flushed so far.
    pub fn flushes(&self) -> Option<u64> {
        self.device.as_ref().and_then(Device::flushes)
    }

    /// Calls an operation once, over a connection of its own.
    ///
    /// # Errors
    /// Where no answer comes, and what AWS calls an error.
    pub fn call(&self, service: Service, operation: &str, input: &Value) -> anyhow::Result<Value> {
        let answer = self.call_bytes(service, operation, input.to_string().as_bytes())?;
        if answer.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer).context("the answer is not JSON")
    }

    fn call_bytes(&self, service: Service, operation: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = Connection::new(&self.endpoint, service);
            Ok(connection.call(operation, body).await?.body()?.to_vec())
        })
    }

    /// Ends the own server with SIGKILL, and starts it again on its data.
    ///
    /// The time is from the start of the new process to its answer to `input`.
    ///
    /// # Errors
    /// Where there is no own server, and where it does not start again.
    pub fn kill_and_start_again(&mut self, operation: &str, input: &Value) -> anyhow::Result<Duration> {
        let Some(child) = &mut self.child else { bail!("only a server that this command started is killed") };
        child.process.kill()?;
        child.process.wait()?;
        let begun = Instant::now();
        child.process = spawn(&child.data_dir, &child.authority)?;
        self.pid = Some(child.process.id());
        self.wait_for_answer(operation, input.to_string().as_bytes())?;
        Ok(begun.elapsed())
    }

    /// Asks until an answer comes that is no error.
    fn wait_for_answer(&mut self, operation: &str, body: &[u8]) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let error = match self.call_bytes(STATES, operation, body) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(child) = &mut self.child
                && let Some(status) = child.process.try_wait()?
            {
                let said = std::fs::read_to_string(child.data_dir.join(LOG)).unwrap_or_default();
                bail!("the server ended with {status}: {}", said.trim());
            }
            if begun.elapsed() > START_MAX {
                return Err(error.context("the server does not answer"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn spawn(data_dir: &Path, authority: &str) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let mut command = Command::new(program);
    command.args(["serve", "--dev", "--listen", authority, "--data-dir"]).arg(data_dir);
    // In a directory of its own, so that it finds no configuration file; a signal from the terminal is not for it.
    command.process_group(0);
    command.current_dir(data_dir).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(std::fs::File::create(data_dir.join(LOG))?);
    command.spawn().context("cannot start a server")
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // It may be gone; its data are.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Err(error) = std::fs::remove_dir_all(&self.data_dir) {
            tracing::warn!(path = %self.data_dir.display(), %error, "the bench's directory stays");
        }
    }
}
