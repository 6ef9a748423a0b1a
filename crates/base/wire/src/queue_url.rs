//! URLs of queues on the host that a client came to: to clients a queue's URL is also an address.
//!
//! Services answer AWS's: they do not know how they are reached.

use api::model::ServiceModel;
use hyper::HeaderMap;
use hyper::header::HOST;
use serde_json::Value;

/// Members of SQS's answers that are URLs of queues, or lists of them.
const MEMBERS: [&str; 3] = ["QueueUrl", "QueueUrls", "queueUrls"];

/// Puts the host that the request came to in the place of AWS's.
pub fn localise(model: &ServiceModel, headers: &HeaderMap, output: &mut Value) {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let (Some(host), "sqs") = (host, model.signing_name) else { return };
    for name in MEMBERS {
        match output.get_mut(name) {
            Some(Value::Array(urls)) => urls.iter_mut().for_each(|url| on(host, url)),
            Some(url) => on(host, url),
            None => {}
        }
    }
}

fn on(host: &str, url: &mut Value) {
    let path = url.as_str().and_then(|url| url.split_once("://")?.1.split_once('/')).map(|(_, path)| path);
    if let Some(path) = path {
        *url = format!("http://{host}/{path}").into();
    }
}
