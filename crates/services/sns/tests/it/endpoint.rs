//! An HTTP endpoint on loopback, which writes down what it is sent and answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::world::in_time;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    /// By names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[derive(Clone)]
pub struct Endpoint {
    pub url: String,
    requests: Arc<watch::Sender<Vec<Request>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Endpoint {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Self {
            url: format!("http://{}/in", listener.local_addr().unwrap()),
            requests: Arc::new(watch::Sender::new(Vec::new())),
            statuses: Arc::default(),
        };
        let serving = endpoint.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let endpoint = serving.clone();
                tokio::spawn(async move { endpoint.serve(stream).await });
            }
        });
        endpoint
    }

    /// The statuses of the next answers; after them, 200.
    pub fn answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.statuses.lock().unwrap().extend(statuses);
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }

    /// Waits until so many requests came, and gives the last of them.
    pub async fn wait(&self, count: usize) -> Request {
        let mut watched = self.requests.subscribe();
        let all = in_time(watched.wait_for(|all| all.len() >= count)).await.unwrap().clone();
        all[count - 1].clone()
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            let mut headers = BTreeMap::new();
            loop {
                let mut header = String::new();
                stream.read_line(&mut header).await.ok()?;
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                headers.insert(name.to_ascii_lowercase(), value.to_owned());
            }
            let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
            stream.read_exact(&mut body).await.ok()?;
            let request = Request { line, headers, body: String::from_utf8(body).ok()? };
            let status = self.statuses.lock().unwrap().pop_front().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.ok()?;
            self.requests.send_modify(|all| all.push(request));
        }
    }
}
