//! Every limit of the service, with AWS's quota as its value.

use std::time::Duration;

/// Containers in a task definition.
pub const CONTAINERS_PER_TASK_DEFINITION: usize = 10;
/// Bytes of a task definition as JSON.
pub const TASK_DEFINITION_BYTES: usize = 64 * 1024;
/// Characters of a name: cluster, family, container, volume.
pub const NAME_CHARACTERS: usize = 255;
/// Tasks that one RunTask may start.
pub const TASKS_PER_RUN: i64 = 10;
/// Characters of a request's overrides as JSON.
pub const OVERRIDES_CHARACTERS: usize = 8192;
/// Characters of `startedBy`.
pub const STARTED_BY_CHARACTERS: usize = 128;
/// Characters of `clientToken`.
pub const CLIENT_TOKEN_CHARACTERS: usize = 64;
/// Characters of the reason given to StopTask.
pub const STOP_REASON_CHARACTERS: usize = 1024;
/// Subnets of a network configuration.
pub const SUBNETS: usize = 16;
/// Security groups of a network configuration.
pub const SECURITY_GROUPS: usize = 5;
/// Tags of a resource.
pub const TAGS_PER_RESOURCE: usize = 50;
/// Clusters or tasks that one Describe call may ask for.
pub const DESCRIBED_AT_ONCE: usize = 100;
/// Results on a page.
pub const PAGE: usize = 100;
/// GiB of ephemeral storage that a task definition may ask for.
pub const EPHEMERAL_STORAGE_GIB: std::ops::RangeInclusive<i64> = 21..=200;
/// GiB of ephemeral storage of a Fargate task that does not ask.
pub const EPHEMERAL_STORAGE_GIB_DEFAULT: i64 = 20;

/// From the request to stop a container until it is killed, where its definition says nothing.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest `stopTimeout` of a container on Fargate, in seconds.
pub const STOP_TIMEOUT_SECONDS_FARGATE: i64 = 120;
/// `startTimeout` of a container on Fargate, in seconds.
pub const START_TIMEOUT_SECONDS_FARGATE: std::ops::RangeInclusive<i64> = 2..=120;
/// `interval` of a health check, in seconds, and what it is where nobody says.
pub const HEALTH_INTERVAL_SECONDS: (std::ops::RangeInclusive<i64>, i64) = (5..=300, 30);
/// `timeout` of a health check, in seconds, and what it is where nobody says.
pub const HEALTH_TIMEOUT_SECONDS: (std::ops::RangeInclusive<i64>, i64) = (2..=60, 5);
/// `retries` of a health check, and what they are where nobody says.
pub const HEALTH_RETRIES: (std::ops::RangeInclusive<i64>, i64) = (1..=10, 3);
/// `startPeriod` of a health check, in seconds.
pub const HEALTH_START_PERIOD_SECONDS: std::ops::RangeInclusive<i64> = 0..=300;
/// `restartAttemptPeriod`, in seconds, and what it is where nobody says.
pub const RESTART_ATTEMPT_PERIOD_SECONDS: (std::ops::RangeInclusive<i64>, i64) = (60..=1800, 300);
/// Exit codes that a restart policy can ignore.
pub const IGNORED_EXIT_CODES: usize = 50;
/// How long a stopped task can be described.
pub const STOPPED_TASK_RETENTION: Duration = Duration::from_secs(3600);
/// How long a client token is remembered after the tasks that it started have stopped.
pub const CLIENT_TOKEN_RETENTION: Duration = Duration::from_secs(24 * 3600);

/// How long the credentials of a task's role last.
///
/// Source: Amazon ECS Developer Guide, "Task IAM role": six hours.
pub const ROLE_SESSION: Duration = Duration::from_secs(6 * 3600);
/// How long before they expire new ones are handed out: earlier than any SDK asks for them. Ours.
pub const ROLE_SESSION_RENEWED_BEFORE: Duration = Duration::from_secs(3600);

