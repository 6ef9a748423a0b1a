//! A number of a Map state's definition: written there, or found by a path, or computed.

use serde_json::{Number, Value};

use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};
use crate::jsonata::{Produced, Script};
use crate::run::Fault;

/// `MaxConcurrency`, `ToleratedFailureCount`, `MaxItems`, … and their `Path`s.
#[derive(Debug)]
pub(crate) struct Amount {
    /// Without `Path`.
    pub(crate) name: &'static str,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Absent,
    Literal(Number),
    Path(QueryPath),
    Query(Script),
}

impl Amount {
    /// A whole number that is not negative.
    pub(crate) fn count(&self, scope: &Scope<'_>) -> Result<Option<u64>, Fault> {
        self.resolve(scope, "integer", |value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
    }

    /// A whole number.
    pub(crate) fn integer(&self, scope: &Scope<'_>) -> Result<Option<i64>, Fault> {
        self.resolve(scope, "integer", |value| value.as_i64().or_else(|| value.as_str()?.parse().ok()))
    }

    /// Any number.
    pub(crate) fn number(&self, scope: &Scope<'_>) -> Result<Option<f64>, Fault> {
        self.resolve(scope, "float", |value| value.as_f64().or_else(|| value.as_str()?.parse().ok()))
    }

    fn resolve<T>(
        &self,
        scope: &Scope<'_>,
        kind: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        match &self.content {
            Content::Absent => Ok(None),
            Content::Literal(number) => Ok(read(&Value::Number(number.clone()))),
            Content::Query(script) => {
                let value = script.evaluate(Produced::Nothing, scope)?;
                let read = Some(&value).filter(|value| value.is_number()).and_then(read);
                read.map(Some).ok_or_else(|| script.unexpected("number", &value))
            }
            Content::Path(path) => {
                let value = path.resolve(scope)?;
                read(&value).map(Some).ok_or_else(|| self.refused(kind, &value, path))
            }
        }
    }

    fn refused(&self, kind: &str, value: &Value, path: &QueryPath) -> Fault {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let cause = format!(
            "The {}Path field refers to value \"{shown}\" which is not a valid {kind}: {}",
            self.name,
            path.text()
        );
        Failure::new(ErrorName::Runtime, cause).into()
    }
}
