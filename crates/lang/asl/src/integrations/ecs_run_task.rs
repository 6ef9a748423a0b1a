//! The parameters of `ecs:runTask`: RunTask's request without its client token, which Step Functions makes itself.
//!
//! Source: Step Functions Developer Guide, "Run Amazon ECS or Fargate tasks with Step Functions"; ECS API Reference,
//! RunTask.

use super::parameters::{ParameterField as Field, ParameterKind as Kind};

const TEXTS: Kind = Kind::List(&Kind::Text);

/// The parameters.
pub(super) const PARAMETERS: &[Field] = &[
    Field::optional(
        "CapacityProviderStrategy",
        Kind::List(&Kind::Structure(&[
            Field::required("CapacityProvider", Kind::Text),
            Field::optional("Weight", Kind::Integer),
            Field::optional("Base", Kind::Integer),
        ])),
    ),
    Field::optional("Cluster", Kind::Text),
    Field::optional("Count", Kind::Integer),
    Field::optional("EnableECSManagedTags", Kind::Boolean),
    Field::optional("EnableExecuteCommand", Kind::Boolean),
    Field::optional("Group", Kind::Text),
    Field::optional("LaunchType", Kind::Text),
    Field::optional(
        "NetworkConfiguration",
        Kind::Structure(&[Field::optional(
            "AwsvpcConfiguration",
            Kind::Structure(&[
                Field::required("Subnets", TEXTS),
                Field::optional("SecurityGroups", TEXTS),
                Field::optional("AssignPublicIp", Kind::Text),
            ]),
        )]),
    ),
    Field::optional("Overrides", Kind::Structure(OVERRIDES)),
    Field::optional(
        "PlacementConstraints",
        Kind::List(&Kind::Structure(&[
            Field::optional("Type", Kind::Text),
            Field::optional("Expression", Kind::Text),
        ])),
    ),
    Field::optional(
        "PlacementStrategy",
        Kind::List(&Kind::Structure(&[
            Field::optional("Type", Kind::Text),
            Field::optional("Field", Kind::Text),
        ])),
    ),
    Field::optional("PlatformVersion", Kind::Text),
    Field::optional("PropagateTags", Kind::Text),
    Field::optional("ReferenceId", Kind::Text),
    Field::optional("StartedBy", Kind::Text),
    Field::optional("Tags", TAGS),
    Field::required("TaskDefinition", Kind::Text),
    Field::optional(
        "VolumeConfigurations",
        Kind::List(&Kind::Structure(&[
            Field::required("Name", Kind::Text),
            Field::optional("ManagedEBSVolume", Kind::Structure(MANAGED_EBS_VOLUME)),
        ])),
    ),
];

const OVERRIDES: &[Field] = &[
    Field::optional("ContainerOverrides", Kind::List(&Kind::Structure(CONTAINER_OVERRIDE))),
    Field::optional("Cpu", Kind::Text),
    Field::optional(
        "InferenceAcceleratorOverrides",
        Kind::List(&Kind::Structure(&[
            Field::optional("DeviceName", Kind::Text),
            Field::optional("DeviceType", Kind::Text),
        ])),
    ),
    Field::optional("ExecutionRoleArn", Kind::Text),
    Field::optional("Memory", Kind::Text),
    Field::optional("TaskRoleArn", Kind::Text),
    Field::optional("EphemeralStorage", Kind::Structure(&[Field::required("SizeInGiB", Kind::Integer)])),
];

const CONTAINER_OVERRIDE: &[Field] = &[
    Field::optional("Name", Kind::Text),
    Field::optional("Command", TEXTS),
    Field::optional(
        "Environment",
        Kind::List(&Kind::Structure(&[
            Field::optional("Name", Kind::Text),
            Field::optional("Value", Kind::Text),
        ])),
    ),
    Field::optional(
        "EnvironmentFiles",
        Kind::List(&Kind::Structure(&[
            Field::required("Value", Kind::Text),
            Field::required("Type", Kind::Text),
        ])),
    ),
    Field::optional("Cpu", Kind::Integer),
    Field::optional("Memory", Kind::Integer),
    Field::optional("MemoryReservation", Kind::Integer),
    Field::optional("ResourceRequirements", Kind::List(&Kind::Structure(RESOURCE_REQUIREMENT))),
];

const RESOURCE_REQUIREMENT: &[Field] = &[
    Field::optional("Value", Kind::Text),
    Field::required("Type", Kind::Text),
    Field::optional(
        "SharingStrategy",
        Kind::Structure(&[Field::optional(
            "NvidiaMps",
            Kind::Structure(&[
                Field::required("Memory", Kind::Integer),
                Field::optional("MaxComputePercent", Kind::Integer),
            ]),
        )]),
    ),
];

const MANAGED_EBS_VOLUME: &[Field] = &[
    Field::optional("Encrypted", Kind::Boolean),
    Field::optional("KmsKeyId", Kind::Text),
    Field::optional("VolumeType", Kind::Text),
    Field::optional("SizeInGiB", Kind::Integer),
    Field::optional("SnapshotId", Kind::Text),
    Field::optional("VolumeInitializationRate", Kind::Integer),
    Field::optional("Iops", Kind::Integer),
    Field::optional("Throughput", Kind::Integer),
    Field::optional(
        "TagSpecifications",
        Kind::List(&Kind::Structure(&[
            Field::required("ResourceType", Kind::Text),
            Field::optional("Tags", TAGS),
            Field::optional("PropagateTags", Kind::Text),
        ])),
    ),
    Field::required("RoleArn", Kind::Text),
    Field::optional(
        "TerminationPolicy",
        Kind::Structure(&[Field::required("DeleteOnTermination", Kind::Boolean)]),
    ),
    Field::optional("FilesystemType", Kind::Text),
];

const TAGS: Kind =
    Kind::List(&Kind::Structure(&[Field::optional("Key", Kind::Text), Field::optional("Value", Kind::Text)]));
