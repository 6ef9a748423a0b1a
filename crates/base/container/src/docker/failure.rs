//! What the engine's errors mean to a driver's caller.

use bollard::errors::Error;

use crate::driver::{DriverError, ImageError, LaunchError};

/// The HTTP status that the engine answered with.
pub fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// The engine's own words.
pub fn message(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        other => other.to_string(),
    }
}

/// An engine that cannot be reached or used.
pub fn broken(error: &Error) -> DriverError {
    DriverError::Unavailable(message(error))
}

/// A container that was not created, or an engine that does not answer.
pub fn launch_error(error: &Error) -> LaunchError {
    match status(error) {
        Some(status) if status < 500 => LaunchError::CannotCreate(message(error)),
        _ => LaunchError::Unavailable(message(error)),
    }
}

/// A container that was created and does not start.
pub fn cannot_start(reason: &str) -> LaunchError {
    // The engine wraps the program's error in more layers than ECS shows, and in other ones from version to version.
    let reason = match reason.find("exec: \"") {
        Some(start) => reason.get(start..).unwrap_or_default(),
        None => reason,
    };
    LaunchError::cannot_start(reason)
}

/// An image that is not available.
pub fn image_error(name: &str, error: &Error) -> ImageError {
    let (image, reason) = (name.to_owned(), message(error));
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if says(&["invalid reference format"]) {
        ImageError::InvalidReference(image)
    } else if says(&["access denied", "insufficient_scope"]) {
        // The engine says the same words before its reason.
        let reason = match reason.split_once("may require 'docker login': ") {
            Some((_, reason)) => reason.trim_start_matches("denied: ").to_owned(),
            None => reason,
        };
        ImageError::Denied { image, reason }
    } else if says(&["manifest unknown", "not found", "no such image", "No such image"]) {
        ImageError::NotFound { image }
    } else {
        // The engine has tried again by itself.
        ImageError::Registry { image, retries: 1, reason }
    }
}
