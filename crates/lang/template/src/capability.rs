//! Capabilities: what a caller must acknowledge before a template's resources are made.

use crate::Template;

/// What a template requires its caller to acknowledge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredCapabilities {
    /// `CAPABILITY_IAM` or `CAPABILITY_NAMED_IAM`; none where no resource asks for one.
    pub capability: Option<&'static str>,
    /// The types that ask for it, each once, in the template's order.
    pub resource_types: Vec<String>,
}

/// Types that may change who may do what, and the property that names each.
///
/// Source: CloudFormation API, CreateStack, `Capabilities`.
const TYPES: [(&str, Option<&str>); 8] = [
    ("AWS::IAM::AccessKey", None),
    ("AWS::IAM::Group", Some("GroupName")),
    ("AWS::IAM::InstanceProfile", Some("InstanceProfileName")),
    ("AWS::IAM::ManagedPolicy", Some("ManagedPolicyName")),
    ("AWS::IAM::Policy", None),
    ("AWS::IAM::Role", Some("RoleName")),
    ("AWS::IAM::User", Some("UserName")),
    ("AWS::IAM::UserToGroupAddition", None),
];

impl Template {
    /// The capability that the template's resources ask for, whatever the conditions say.
    pub fn required_capabilities(&self) -> RequiredCapabilities {
        let mut required = RequiredCapabilities { capability: None, resource_types: Vec::new() };
        for resource in self.resources.values() {
            let Some((type_name, name)) =
                TYPES.iter().find(|(type_name, _)| *type_name == resource.type_name)
            else {
                continue;
            };
            let named = name.is_some_and(|name| resource.properties.contains_key(name));
            required.capability = match required.capability {
                Some("CAPABILITY_NAMED_IAM") => Some("CAPABILITY_NAMED_IAM"),
                _ if named => Some("CAPABILITY_NAMED_IAM"),
                _ => Some("CAPABILITY_IAM"),
            };
            if !required.resource_types.iter().any(|known| known == type_name) {
                required.resource_types.push((*type_name).to_owned());
            }
        }
        required
    }
}

impl RequiredCapabilities {
    /// AWS's sentence, such as in `CapabilitiesReason`.
    pub fn reason(&self) -> Option<String> {
        self.capability?;
        Some(format!("The following resource(s) require capabilities: [{}]", self.resource_types.join(", ")))
    }

    /// Whether what a caller acknowledges is enough; `CAPABILITY_NAMED_IAM` includes `CAPABILITY_IAM`.
    pub fn are_met_by<'c>(&self, acknowledged: impl IntoIterator<Item = &'c str>) -> bool {
        let Some(required) = self.capability else { return true };
        acknowledged.into_iter().any(|given| given == required || given == "CAPABILITY_NAMED_IAM")
    }
}
