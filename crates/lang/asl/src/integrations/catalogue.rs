//! What resources there are beside the table of integrations: SDK integrations are as many as the server's services.

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use super::Resource;

/// Which resources a definition may name.
pub trait Catalogue {
    /// Whether Task states may call it.
    fn is_served(&self, resource: &Resource) -> bool;

    /// What it takes, where the table of integrations does not say it.
    fn form(&self, resource: &Resource) -> Option<Arc<dyn ParameterForm>>;
}

/// What the parameters of a call may be.
pub trait ParameterForm: Debug + Send + Sync {
    /// Whether there is a parameter of that name.
    fn has(&self, name: &str) -> bool;

    /// What is wrong with a call's parameters: a sentence for each, in AWS's words.
    fn problems(&self, parameters: &Value) -> Vec<String>;
}
