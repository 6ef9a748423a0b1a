//! One life of the simulated process: all services on one store, as the server wires them, without its doors to the
//! outside.

use std::sync::Arc;

use api::{AwsError, Dispatcher, Service};
use clock::Clock;
use container::Driver;
use store::Store;

use crate::door::{Behind, Door};
use crate::faulty_store::FaultyStore;
use crate::post::Post;
use crate::random::Random;
use crate::world::World;

/// The services, which live as long as this does.
pub struct Process {
    /// The way to them.
    pub door: Door,
    _services: Vec<Arc<dyn Service>>,
}

impl Process {
    /// Starts the services on what the disk holds.
    ///
    /// # Errors
    /// Where a service cannot start.
    pub async fn start(world: &World, store: Arc<FaultyStore>) -> Result<Self, AwsError> {
        let store: Arc<dyn Store> = store;
        let dispatcher = Dispatcher::new(Clock::Virtual(world.clock.clone()));
        let logs = logs::Logs::new(Arc::clone(&store), &dispatcher);
        let events = events::Events::new(Arc::clone(&store), dispatcher.clone());
        let scheduler = Arc::new(scheduler::Scheduler::new(Arc::clone(&store), dispatcher.clone()));
        let states = states::States::new(Arc::clone(&store), dispatcher.clone(), config(world.seed));
        let states = Arc::new(states);
        let key = sealed::SecretKey::ephemeral().map_err(|error| AwsError::internal("NoKey", &error))?;
        let sqs = sqs::Sqs::new(Arc::clone(&store), dispatcher.clone(), key);
        let sns = sns::Sns::new(Arc::clone(&store), dispatcher.clone(), "http://127.0.0.1".to_owned());
        let post = Post { sqs: sqs.clone(), receiver: Arc::clone(&world.receiver) };
        let driver = Arc::clone(&world.containers) as Arc<dyn Driver>;
        let ecs = Arc::new(ecs::Ecs::new(store, dispatcher.clone(), driver, ecs::Config::default()));
        let services: Vec<Arc<dyn Service>> = vec![
            Arc::new(logs.clone()),
            Arc::new(events.clone()),
            Arc::clone(&scheduler) as _,
            Arc::clone(&states) as _,
            Arc::clone(&ecs) as _,
            Arc::new(post),
            Arc::new(sns.clone()),
        ];
        dispatcher.install(
            services.iter().map(|service| Arc::new(Behind::new(service, &world.ways)) as Arc<dyn Service>),
        );
        logs.start();
        sqs.start().await.map_err(AwsError::from)?;
        events.load().await.map_err(AwsError::from)?;
        states.start().await.map_err(AwsError::from)?;
        ecs.start().await.map_err(|error| AwsError::internal("StoreError", &error))?;
        sns.start().await.map_err(AwsError::from)?;
        events.start().await.map_err(AwsError::from)?;
        scheduler.start().await.map_err(AwsError::from)?;
        Ok(Self { door: Door(dispatcher), _services: services })
    }
}

/// How Step Functions is run: with few workers, and few executions in memory, so that others have to be read again.
fn config(seed: u64) -> states::Config {
    let mut random = Random::new(seed, "config");
    let in_memory = [0, 1, 3, 8192][random.below(4) as usize];
    states::Config { workers: random.between(1, 4) as usize, in_memory, ..states::Config::default() }
}
