//! `runwright image`: the images of the embedded driver.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use container::image::{ImageStore, Reference, RegistryOptions};

use crate::config::{Config, Settings};
use crate::driver;

/// What `runwright image` is told.
#[derive(Args, Debug)]
pub struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,

    /// Read this configuration file [default: runwright.toml, if there is one].
    #[arg(long, env = "RUNWRIGHT_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// The data directory whose images are meant [default: the platform's data directory].
    #[arg(long, env = "RUNWRIGHT_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum ImageCommand {
    /// Load the images of a `docker save` archive or an OCI layout (a tar file or a directory).
    Load {
        /// The archive or the directory.
        path: PathBuf,
    },
    /// Pull an image from its registry.
    Pull {
        /// The image, such as `localhost:5000/job:latest`.
        image: String,
    },
    /// List the images.
    Ls,
    /// Remove an image's name, and what no other name and no container needs.
    Rm {
        /// The image.
        image: String,
    },
}

/// Runs the command. A server may be running on the same data directory.
///
/// # Errors
/// What the store of images, or the registry, says.
pub async fn manage(args: ImageArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings { config: args.config, data_dir: args.data_dir, ..Settings::default() };
    let store = open(&settings.decide()?)?;
    let mut out = std::io::stdout().lock();
    match args.command {
        ImageCommand::Load { path } => {
            for image in store.load(&path)? {
                writeln!(out, "{} {}", image.name, image.id)?;
            }
        }
        ImageCommand::Pull { image } => {
            let reference = Reference::parse(&image)?;
            let pulled = store.pull(&reference).await?;
            writeln!(out, "{reference} {}", pulled.id)?;
        }
        ImageCommand::Ls => {
            for image in store.list()? {
                writeln!(out, "{} {}", image.name, image.id)?;
            }
        }
        ImageCommand::Rm { image } => store.remove(&image)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn open(config: &Config) -> anyhow::Result<ImageStore> {
    let root = driver::configuration(config).data_directory.join("images");
    Ok(ImageStore::open(&root, RegistryOptions::default())?)
}