/// Tasks of a service.
pub const TASKS_PER_SERVICE: usize = 5000;
/// Services that one DescribeServices may ask for.
pub const SERVICES_DESCRIBED_AT_ONCE: usize = 10;
/// Services on a page of ListServices, where the request does not say.
pub const SERVICE_PAGE: usize = 10;
/// Characters of CreateService's `clientToken`.
pub const SERVICE_TOKEN_CHARACTERS: usize = 36;
/// Events of a service that are kept.
pub const SERVICE_EVENTS: usize = 100;
/// How long a service can be described after its last task has stopped.
pub const INACTIVE_SERVICE_RETENTION: Duration = Duration::from_secs(3600);
/// From saying that a service is steady, or what is wrong with it, to saying it again.
pub const SERVICE_EVENT_REPEAT: Duration = Duration::from_secs(6 * 3600);
/// How long a task without health checks runs until its service relies on it. AWS waits for 40 seconds.
pub const TASK_SETTLING: Duration = Duration::from_secs(5);
/// The first pause after a task of a service has failed, doubled each time.
pub const SERVICE_BACK_OFF: Duration = Duration::from_secs(1);
/// The longest such pause.
pub const SERVICE_BACK_OFF_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest such pause where there was no room for the task.
pub const SERVICE_PLACEMENT_RETRY_MAX: Duration = Duration::from_secs(30);
/// The pause at which a service says that its tasks fail again and again.
pub const SERVICE_ROUNDS_BEFORE_IMPAIRED: u32 = 3;
/// Tasks of a service that are started in one batch.
pub const SERVICE_STARTS_AT_ONCE: usize = 10;

/// Containers that are being started at the same time.
pub const CONCURRENT_LAUNCHES: usize = 16;
/// From one attempt to reach something that fails to the next: the first wait, doubled each time.
pub const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The longest such wait.
pub const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);
/// Attempts to provide a task's network, and to remove it, before that is given up.
pub const NETWORK_ATTEMPTS: u32 = 6;
/// Attempts to hand a batch of log lines to CloudWatch Logs before they are dropped.
pub const LOG_ATTEMPTS: u32 = 10;
/// Attempts to hand state change events to EventBridge before they are dropped.
pub const EVENT_ATTEMPTS: u32 = 60;
/// Entries of one PutEvents request.
pub const EVENTS_PER_REQUEST: usize = 10;

/// Containers whose output is read and delivered at the same time.
pub const CONCURRENT_DELIVERIES: usize = 8;
/// Bytes of a container's output that wait for delivery before the container has to wait too. On disk.
pub const LOG_BUFFER_BYTES: u64 = 64 * 1024 * 1024;
/// The `max-buffer-size` of `non-blocking` output where the task definition says nothing: AWS's since June 2025.
pub const LOG_MAX_BUFFER_SIZE: u64 = 10 * 1024 * 1024;

/// Bytes of one log event's message; a longer line is split.
pub const LOG_EVENT_BYTES: usize = 256 * 1024 - LOG_EVENT_OVERHEAD_BYTES;
/// Bytes that each log event counts beside its message.
pub const LOG_EVENT_OVERHEAD_BYTES: usize = 26;
/// How long lines wait for others that belong to their event: Docker's `awslogs-force-flush-interval-seconds`.
pub const LOG_FLUSH_INTERVAL: Duration = Duration::from_secs(5);
/// Bytes that a compiled `awslogs-multiline-pattern` may take, and those of what it remembers of its matches. Ours.
pub const MULTILINE_PATTERN_BYTES: usize = 256 * 1024;
/// Bytes of one PutLogEvents request.
pub const LOG_REQUEST_BYTES: usize = 1_048_576;
/// Events of one PutLogEvents request.
pub const LOG_REQUEST_EVENTS: usize = 10_000;
/// The longest time between the first and the last event of one PutLogEvents request.
pub const LOG_REQUEST_SPAN: Duration = Duration::from_secs(24 * 3600);
/// Attempts to read a secret or a file of variables before a task is given up.
pub const EXECUTION_ROLE_ATTEMPTS: u32 = 5;
/// Files of variables of one container.
pub const ENVIRONMENT_FILES: usize = 10;
/// Bytes of a file of variables. AWS names no such limit; an environment cannot hold more than some.
pub const ENVIRONMENT_FILE_BYTES: u64 = 1024 * 1024;
