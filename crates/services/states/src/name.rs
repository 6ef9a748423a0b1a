//! Names and ARNs of state machines and executions.

use api::Context;
use types::{AccountId, Arn, Region};

use crate::Error;
use crate::limits::NAME_CHARACTERS;

/// Checks the name of a state machine or an execution.
///
/// # Errors
/// [`Error::InvalidName`]: empty, longer than 80 characters, or with a character that ARNs, URLs or shells give another
/// meaning.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let forbidden = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{fffe}' | '\u{ffff}')
            || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(c)
    };
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS || name.chars().any(forbidden) {
        return Err(Error::InvalidName(name.to_owned()));
    }
    Ok(())
}

/// ARN of a state machine, of one of its versions or of one of its aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StateMachineArn {
    /// The state machine's own ARN.
    pub(crate) machine: String,
    /// What follows it after a colon.
    pub(crate) qualifier: Option<Qualifier>,
}

/// What names a version or an alias behind the ARN of its state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Qualifier {
    Version(u64),
    Alias(String),
}

impl StateMachineArn {
    /// Reads an ARN in the region and account of `cx`.
    ///
    /// # Errors
    /// As [`check_state_machine_arn`].
    pub(crate) fn parse(cx: &Context, text: &str) -> Result<Self, Error> {
        check_state_machine_arn(cx, text)?;
        // arn, partition, states, region, account, stateMachine, name, and the qualifier.
        let Some((at, _)) = text.match_indices(':').nth(6) else {
            return Ok(Self { machine: text.to_owned(), qualifier: None });
        };
        let (machine, qualifier) = text.split_at(at);
        let qualifier = Qualifier::parse(qualifier.trim_start_matches(':'));
        Ok(Self { machine: machine.to_owned(), qualifier: Some(qualifier) })
    }
}

impl Qualifier {
    fn parse(text: &str) -> Self {
        // Numbers are written in one way only; whatever else there is names no version.
        match text.parse::<u64>() {
            Ok(number) if number.to_string() == text => Self::Version(number),
            _ => Self::Alias(text.to_owned()),
        }
    }
}

impl std::fmt::Display for StateMachineArn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.qualifier {
            None => write!(f, "{}", self.machine),
            Some(Qualifier::Version(number)) => write!(f, "{}:{number}", self.machine),
            Some(Qualifier::Alias(name)) => write!(f, "{}:{name}", self.machine),
        }
    }
}

/// The ARN of the activity `name` where `cx` works.
pub(crate) fn activity_arn(cx: &Context, name: &str) -> String {
    cx.arn("states", format!("activity:{name}")).to_string()
}

/// Checks that `text` is an activity's ARN in the region and account of `cx`.
///
/// # Errors
/// [`Error::ArnPrefix`] and [`Error::ArnResourceType`]; [`Error::ActivityDoesNotExist`] where it belongs elsewhere.
pub(crate) fn check_activity_arn(cx: &Context, text: &str) -> Result<(), Error> {
    let arn = parse(text)?;
    match arn.resource.split_once(':') {
        Some(("activity", _)) => {}
        Some((kind, _)) => return Err(Error::ArnResourceType(kind.to_owned())),
        None => return Err(Error::ArnResourceType(arn.resource)),
    }
    if arn.region != cx.region.as_str() || arn.account != cx.account.as_str() {
        return Err(Error::ActivityDoesNotExist(text.to_owned()));
    }
    Ok(())
}

/// Whether an ARN is one of an activity.
pub(crate) fn is_activity(text: &str) -> bool {
    parse(text).is_ok_and(|arn| arn.resource.starts_with("activity:"))
}

/// The ARN of the state machine `name` where `cx` works.
pub(crate) fn state_machine_arn(cx: &Context, name: &str) -> String {
    cx.arn("states", format!("stateMachine:{name}")).to_string()
}

/// How the ARNs of all executions of a state machine begin, read from one of them, or from a key that begins with one.
/// Children of its Map Runs are among them, those that are express apart.
pub(crate) fn executions_of_machine(execution: &str) -> &str {
    // arn, partition, states, region, account, execution, machine; a child's machine has the Map state's label behind it.
    let end = execution.match_indices(':').nth(6).map_or(execution.len(), |(at, _)| at);
    let machine = execution.get(..end).unwrap_or(execution);
    machine.split('/').next().unwrap_or(machine)
}

/// ARN of a standard execution: `arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExecutionArn {
    pub(crate) region: Region,
    pub(crate) account: AccountId,
    pub(crate) machine_name: String,
    pub(crate) name: String,
}

