//! A server that answers one canned reply after the other, the last one for ever.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone)]
pub(super) enum Reply {
    /// An HTTP answer: status and body.
    Http(u16, String),
    /// The connection is closed without an answer.
    Close,
    /// An answer that ends early.
    Truncated,
    /// What isn't HTTP.
    Noise,
    /// No answer.
    Never,
}

impl Reply {
    pub(super) fn ok(body: impl Into<String>) -> Self {
        Self::Http(200, body.into())
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Http(status, serde_json::json!({"__type": code, "Message": message}).to_string())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: String,
}

#[derive(Default)]
struct Shared {
    replies: VecDeque<Reply>,
    requests: Vec<Request>,
}

pub(super) struct Server {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared { replies: replies.into_iter().collect(), requests: Vec::new() }));
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { addr, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.shared.lock().unwrap().requests.clone()
    }

    /// The requests' count, once a late second one had its chance.
    pub(super) async fn settled(&self) -> usize {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.requests().len()
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    while let Some(request) = read(&mut stream).await {
        let reply = {
            let mut shared = shared.lock().unwrap();
            shared.requests.push(request);
            let next =
                if shared.replies.len() > 1 { shared.replies.pop_front() } else { shared.replies.front().cloned() };
            next.unwrap_or(Reply::Close)
        };
        let bytes = match reply {
            Reply::Http(status, body) => format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\nx-amzn-requestid: req-1\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            Reply::Truncated => "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"Backups\":".to_owned(),
            Reply::Noise => "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
            Reply::Close => return,
            Reply::Never => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return;
            }
        };
        if stream.write_all(bytes.as_bytes()).await.is_err()
            || matches!(bytes.get(..3), Some("SSH"))
            || bytes.contains(": 500\r")
        {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                return Some(Request { head, body: body.to_owned() });
            }
        }
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}
