//! The whole stack in one process: what `serve` and `run` start. The wiring is on this screen.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use api::{Dispatcher, Service};
use clock::Clock;
use container::{Driver, DriverKind};
use secretsmanager::SecretsManager;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use types::Timestamp;
use wire::{Front, Wire};

use crate::config::Config;
use crate::credentials;
use crate::loopback::Loopback;
use crate::operator::Operator;
use crate::time_options::ClockChoice;
use crate::upkeep::backup::Source;
use crate::upkeep::control::Control;
use crate::upkeep::data_dir;
use crate::virtual_time::over_http::ClockDocuments;
use crate::virtual_time::{self, VirtualTime, session};

/// A running stack.
pub struct Server {
    operator: Operator,
    endpoint: String,
    driver: Arc<dyn Driver>,
    runs_containers: bool,
    shutdown: oneshot::Sender<()>,
    http: JoinHandle<std::io::Result<()>>,
    loopback: Option<JoinHandle<std::io::Result<()>>>,
    store: Arc<dyn Store>,
    virtual_time: Option<Arc<VirtualTime>>,
    _control: Option<Control>,
}

impl Server {
    /// Opens the store, takes up what was left from before, and listens.
    ///
    /// # Errors
    /// A data directory that cannot be used, an address that cannot be listened on.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let dir = config.data_dir.display().to_string();
        // What a service finds damaged is an error without a place.
        Self::start_on(config).await.map_err(|error| match format!("{error:#}").contains(&dir) {
            true => error,
            false => error.context(format!("cannot start with the store in {dir}")),
        })
    }

    async fn start_on(config: Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("cannot create {}", config.data_dir.display()))?;
        data_dir::check(&config.data_dir)?;
        let store: Arc<dyn Store> = data_dir::open_store(&config.data_dir)?;
        let (store, time) = begin_time(store, config.clock, &config.data_dir).await?;
        data_dir::mark(&config.data_dir)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("cannot listen on {}", config.listen))?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let loopback = Loopback::of(listener.local_addr()?).await;
        let (driver, refusal) = crate::driver::choose(&config).await;
        if let Some(refusal) = &refusal {
            tracing::warn!("{refusal}");
        }

        let dispatcher = Dispatcher::new(time.as_ref().map_or(Clock::Wall, |time| time.clock()));
        let identities = iam::Configuration { test_key_account: config.dev.then(|| config.account.clone()) };
        let iam = iam::Iam::new(Arc::clone(&store), &dispatcher, identities);
        let logs = logs::Logs::new(Arc::clone(&store), &dispatcher);
        let key = sealed::unlock(&*store, &config.data_dir.join(data_dir::KEY)).await?;
        let ssm = ssm::Ssm::new(Arc::clone(&store), key.clone());
        let sqs = sqs::Sqs::new(Arc::clone(&store), dispatcher.clone(), key.clone());
        let pipes = pipes::Pipes::new(Arc::clone(&store), dispatcher.clone());
        let secrets = SecretsManager::new(Arc::clone(&store), dispatcher.clone(), key.clone());
        let events = events::Events::new(Arc::clone(&store), dispatcher.clone()).with_secret_key(key.clone());
        let events = events.making_up(config.missed);
        let scheduler =
            scheduler::Scheduler::making_up(Arc::clone(&store), dispatcher.clone(), config.missed);
        let scheduler = Arc::new(scheduler);
        let executions = states::Config { retention: config.retention, ..states::Config::default() };
        let states = Arc::new(states::States::new(Arc::clone(&store), dispatcher.clone(), executions));
        let wire = Wire::new(dispatcher.clone(), Arc::new(iam.clone()), Clock::Wall);
        let front = Front::api(Arc::new(wire));
        let endpoint_of_links = loopback.endpoint.clone();
        let tasks = ecs::Config {
            endpoint_url: Some(loopback.endpoint),
            api: Some(front.clone()),
            host_folders: ecs::HostFolders::new(config.allow_bind.clone()),
            capacity: config.capacity.clone(),
            stand_ins: config.stand_ins,
        };
        let ecs = ecs::Ecs::new(Arc::clone(&store), dispatcher.clone(), Arc::clone(&driver), tasks);
        let ecs = Arc::new(ecs.with_volumes_dir(std::path::absolute(config.data_dir.join("volumes"))?));
        let sns =
            sns::Sns::new(Arc::clone(&store), dispatcher.clone(), endpoint_of_links).with_secret_key(key);
        let s3 = s3::S3::new(Arc::clone(&store), &std::path::absolute(config.data_dir.join("objects"))?);
        let cloudformation =
            Arc::new(cloudformation::CloudFormation::new(Arc::clone(&store), dispatcher.clone()));
        let services: [Arc<dyn Service>; 15] = [
            Arc::new(iam.clone()),
            Arc::new(iam.sts()),
            Arc::new(logs.clone()),
            heard(time.as_deref(), &dispatcher, Arc::new(events.clone())),
            Arc::clone(&scheduler) as _,
            Arc::clone(&states) as _,
            Arc::clone(&ecs) as _,
            Arc::new(s3.clone()),
            Arc::new(ec2::Ec2::new(Arc::clone(&store))),
            Arc::new(ssm),
            Arc::new(sns.clone()),
            Arc::new(sqs.clone()),
            Arc::new(pipes.clone()),
            Arc::new(secrets.clone()),
            Arc::clone(&cloudformation) as _,
        ];
        dispatcher.install(services);

        // Rules are known before anybody puts an event; executions are open before an event can reach one.
        iam.start();
        logs.start();
        s3.start().await?;
        secrets.start().await?;
        sqs.start().await?;
        events.load().await?;
        states.start().await?;
        ecs.start().await?;
        sns.start().await?;
        events.start().await?;
        scheduler.start().await?;
        pipes.start().await?;
        cloudformation.start().await?;

        let key = iam.ensure_root_key(&config.account).await?;
        credentials::write(&config, &endpoint, &key)?;
        let source = Source { data_dir: config.data_dir.clone(), store: Arc::clone(&store), s3: Some(s3) };
        let virtual_time = time.clone();
        let operator = Operator::new(dispatcher.clone(), config.account, config.region);
        let clock = session::Subject { dispatcher, time };
        let documents = ClockDocuments::beside(ecs.documents(), clock.clone());
        let control = Control::start(source, Arc::clone(&driver), clock, operator.clone())
            .inspect_err(|error| tracing::warn!(%error, "no backup can be made, and no container be reached, while this server runs"))
            .ok();
        let (shutdown, stopped) = oneshot::channel();
        let front = front.with_documents(Arc::new(documents));
        let loopback = loopback
            .listener
            .map(|listener| tokio::spawn(front.clone().serve(listener, std::future::pending())));
        let http = tokio::spawn(front.serve(listener, async {
            // A sender that is gone means the same as one that has sent.
            let _ = stopped.await;
        }));
        let runs_containers = refusal.is_none();
        Ok(Self {
            operator,
            endpoint,
            driver,
            runs_containers,
            shutdown,
            http,
            loopback,
            store,
            virtual_time,
            _control: control,
        })
    }

    /// Where its clock stands, if somebody moves it.
    pub fn virtual_time(&self) -> Option<Timestamp> {
        self.virtual_time.as_ref().map(|time| time.now())
    }

    /// Calls made as the account's root principal.
    pub fn operator(&self) -> Operator {
        self.operator.clone()
    }

    /// `http://ADDRESS:PORT`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// What runs containers; `None` where nothing can.
    pub fn driver_kind(&self) -> Option<DriverKind> {
        self.runs_containers.then(|| self.driver.kind())
    }

    /// Listens no more and lets open requests finish. Containers go on; the next start takes them over.
    pub async fn stop(self) {
        let _ = self.shutdown.send(());
        if let Some(loopback) = self.loopback {
            loopback.abort();
        }
        if let Ok(Err(error)) = self.http.await {
            tracing::warn!(%error, "the HTTP server did not end well");
        }
        // Services hold each other and the store: nobody else would close it.
        let (store, driver) = (self.store, self.driver);
        let closed = tokio::task::spawn_blocking(move || {
            store.close();
            // Now nobody asks for another network.
            driver.release_common();
        });
        if let Err(error) = closed.await {
            tracing::warn!(%error, "the server did not end well");
        }
    }
}

/// The clock that was chosen: `None` is the machine's. A virtual one has a part in the store.
async fn begin_time(
    store: Arc<dyn Store>,
    choice: ClockChoice,
    data_dir: &Path,
) -> anyhow::Result<(Arc<dyn Store>, Option<Arc<VirtualTime>>)> {
    match choice {
        ClockChoice::Wall => {
            virtual_time::forget(&*store).await?;
            Ok((store, None))
        }
        ClockChoice::Virtual(start) => {
            let start = virtual_time::take_up(&*store, start, data_dir::is_new(data_dir)).await?;
            let time = Arc::new(VirtualTime::new(store, start));
            Ok((time.store(), Some(time)))
        }
    }
}

/// The service `events`, heard by whoever moves the clock.
fn heard(time: Option<&VirtualTime>, dispatcher: &Dispatcher, events: Arc<dyn Service>) -> Arc<dyn Service> {
    let Some(time) = time else { return events };
    time.watch(dispatcher);
    time.listen(events)
}