impl ExecutionArn {
    /// Reads an execution's ARN.
    ///
    /// # Errors
    /// [`Error::ArnPrefix`] and [`Error::ArnResourceType`].
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let arn = parse(text)?;
        let mut parts = arn.resource.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("execution"), Some(machine), Some(name)) => Ok(Self {
                region: Region::new(arn.region),
                account: AccountId::new(arn.account),
                machine_name: machine.to_owned(),
                name: name.to_owned(),
            }),
            (Some("execution"), ..) => Err(Error::ArnPrefix(text.to_owned())),
            (kind, ..) => Err(Error::ArnResourceType(kind.unwrap_or_default().to_owned())),
        }
    }
}

/// ARN of a Map Run: `arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapRunArn {
    region: Region,
    account: AccountId,
    /// `MACHINE/LABEL`: by that name its children know their machine.
    pub(crate) machine_name: String,
    /// `LABEL`.
    pub(crate) label: String,
    /// ARN of the machine's state: `arn:aws:states:REGION:ACCOUNT:stateMachine:MACHINE/LABEL`.
    pub(crate) state_machine_arn: String,
}

impl MapRunArn {
    /// Reads a Map Run's ARN.
    ///
    /// # Errors
    /// [`Error::ArnPrefix`] and [`Error::ArnResourceType`].
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let arn = parse(text)?;
        let mut parts = arn.resource.splitn(3, ':');
        let machine = match (parts.next(), parts.next(), parts.next()) {
            (Some("mapRun"), Some(machine), Some(run)) if !run.is_empty() => machine,
            (Some("mapRun"), ..) => return Err(Error::ArnPrefix(text.to_owned())),
            (kind, ..) => return Err(Error::ArnResourceType(kind.unwrap_or_default().to_owned())),
        };
        let (_, label) = machine.split_once('/').ok_or_else(|| Error::ArnPrefix(text.to_owned()))?;
        let (region, account) = (Region::new(&arn.region), AccountId::new(&arn.account));
        let state_machine_arn =
            Arn::new("states", &region, &account, format!("stateMachine:{machine}")).to_string();
        let (machine_name, label) = (machine.to_owned(), label.to_owned());
        Ok(Self { region, account, machine_name, label, state_machine_arn })
    }

    /// Whether it belongs to the region and account of `cx`.
    pub(crate) fn is_in(&self, cx: &Context) -> bool {
        self.region == cx.region && self.account == cx.account
    }

    /// Where it is, and whose.
    pub(crate) fn place(&self) -> (&Region, &AccountId) {
        (&self.region, &self.account)
    }
}

/// Checks that an execution can be asked about: express ones cannot.
///
/// # Errors
/// As [`ExecutionArn::parse`].
pub(crate) fn check_describable(execution: &str) -> Result<(), Error> {
    ExecutionArn::parse(execution).map(drop)
}

/// ARN of the machine of an execution of either type.
pub(crate) fn machine_of(execution: &str) -> String {
    let mut parts: Vec<&str> = execution.splitn(8, ':').take(7).collect();
    if let Some(kind) = parts.get_mut(5) {
        *kind = "stateMachine";
    }
    if let Some(machine) = parts.get_mut(6) {
        // The executions of a distributed map have its label too.
        *machine = machine.split('/').next().unwrap_or_default();
    }
    parts.join(":")
}

/// Where an execution of either type runs, and whose it is.
///
/// # Errors
/// [`Error::ArnPrefix`] and [`Error::ArnResourceType`].
pub(crate) fn place(execution: &str) -> Result<(Region, AccountId), Error> {
    let arn = parse(execution)?;
    match arn.resource.split_once(':') {
        Some(("execution" | "express", _)) => Ok((Region::new(arn.region), AccountId::new(arn.account))),
        Some((kind, _)) => Err(Error::ArnResourceType(kind.to_owned())),
        None => Err(Error::ArnResourceType(arn.resource)),
    }
}

/// Name of an execution of either type.
pub(crate) fn execution_name(execution: &str) -> &str {
    execution.split(':').nth(7).unwrap_or_default()
}

/// Checks that `text` is a standard execution's ARN in the region and account of `cx`.
///
/// # Errors
/// As [`ExecutionArn::parse`]; [`Error::ExecutionDoesNotExist`] where it belongs elsewhere.
pub(crate) fn check_execution_arn(cx: &Context, text: &str) -> Result<(), Error> {
    let arn = ExecutionArn::parse(text)?;
    if arn.region != cx.region || arn.account != cx.account {
        return Err(Error::ExecutionDoesNotExist(text.to_owned()));
    }
    Ok(())
}

/// Refuses the ARN of a Map Run's child execution, whose machine has a label: `execution:MACHINE/LABEL:NAME`.
///
/// # Errors
/// [`Error::LabelledArn`]; as [`ExecutionArn::parse`].
pub(crate) fn check_unlabelled(text: &str) -> Result<(), Error> {
    if ExecutionArn::parse(text)?.machine_name.contains('/') { Err(Error::LabelledArn) } else { Ok(()) }
}

