//! Pseudo parameters: what every template may refer to without declaring it.

/// Whose stack is evaluated. Gives the values of `AWS::StackName` and its like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pseudo {
    /// `AWS::AccountId`.
    pub account_id: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::Partition`, such as `aws`.
    pub partition: String,
    /// `AWS::URLSuffix`, such as `amazonaws.com`.
    pub url_suffix: String,
    /// `AWS::StackId`, the stack's ARN.
    pub stack_id: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::NotificationARNs`.
    pub notification_arns: Vec<String>,
}

impl Pseudo {
    /// The value of a pseudo parameter, except `AWS::NoValue`, which has none.
    pub(crate) fn value(&self, name: &str) -> Option<serde_json::Value> {
        match name {
            "AWS::AccountId" => Some(self.account_id.as_str().into()),
            "AWS::Region" => Some(self.region.as_str().into()),
            "AWS::Partition" => Some(self.partition.as_str().into()),
            "AWS::URLSuffix" => Some(self.url_suffix.as_str().into()),
            "AWS::StackId" => Some(self.stack_id.as_str().into()),
            "AWS::StackName" => Some(self.stack_name.as_str().into()),
            "AWS::NotificationARNs" => Some(self.notification_arns.clone().into()),
            _ => None,
        }
    }
}

pub(crate) const NO_VALUE: &str = "AWS::NoValue";

pub(crate) fn is_pseudo_parameter(name: &str) -> bool {
    name == NO_VALUE || Pseudo::default().value(name).is_some()
}
