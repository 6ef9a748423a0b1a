//! The scheduler under any sequence of events: its limits hold at every decision, and it comes to rest where it should.

use std::time::Duration;

use proptest::prelude::*;
use types::Timestamp;

use super::decide::{Effects, decide, not_placed, started};
use super::deployment_configuration::{CircuitBreaker, Configuration, Threshold};
use super::service_task::{Health, ServiceTask};
use super::*;
use crate::task::{Status, StopCode};

/// A service with tasks that obey the test.
struct World {
    service: Service,
    tasks: Vec<ServiceTask>,
    now: Timestamp,
    started: usize,
    deployed: usize,
    next: Option<Timestamp>,
    /// How many tasks the machine can hold.
    room: usize,
}

/// Something that happens. Numbers choose a task among those to which it can happen.
#[derive(Clone, Debug)]
enum Happening {
    TaskRuns(usize),
    TaskCrashes(usize),
    TaskStops(usize),
    UserStops(usize),
    TurnsUnhealthy(usize),
    TimePasses(u64),
    Scale(usize),
    Deploy,
    RoomFor(usize),
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => any::<usize>().prop_map(Happening::TaskRuns),
        2 => any::<usize>().prop_map(Happening::TaskCrashes),
        3 => any::<usize>().prop_map(Happening::TaskStops),
        1 => any::<usize>().prop_map(Happening::UserStops),
        1 => any::<usize>().prop_map(Happening::TurnsUnhealthy),
        4 => (1..20_u64).prop_map(Happening::TimePasses),
        1 => (0..8_usize).prop_map(Happening::Scale),
        1 => Just(Happening::Deploy),
        1 => (0..12_usize).prop_map(Happening::RoomFor),
        1 => Just(Happening::Restart),
    ]
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let breaker = (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(enable, rollback, reset)| {
        CircuitBreaker { enable, rollback, reset_on_healthy_task: reset, ..CircuitBreaker::default() }
    });
    (0..=100_usize, 100..=200_usize, breaker).prop_map(|(minimum, maximum, circuit_breaker)| Configuration {
        minimum_healthy_percent: minimum,
        maximum_percent: maximum,
        circuit_breaker,
    })
}

fn revision(number: usize) -> Revision {
    Revision {
        task_definition: format!("arn:aws:ecs:eu-central-1:000000000000:task-definition/job:{number}"),
        launch_type: Some("FARGATE".to_owned()),
        capacity_provider_strategy: Vec::new(),
        platform_version: None,
        network_configuration: None,
    }
}

impl World {
    fn new(configuration: Configuration, desired_count: usize) -> Self {
        let now = Timestamp::from_seconds(1_700_000_000);
        let mut service = Service {
            name: "web".to_owned(),
            arn: "arn:aws:ecs:eu-central-1:000000000000:service/default/web".to_owned(),
            account: "000000000000".to_owned(),
            region: "eu-central-1".to_owned(),
            cluster_arn: "arn:aws:ecs:eu-central-1:000000000000:cluster/default".to_owned(),
            status: ServiceStatus::Active,
            desired_count,
            configuration,
            propagate_tags: None,
            enable_ecs_managed_tags: false,
            health_check_grace_period_seconds: None,
            tags: Tags::new(),
            deployments: Vec::new(),
            completed: None,
            events: VecDeque::new(),
            announced: 0,
            steady_at: None,
            trouble: None,
            counted: BTreeSet::new(),
            request: serde_json::Value::Null,
            created_at: now,
            created_by: String::new(),
        };
        service.deploy("ecs-svc/0".to_owned(), revision(0), now);
        Self { service, tasks: Vec::new(), now, started: 0, deployed: 0, next: None, room: usize::MAX }
    }

    fn happen(&mut self, what: &Happening) {
        match *what {
            Happening::TaskRuns(at) => {
                self.change(at, |task| task.status == Status::Pending && task.is_wanted(), run)
            }
            Happening::TaskCrashes(at) => {
                self.change(at, ServiceTask::is_wanted, |task, now| {
                    stop(task, StopCode::EssentialContainerExited, now)
                });
            }
            Happening::TaskStops(at) => {
                self.change(
                    at,
                    |task| !task.is_wanted() && !task.has_stopped(),
                    |task, _| task.status = Status::Stopped,
                );
            }
            Happening::UserStops(at) => {
                self.change(at, ServiceTask::is_wanted, |task, now| stop(task, StopCode::UserInitiated, now));
            }
            Happening::TurnsUnhealthy(at) => {
                self.change(at, ServiceTask::is_running, |task, _| task.health = Health::Unhealthy);
            }
            Happening::TimePasses(seconds) => self.now = self.now + Duration::from_secs(seconds),
            Happening::Scale(desired) => self.service.desired_count = desired,
            Happening::Deploy => self.deploy(),
            Happening::RoomFor(count) => self.room = count,
            Happening::Restart => {
                let kept = serde_json::to_string(&self.service).unwrap();
                self.service = serde_json::from_str(&kept).unwrap();
            }
        }
    }