/// Checks that `text` is a state machine's ARN in the region and account of `cx`.
///
/// # Errors
/// [`Error::ArnPrefix`] and [`Error::ArnResourceType`]; [`Error::StateMachineDoesNotExist`] where it belongs elsewhere.
pub(crate) fn check_state_machine_arn(cx: &Context, text: &str) -> Result<(), Error> {
    let arn = parse(text)?;
    match arn.resource.split_once(':') {
        Some(("stateMachine", _)) => {}
        Some((kind, _)) => return Err(Error::ArnResourceType(kind.to_owned())),
        None => return Err(Error::ArnResourceType(arn.resource)),
    }
    if arn.region != cx.region.as_str() || arn.account != cx.account.as_str() {
        return Err(Error::StateMachineDoesNotExist(text.to_owned()));
    }
    if arn.resource.contains('/') {
        return Err(Error::DistributedMapState(text.to_owned()));
    }
    Ok(())
}

/// The ARN of one run, named `name`, of the express machine with the ARN `machine`: names may repeat, `run` may not.
pub(crate) fn express_arn(machine: &str, name: &str, run: &str) -> String {
    format!("{}:{name}:{run}", machine.replacen(":stateMachine:", ":express:", 1))
}

/// The ARN of the standard execution `name` of the machine with the ARN `machine`.
pub(crate) fn execution_arn(machine: &str, name: &str) -> String {
    format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1))
}

/// Checks that `text` has the form of a role's ARN: `arn:aws:iam::123456789012:role/NAME`.
///
/// # Errors
/// [`Error::RoleArn`].
pub(crate) fn check_role_arn(text: &str) -> Result<(), Error> {
    let is_role = text.parse::<Arn>().is_ok_and(|arn| {
        let name = arn.resource.strip_prefix("role/").unwrap_or_default();
        arn.service == "iam"
            && arn.region.is_empty()
            && arn.account.len() == 12
            && arn.account.bytes().all(|digit| digit.is_ascii_digit())
            && !name.is_empty()
            && !name.ends_with('/')
    });
    if is_role { Ok(()) } else { Err(Error::RoleArn(text.to_owned())) }
}

fn parse(text: &str) -> Result<Arn, Error> {
    match text.parse::<Arn>() {
        Ok(arn) if arn.service == "states" => Ok(arn),
        _ => Err(Error::ArnPrefix(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_characters_with_a_meaning() {
        assert!(check_name("state.machine_f215a3ee-ü").is_ok());
        for name in ["", "a b", "a:b", "a/b", "a\u{7f}", "a\u{0}", "a*", &"x".repeat(81)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn roles_are_iam_roles() {
        assert!(check_role_arn("arn:aws:iam::000000000000:role/path/name").is_ok());
        for arn in ["", "role", "arn:aws:iam::000000000000:user/name", "arn:aws:iam::1:role/name"] {
            assert!(check_role_arn(arn).is_err(), "{arn}");
        }
    }

    #[test]
    fn execution_arns_name_machine_and_execution() {
        let text = execution_arn("arn:aws:states:us-east-1:000000000000:stateMachine:m", "e");
        assert_eq!(text, "arn:aws:states:us-east-1:000000000000:execution:m:e");
        let arn = ExecutionArn::parse(&text).unwrap();
        assert_eq!((arn.machine_name.as_str(), arn.name.as_str()), ("m", "e"));
        for resource in ["execution:m:e", "express:m:e:u", "execution:m/label:e"] {
            let machine = machine_of(&format!("arn:aws:states:us-east-1:000000000000:{resource}"));
            assert_eq!(machine, "arn:aws:states:us-east-1:000000000000:stateMachine:m");
        }
    }

    #[test]
    fn map_run_arns_name_the_machine_that_their_children_run() {
        let text = "arn:aws:states:us-east-1:000000000000:mapRun:m/Label:u";
        let arn = MapRunArn::parse(text).unwrap();
        assert_eq!((arn.machine_name.as_str(), arn.label.as_str()), ("m/Label", "Label"));
        assert_eq!(arn.state_machine_arn, "arn:aws:states:us-east-1:000000000000:stateMachine:m/Label");
        for text in
            ["x", "arn:aws:states:us-east-1:000000000000:mapRun:m", "arn:aws:states:us-east-1:0:mapRun:m:u"]
        {
            assert!(MapRunArn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn express_arns_are_where_their_machine_is_and_cannot_be_asked_about() {
        let express = express_arn("arn:aws:states:us-east-1:000000000000:stateMachine:m", "e", "u");
        assert_eq!(express, "arn:aws:states:us-east-1:000000000000:express:m:e:u");
        let (region, account) = place(&express).unwrap();
        assert_eq!((region.as_str(), account.as_str()), ("us-east-1", "000000000000"));
        assert_eq!(
            ExecutionArn::parse(&express).unwrap_err().to_string(),
            "Invalid Arn: 'Resource type not valid in this context: express'"
        );
    }
}
