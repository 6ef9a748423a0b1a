//! The properties of a task definition's containers and volumes.

use crate::resources::schema::{Kind, Property};

const TEXTS: Kind = Kind::List(&Kind::Text);

pub(super) const CONTAINER: &[Property] = &[
    Property::new("Command", TEXTS),
    Property::new("Cpu", Kind::Integer),
    Property::new("CredentialSpecs", TEXTS),
    Property::new(
        "DependsOn",
        Kind::List(&Kind::Object(&[
            Property::new("Condition", Kind::Text),
            Property::new("ContainerName", Kind::Text),
        ])),
    ),
    Property::new("DisableNetworking", Kind::Boolean),
    Property::new("DnsSearchDomains", TEXTS),
    Property::new("DnsServers", TEXTS),
    Property::new("DockerLabels", Kind::Texts),
    Property::new("DockerSecurityOptions", TEXTS),
    Property::new("EntryPoint", TEXTS),
    Property::new("Environment", Kind::List(&NAME_AND_VALUE)),
    Property::new(
        "EnvironmentFiles",
        Kind::List(&Kind::Object(&[Property::new("Type", Kind::Text), Property::new("Value", Kind::Text)])),
    ),
    Property::new("Essential", Kind::Boolean),
    Property::new(
        "ExtraHosts",
        Kind::List(&Kind::Object(&[
            Property::new("Hostname", Kind::Text),
            Property::new("IpAddress", Kind::Text),
        ])),
    ),
    Property::new(
        "FirelensConfiguration",
        Kind::Object(&[Property::new("Options", Kind::Texts), Property::new("Type", Kind::Text)]),
    ),
    Property::new(
        "HealthCheck",
        Kind::Object(&[
            Property::new("Command", TEXTS),
            Property::new("Interval", Kind::Integer),
            Property::new("Retries", Kind::Integer),
            Property::new("StartPeriod", Kind::Integer),
            Property::new("Timeout", Kind::Integer),
        ]),
    ),
    Property::new("Hostname", Kind::Text),
    Property::new("Image", Kind::Text).required(),
    Property::new("Interactive", Kind::Boolean),
    Property::new("Links", TEXTS),
    Property::new("LinuxParameters", Kind::Object(LINUX)),
    Property::new(
        "LogConfiguration",
        Kind::Object(&[
            Property::new("LogDriver", Kind::Text).required(),
            Property::new("Options", Kind::Texts),
            Property::new("SecretOptions", Kind::List(&SECRET)),
        ]),
    ),
    Property::new("Memory", Kind::Integer),
    Property::new("MemoryReservation", Kind::Integer),
    Property::new(
        "MountPoints",
        Kind::List(&Kind::Object(&[
            Property::new("ContainerPath", Kind::Text),
            Property::new("ReadOnly", Kind::Boolean),
            Property::new("SourceVolume", Kind::Text),
        ])),
    ),
    Property::new("Name", Kind::Text).required(),
    Property::new(
        "PortMappings",
        Kind::List(&Kind::Object(&[
            Property::new("AppProtocol", Kind::Text),
            Property::new("ContainerPort", Kind::Integer),
            Property::new("ContainerPortRange", Kind::Text),
            Property::new("HostPort", Kind::Integer),
            Property::new("Name", Kind::Text),
            Property::new("Protocol", Kind::Text),
        ])),
    ),
    Property::new("Privileged", Kind::Boolean),
    Property::new("PseudoTerminal", Kind::Boolean),
    Property::new("ReadonlyRootFilesystem", Kind::Boolean),
    Property::new(
        "RepositoryCredentials",
        Kind::Object(&[Property::new("CredentialsParameter", Kind::Text)]),
    ),
    Property::new(
        "ResourceRequirements",
        Kind::List(&Kind::Object(&[
            Property::new("Type", Kind::Text).required(),
            Property::new("Value", Kind::Text),
        ])),
    ),
    Property::new(
        "RestartPolicy",
        Kind::Object(&[
            Property::new("Enabled", Kind::Boolean),
            Property::new("IgnoredExitCodes", Kind::List(&Kind::Integer)),
            Property::new("RestartAttemptPeriod", Kind::Integer),
        ]),
    ),
    Property::new("Secrets", Kind::List(&SECRET)),
    Property::new("StartTimeout", Kind::Integer),
    Property::new("StopTimeout", Kind::Integer),
    Property::new(
        "SystemControls",
        Kind::List(&Kind::Object(&[
            Property::new("Namespace", Kind::Text),
            Property::new("Value", Kind::Text),
        ])),
    ),
    Property::new(
        "Ulimits",
        Kind::List(&Kind::Object(&[
            Property::new("HardLimit", Kind::Integer).required(),
            Property::new("Name", Kind::Text).required(),
            Property::new("SoftLimit", Kind::Integer).required(),
        ])),
    ),
    Property::new("User", Kind::Text),
    Property::new("VersionConsistency", Kind::Text),
    Property::new(
        "VolumesFrom",
        Kind::List(&Kind::Object(&[
            Property::new("ReadOnly", Kind::Boolean),
            Property::new("SourceContainer", Kind::Text),
        ])),
    ),
    Property::new("WorkingDirectory", Kind::Text),
];

const NAME_AND_VALUE: Kind =
    Kind::Object(&[Property::new("Name", Kind::Text), Property::new("Value", Kind::Text)]);

const SECRET: Kind = Kind::Object(&[
    Property::new("Name", Kind::Text).required(),
    Property::new("ValueFrom", Kind::Text).required(),
]);

const LINUX: &[Property] = &[
    Property::new("Capabilities", Kind::Object(&[Property::new("Add", TEXTS), Property::new("Drop", TEXTS)])),
    Property::new(
        "Devices",
        Kind::List(&Kind::Object(&[
            Property::new("ContainerPath", Kind::Text),
            Property::new("HostPath", Kind::Text),
            Property::new("Permissions", TEXTS),
        ])),
    ),
    Property::new("InitProcessEnabled", Kind::Boolean),
    Property::new("MaxSwap", Kind::Integer),
    Property::new("SharedMemorySize", Kind::Integer),
    Property::new("Swappiness", Kind::Integer),
    Property::new(
        "Tmpfs",
        Kind::List(&Kind::Object(&[
            Property::new("ContainerPath", Kind::Text),
            Property::new("MountOptions", TEXTS),
            Property::new("Size", Kind::Integer).required(),
        ])),
    ),
];

pub(super) const VOLUME: &[Property] = &[
    Property::new("ConfiguredAtLaunch", Kind::Boolean),
    Property::new(
        "DockerVolumeConfiguration",
        Kind::Object(&[
            Property::new("Autoprovision", Kind::Boolean),
            Property::new("Driver", Kind::Text),
            Property::new("DriverOpts", Kind::Texts),
            Property::new("Labels", Kind::Texts),
            Property::new("Scope", Kind::Text),
        ]),
    ),
    Property::refused("EFSVolumeConfiguration"),
    Property::refused("FSxWindowsFileServerVolumeConfiguration"),
    Property::new("Host", Kind::Object(&[Property::new("SourcePath", Kind::Text)])),
    Property::new("Name", Kind::Text),
    Property::refused("S3FilesVolumeConfiguration"),
];
