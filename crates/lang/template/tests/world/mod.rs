//! The world as the tests have it: every resource exists, and answers with names made from its logical id.

use serde_json::Value;
use template::{Resolver, TemplateError};

/// `exports` come from the case; what it lists as `unknown` does not exist yet. `Ref` gives an ARN where
/// `references` says `arns`.
pub struct World<'c> {
    pub case: &'c Value,
}

fn arn(logical_id: &str) -> String {
    format!("arn:aws:made:eu-central-1:111111111111:kind/{logical_id}")
}

impl World<'_> {
    fn known(&self, logical_id: &str) -> Result<(), TemplateError> {
        let unknown = self.case.get("unknown").and_then(Value::as_array);
        if unknown.is_some_and(|unknown| unknown.iter().any(|id| id == logical_id)) {
            return Err(TemplateError::NotYetKnown(logical_id.to_owned()));
        }
        Ok(())
    }
}

impl Resolver for World<'_> {
    fn reference(&self, logical_id: &str) -> Result<Value, TemplateError> {
        self.known(logical_id)?;
        let arns = self.case.get("references").is_some_and(|kind| kind == "arns");
        Ok(if arns { arn(logical_id) } else { format!("ref-of-{logical_id}") }.into())
    }

    fn attribute(&self, logical_id: &str, attribute: &str) -> Result<Value, TemplateError> {
        self.known(logical_id)?;
        Ok(match attribute.strip_suffix("Arn") {
            Some(_) => arn(logical_id).into(),
            None => format!("{attribute}-of-{logical_id}").into(),
        })
    }

    fn export(&self, name: &str) -> Result<String, TemplateError> {
        let value = self.case.get("exports").and_then(|exports| exports.get(name)).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| TemplateError::NoExport(name.to_owned()))
    }

    fn availability_zones(&self, region: &str) -> Result<Vec<String>, TemplateError> {
        Ok(["a", "b", "c"].map(|zone| format!("{region}{zone}")).to_vec())
    }
}