    fn deploy(&mut self) {
        self.deployed += 1;
        self.service.deploy(format!("ecs-svc/{}", self.deployed), revision(self.deployed), self.now);
    }

    fn change(
        &mut self,
        at: usize,
        can: impl Fn(&ServiceTask) -> bool,
        change: impl Fn(&mut ServiceTask, Timestamp),
    ) {
        let now = self.now;
        let mut able: Vec<&mut ServiceTask> = self.tasks.iter_mut().filter(|task| can(task)).collect();
        let count = able.len();
        if let Some(task) = able.get_mut(at % count.max(1)) {
            change(task, now);
        }
    }

    /// Decides until there is nothing to decide any more, and checks every decision.
    fn settle(&mut self) {
        for _ in 0..200 {
            let before = self.service.clone();
            let mut effects = decide(&mut self.service, &self.tasks, self.now);
            self.check(&effects);
            let is_quiet = effects.starts == 0 && effects.stops.is_empty() && effects.forgotten.is_empty();
            let is_same = self.service == before;
            self.apply(&mut effects);
            self.next = effects.next;
            if is_quiet && is_same {
                return;
            }
        }
        panic!("the decisions have no end: {:?}", self.service);
    }

    fn check(&self, effects: &Effects) {
        let (configuration, desired) = (&self.service.configuration, self.service.desired_count);
        let occupied = self.tasks.iter().filter(|task| !task.has_stopped()).count();
        if effects.starts > 0 {
            assert!(occupied + effects.starts <= configuration.most(desired), "too many: {effects:?}");
            let primary = &self.service.primary().unwrap().id;
            let wanted = self.tasks.iter().filter(|task| task.is_wanted() && task.deployment == *primary);
            assert!(wanted.count() + effects.starts <= desired, "more than desired: {effects:?}");
        }
        let serving = |task: &&ServiceTask| task.is_running() && task.health != Health::Unhealthy;
        let before = self.tasks.iter().filter(serving).count();
        let leaves = |task: &&ServiceTask| effects.stops.iter().any(|order| order.id == task.id);
        let leaving = self.tasks.iter().filter(serving).filter(leaves).count();
        if leaving > 0 {
            assert!(
                before - leaving >= configuration.least(desired),
                "too few: {effects:?} of {:?}",
                self.tasks
            );
        }
    }

    fn apply(&mut self, effects: &mut Effects) {
        for order in &effects.stops {
            let task = self.tasks.iter_mut().find(|task| task.id == order.id).unwrap();
            assert!(task.is_wanted(), "stopped twice");
            stop(task, StopCode::ServiceSchedulerInitiated, self.now);
        }
        self.tasks.retain(|task| !effects.forgotten.contains(&task.id));
        let occupied = self.tasks.iter().filter(|task| !task.has_stopped()).count();
        let fitting = effects.starts.min(self.room.saturating_sub(occupied));
        let lacking = effects.starts - fitting;
        if fitting > 0 {
            let first = self.started;
            (0..fitting).for_each(|_| self.start());
            let ids: Vec<&str> =
                self.tasks.iter().rev().take(self.started - first).map(|task| task.id.as_str()).collect();
            started(&mut self.service, &ids, effects);
        }
        if lacking > 0 {
            not_placed(&mut self.service, "RESOURCE:MEMORY", self.now, effects);
        }
    }

    fn start(&mut self) {
        self.started += 1;
        self.tasks.push(ServiceTask {
            id: format!("{:032x}", self.started),
            deployment: self.service.primary().unwrap().id.clone(),
            status: Status::Pending,
            stop: None,
            started_at: None,
            stopping_at: None,
            health: Health::Unchecked,
        });
    }

    /// Everything that can go well does, for as long as it takes.
    fn recover(&mut self) {
        self.room = usize::MAX;
        self.go_on();
    }

    fn go_on(&mut self) {
        for _ in 0..200 {
            self.settle();
            let now = self.now;
            for task in &mut self.tasks {
                if task.status == Status::Pending && task.is_wanted() {
                    run(task, now);
                } else if !task.is_wanted() {
                    task.status = Status::Stopped;
                }
            }
            self.settle();
            match self.next {
                Some(next) if next > self.now && self.service.steady_at.is_none() => self.now = next,
                _ => self.now = self.now + Duration::from_secs(1),
            }
        }
        self.settle();
    }
}

