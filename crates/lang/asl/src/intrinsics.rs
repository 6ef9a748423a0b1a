//! Intrinsic functions: `States.Format('Hello, {}', $.name)`.
//!
//! A call is compiled when the definition is parsed: an unknown function, a wrong number of arguments or a bad escape is a
//! diagnostic there. What depends on values fails at run time.

mod array;
mod generic;
mod hash;
mod json;
mod math;
mod parse;
mod string;

pub(crate) use hash::digest;

use std::borrow::Cow;

use serde_json::Value;

use crate::error_name::{ErrorName, Failure};
use crate::expression::{QueryPath, Scope};

/// A call with its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    /// The call as it is written.
    text: String,
    function: Function,
    arguments: Vec<Argument>,
}

/// One argument of a call.
#[derive(Debug)]
enum Argument {
    Literal(Value),
    /// Text in quotes as it is written: `States.Format` reads `{}` and `\{` in it.
    Text(Quoted),
    Path(QueryPath),
    Call(Call),
}

/// A text in single quotes.
#[derive(Debug)]
struct Quoted {
    /// With every escape resolved.
    value: Value,
    /// Between its placeholders `{}`, with every escape resolved.
    pieces: Vec<String>,
}

macro_rules! functions {
    ($($name:ident $arguments:pat, $run:path;)*) => {
        /// The functions there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::upper_case_acronyms, reason = "the function's own name")]
        enum Function { $($name,)* }

        impl Function {
            fn named(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }

            /// Whether it takes so many arguments.
            fn takes(self, count: usize) -> bool {
                match self { $(Self::$name => matches!(count, $arguments),)* }
            }

            fn run(self, arguments: &[Cow<'_, Value>], scope: &Scope<'_>) -> Result<Value, String> {
                match self { $(Self::$name => $run(arguments, scope),)* }
            }
        }
    };
}

functions! {
    Array _, array::array;
    ArrayContains 2, array::contains;
    ArrayGetItem 2, array::get_item;
    ArrayLength 1, array::length;
    ArrayPartition 2, array::partition;
    ArrayRange 3, array::range;
    ArrayUnique 1, array::unique;
    Base64Decode 1, string::base64_decode;
    Base64Encode 1, string::base64_encode;
    Format 1.., generic::format;
    Hash 2, hash::hash;
    JsonMerge 3, json::merge;
    JsonToString 1, json::to_string;
    MathAdd 2, math::add;
    MathRandom 2 | 3, math::random;
    StringSplit 2, string::split;
    StringToJson 1, json::from_string;
    UUID 0, generic::uuid;
}

impl Call {
    /// Reads a call, or gives `None` where the text is not one that can be served.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        parse::call(text)
    }

    /// Runs the function on the values of its arguments.
    pub(crate) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        if let (Function::Format, Some(Argument::Text(template))) = (self.function, self.arguments.first()) {
            let values = self.values(&self.arguments[1..], scope)?;
            return generic::fill(&template.pieces, &values).map_err(|reason| self.failure(&reason));
        }
        let values = self.values(&self.arguments, scope)?;
        self.function.run(&values, scope).map_err(|reason| self.failure(&reason))
    }

    fn values<'a>(
        &'a self,
        arguments: &'a [Argument],
        scope: &Scope<'a>,
    ) -> Result<Vec<Cow<'a, Value>>, Failure> {
        arguments.iter().map(|argument| self.value(argument, scope)).collect()
    }

    fn value<'a>(&'a self, argument: &'a Argument, scope: &Scope<'a>) -> Result<Cow<'a, Value>, Failure> {
        match argument {
            Argument::Literal(value) => Ok(Cow::Borrowed(value)),
            Argument::Text(text) => Ok(Cow::Borrowed(&text.value)),
            Argument::Path(path) => path.find(scope).map_err(|_| self.missing(path, scope)),
            Argument::Call(call) => call.evaluate(scope).map(Cow::Owned),
        }
    }

    fn failure(&self, reason: &str) -> Failure {
        let cause = format!("The function '{}' had the following error: {reason}", self.text);
        Failure::new(ErrorName::IntrinsicFailure, cause)
    }

    /// A path that leads nowhere is no fault of the function.
    fn missing(&self, path: &QueryPath, scope: &Scope<'_>) -> Failure {
        let cause = format!(
            "The function '{}' had the following error: The JsonPath argument for the field '{}' could not be found in \
             the input '{}'",
            self.text,
            path.text(),
            path.searched(scope)
        );
        Failure::new(ErrorName::Runtime, cause)
    }
}
