//! The paths of what containers ask for.

/// What a path asks for. Ids are as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// `/v2/credentials/ID`.
    Credentials {
        /// Which; nothing is an id too, of no task.
        id: &'a str,
    },
    /// `/v4/ID`: the metadata of the container that asks.
    Container {
        /// The version of the answer.
        version: Version,
        /// Of which container.
        id: &'a str,
    },
    /// `/v4/ID/task`, `/v4/ID/taskWithTags`: the metadata of its task.
    Task {
        /// The version of the answer.
        version: Version,
        /// Of which container.
        id: &'a str,
        /// Whether the task's tags are asked for too.
        with_tags: bool,
    },
    /// `/v4/ID/stats`, `/v4/ID/task/stats`: what the container, or each of its task's, uses.
    Stats {
        /// The version of the answer.
        version: Version,
        /// Of which container.
        id: &'a str,
        /// Whether all containers of the task are asked for.
        whole_task: bool,
    },
}

/// The versions of the task metadata endpoint that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 3, with less about networks and logs.
    V3,
    /// Version 4.
    V4,
}

impl Version {
    /// As it is written in texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "V3",
            Self::V4 => "V4",
        }
    }
}

/// What `path` asks for; `None` for paths of something else.
pub fn parse(path: &str) -> Option<Asked<'_>> {
    let mut parts = path.strip_prefix('/')?.splitn(3, '/');
    let (version, id, rest) = (parts.next()?, parts.next()?, parts.next());
    let version = match version {
        "v2" if id == "credentials" => return Some(Asked::Credentials { id: rest.unwrap_or_default() }),
        "v3" => Version::V3,
        "v4" => Version::V4,
        _ => return None,
    };
    match rest {
        None => Some(Asked::Container { version, id }),
        Some("task") => Some(Asked::Task { version, id, with_tags: false }),
        Some("taskWithTags") => Some(Asked::Task { version, id, with_tags: true }),
        Some("stats") => Some(Asked::Stats { version, id, whole_task: false }),
        Some("task/stats") => Some(Asked::Stats { version, id, whole_task: true }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_is_asked_for() {
        let v4 = Version::V4;
        assert_eq!(parse("/v2/credentials/a-b"), Some(Asked::Credentials { id: "a-b" }));
        assert_eq!(parse("/v2/credentials"), Some(Asked::Credentials { id: "" }));
        assert_eq!(parse("/v4/c"), Some(Asked::Container { version: v4, id: "c" }));
        assert_eq!(parse("/v4/"), Some(Asked::Container { version: v4, id: "" }));
        assert_eq!(
            parse("/v3/c/task"),
            Some(Asked::Task { version: Version::V3, id: "c", with_tags: false })
        );
        assert_eq!(parse("/v4/c/taskWithTags"), Some(Asked::Task { version: v4, id: "c", with_tags: true }));
        assert_eq!(parse("/v4/c/task/stats"), Some(Asked::Stats { version: v4, id: "c", whole_task: true }));
        for other in
            ["", "/", "/v4", "/v2/c", "/v4/c/", "/v4/c/task/stats/", "/v1/credentials/a", "v4/c", "//v4/c"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