fn run(task: &mut ServiceTask, now: Timestamp) {
    task.status = Status::Running;
    task.started_at = Some(now);
}

fn stop(task: &mut ServiceTask, code: StopCode, now: Timestamp) {
    task.stop = Some(code);
    task.stopping_at = Some(now);
    if task.status != Status::Running {
        task.status = Status::Deprovisioning;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn limits_hold_and_the_service_comes_to_rest(
        configuration in configuration(),
        desired in 0..8_usize,
        happenings in prop::collection::vec(happening(), 0..80),
    ) {
        let mut world = World::new(configuration, desired);
        world.settle();
        for what in &happenings {
            world.happen(what);
            world.settle();
        }
        if world.service.primary().unwrap().rollout == Rollout::Failed {
            world.deploy();
        }
        world.recover();
        let (configuration, desired) = (&world.service.configuration, world.service.desired_count);
        let is_blocked = desired > 0 && configuration.least(desired) >= configuration.most(desired);
        let running = world.tasks.iter().filter(|task| task.is_running()).count();
        if is_blocked {
            prop_assert!(running >= configuration.least(desired));
            return Ok(());
        }
        prop_assert_eq!(running, desired);
        prop_assert_eq!(world.tasks.len(), desired);
        prop_assert_eq!(world.service.deployments.len(), 1);
        prop_assert_eq!(world.service.primary().unwrap().rollout, Rollout::Completed);
        prop_assert!(world.service.steady_at.is_some());
        prop_assert!(world.service.counted.is_empty());
    }
}

#[test]
fn pauses_double_up_to_a_quarter_of_an_hour() {
    let seconds: Vec<u64> = [1, 2, 3, 10, 11, 40, 4_000_000_000].map(|rounds| delay(rounds).as_secs()).into();
    assert_eq!(seconds, [1, 2, 4, 512, 900, 900, 900]);
}

#[test]
fn thresholds_are_half_of_the_desired_count_within_3_and_200() {
    let threshold = Threshold::BoundedPercent(50);
    assert_eq!(
        [0, 1, 6, 7, 25, 400, 800].map(|desired| threshold.failures(desired)),
        [3, 3, 3, 4, 13, 200, 200]
    );
    assert_eq!(Threshold::Count(5).failures(100), 5);
    assert_eq!(Threshold::UnboundedPercent(10).failures(5000), 500);
}

#[test]
fn percentages_are_rounded_towards_caution() {
    let configuration =
        Configuration { minimum_healthy_percent: 50, maximum_percent: 150, ..Configuration::default() };
    assert_eq!((configuration.least(3), configuration.most(3)), (2, 4));
}

#[test]
fn a_lack_of_room_is_said_once_and_tried_again_within_half_a_minute() {
    let mut world = World::new(Configuration::default(), 1);
    let mut said = Vec::new();
    for _ in 0..20 {
        let mut effects = decide(&mut world.service, &[], world.now);
        assert_eq!(effects.starts, 1);
        not_placed(&mut world.service, "RESOURCE:MEMORY", world.now, &mut effects);
        said.extend(effects.messages);
        let next = effects.next.unwrap();
        assert!(next > world.now && next.since(world.now) <= Duration::from_secs(30));
        world.now = next;
    }
    assert_eq!(
        said,
        [
            "(service web) was unable to place a task because no container instance met all of its requirements. The closest matching container instance has insufficient memory available. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
        ]
    );
    assert_eq!(world.service.primary().unwrap().failed_tasks, 20);
}

#[test]
fn where_there_is_no_room_the_old_make_some_as_far_as_they_may() {
    let configuration = Configuration { minimum_healthy_percent: 50, ..Configuration::default() };
    let mut world = World::new(configuration, 4);
    world.recover();
    world.room = 4;
    world.deploy();
    world.go_on();
    let newest = world.service.primary().unwrap().id.clone();
    assert_eq!(world.tasks.iter().filter(|task| task.is_running() && task.deployment == newest).count(), 4);
    assert_eq!(world.service.primary().unwrap().rollout, Rollout::Completed);
}

#[test]
fn what_keeps_a_task_from_being_launched_is_told_as_it_is() {
    let mut world = World::new(Configuration::default(), 1);
    let mut effects = decide(&mut world.service, &[], world.now);
    not_placed(&mut world.service, "TaskDefinition not found.", world.now, &mut effects);
    assert_eq!(
        effects.messages,
        ["(service web) failed to launch a task with (error TaskDefinition not found.)."]
    );
    assert_eq!(effects.announcements[0].detail["eventName"], "SERVICE_TASK_CONFIGURATION_FAILURE");
}
