//! `runwright serve`.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::server::Server;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// Where the server cannot start.
pub async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let data_dir = config.data_dir.clone();
    let server = Server::start(config).await?;
    eprintln!("runwright {} listens on {}", env!("CARGO_PKG_VERSION"), server.endpoint());
    eprintln!("  data in {}", data_dir.display());
    match server.driver_kind() {
        Some(kind) => eprintln!("  containers: {}", format!("{kind:?}").to_lowercase()),
        None => eprintln!("  containers: none can run here; `runwright doctor` says why"),
    }
    if let Some(now) = server.virtual_time() {
        eprintln!("  clock: virtual, stands at {now}; `runwright clock advance 1h` moves it, or");
        eprintln!("         curl -d '{{\"advance\": \"1h\"}}' {}/_runwright/clock", server.endpoint());
    }
    eprintln!("  clients: eval \"$(runwright env --data-dir {})\"", data_dir.display());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
