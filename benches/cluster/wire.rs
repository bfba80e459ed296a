//! What stands between a client and the emulator and notes, to the microsecond, when a DeleteBackup has come in whole. The
//! emulator's own log tells milliseconds. It delays each request by a hop on the loopback, the bare program's as the operator's.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout_at,
};

const HEAD_END: &[u8] = b"\r\n\r\n";

/// When AWS received the DeleteBackup of each backup.
#[derive(Clone, Default)]
pub(crate) struct Arrivals(Arc<Inner>);

#[derive(Default)]
struct Inner {
    first: Mutex<HashMap<String, Instant>>,
    arrived: Notify,
}

impl Arrivals {
    fn note(&self, id: String) {
        let now = Instant::now();
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert(now);
        self.0.arrived.notify_waiters();
    }

    /// Forgets what was seen of a backup.
    pub(crate) fn forget(&self, id: &str) {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Waits until its DeleteBackup has been received; none if that takes too long.
    pub(crate) async fn of(&self, id: &str, patience: Duration) -> Option<Instant> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(at) = self.0.first.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
                return Some(*at);
            }
            timeout_at(end, arrived).await.ok()?;
        }
    }
}

/// A way to the emulator that notes what passes.
pub(crate) struct Wire {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What has passed.
    pub(crate) arrivals: Arrivals,
}

impl Wire {
    /// Opens it, on a thread of its own: what the rest of the bench does shall not make anything look late.
    pub(crate) fn open(emulator: SocketAddr) -> Self {
        let arrivals = Arrivals::default();
        let (sender, receiver) = std::sync::mpsc::channel();
        let noted = arrivals.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                sender.send(listener.local_addr().expect("an address")).expect("the bench waits for it");
                while let Ok((client, _)) = listener.accept().await {
                    let noted = noted.clone();
                    tokio::spawn(async move {
                        // A connection that breaks is its client's to notice.
                        let _ = pass(client, emulator, &noted).await;
                    });
                }
            });
        });
        Self { address: receiver.recv().expect("the thread listens"), arrivals }
    }
}

async fn pass(mut client: TcpStream, emulator: SocketAddr, arrivals: &Arrivals) -> std::io::Result<()> {
    let mut server = TcpStream::connect(emulator).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    // All of a request that has come in so far: HTTP/1.1 clients send the next one after the answer.
    let mut request = Vec::new();
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let bytes = &up[..read?];
                if bytes.is_empty() { return Ok(()) }
                request.extend_from_slice(bytes);
                if let Some(id) = deleted(&request) {
                    arrivals.note(id);
                    request.clear();
                }
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down) => {
                let bytes = &down[..read?];
                if bytes.is_empty() { return Ok(()) }
                request.clear();
                client.write_all(bytes).await?;
            }
        }
    }
}

/// The backup that a whole DeleteBackup names, be it JSON or CBOR: both hold the id as it is.
fn deleted(request: &[u8]) -> Option<String> {
    let head = find(request, HEAD_END)?;
    find(&request[..head], b"DeleteBackup")?;
    let body = &request[head + HEAD_END.len()..];
    let id = body.get(find(body, b"backup-")?..)?.get(..super::objects::ID_LENGTH)?;
    Some(String::from_utf8_lossy(id).into_owned())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
