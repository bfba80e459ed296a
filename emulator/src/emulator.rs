//! The emulator as a value: it runs on a thread of its own, and stops when it is dropped.

use crate::call::Core;
use crate::clock::{Clock, SystemClock};
use crate::control;
use crate::server::serve;
use crate::world::World;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Where lines for people go.
pub type LogSink = Box<dyn Fn(&str) + Send + Sync>;

/// How to start an emulator. The default is what a test wants: a free port of 127.0.0.1, no backups, no lines.
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the real time comes from: for the control clock's base, the throttle, and STS's expiry.
    pub clock: Arc<dyn Clock>,
    /// What `PUT /_control/backups` takes.
    pub seed: Option<Value>,
    /// Gets a line for every AWS call and every write through the control API. It must not call the emulator.
    pub log: Option<LogSink>,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clock: Arc::new(SystemClock), seed: None, log: None }
    }
}

/// Why an emulator can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be had.
    #[error("can't listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The seed isn't what `PUT /_control/backups` takes.
    #[error("the seed can't be used: {0}")]
    Seed(String),
    /// No thread or no event loop.
    #[error("can't start: {0}")]
    Thread(std::io::Error),
}

/// A call of the control API that was refused; it has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({status})")]
pub struct Refused {
    /// The HTTP status: 400 for a body it can't use, 404 for an unknown backup or path.
    pub status: u16,
    /// Why.
    pub message: String,
}

/// A running emulator. Its methods are the control API without HTTP.
pub struct Emulator {
    addr: SocketAddr,
    core: Arc<Core>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulator {
    /// Starts an emulator; it accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// When the address can't be had, or the seed can't be used.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let Options { listen, clock, seed, log } = options;
        let mut world = World::new(clock);
        if let Some(seed) = seed {
            control::seed(&mut world, &seed).map_err(StartError::Seed)?;
        }
        let core = Arc::new(Core::new(world, log));
        let (listener, addr) = bind(listen).map_err(|error| StartError::Listen(listen, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Arc::clone(&core);
        let run = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::select! {
                    () = serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("cloudhsm-emulator".to_owned()).spawn(run);
        Ok(Self { addr, core, stop: Some(stop), thread: Some(thread.map_err(StartError::Thread)?) })
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint URL, for `AWS_ENDPOINT_URL_CLOUDHSM_V2` and `AWS_ENDPOINT_URL_STS`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Any call of the control API: `control("PUT", "/_control/behaviour", Some(json!({"page_size": 2})))`. The path
    /// may carry parameters.
    ///
    /// # Errors
    ///
    /// When HTTP would answer with an error.
    pub fn control(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Refused> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        control::call(&self.core, method, path, query, body.as_bytes())
            .map_err(|(status, message)| Refused { status, message })
    }

    /// Creates or replaces backups: a list, as in `PUT /_control/backups`.
    ///
    /// # Errors
    ///
    /// When one of them can't be used; none is taken then.
    pub fn put_backups(&self, backups: Value) -> Result<Value, Refused> {
        self.control("PUT", "/_control/backups", Some(backups))
    }

    /// All backups as they truly are now, by account, region and id.
    #[must_use]
    pub fn backups(&self) -> Vec<Value> {
        self.get("backups", "").as_array().cloned().unwrap_or_default()
    }

    /// Takes a backup away, in every account and region, as if it had never been.
    ///
    /// # Errors
    ///
    /// When no account and region has it.
    pub fn delete_backup(&self, id: &str) -> Result<Value, Refused> {
        let id = percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC);
        self.control("DELETE", &format!("/_control/backups/{id}"), None)
    }

    /// Moves the control clock; answers its time in epoch seconds.
    ///
    /// # Errors
    ///
    /// When the time is out of reach.
    pub fn advance(&self, seconds: f64) -> Result<f64, Refused> {
        self.control("POST", "/_control/clock", Some(json!({"advance_seconds": seconds}))).map(|answer| now_in(&answer))
    }

    /// Sets the control clock, in epoch seconds.
    ///
    /// # Errors
    ///
    /// When the time is out of reach.
    pub fn set_clock(&self, seconds: f64) -> Result<f64, Refused> {
        self.control("POST", "/_control/clock", Some(json!({"set": seconds}))).map(|answer| now_in(&answer))
    }

    /// The time by the control clock, in epoch seconds.
    #[must_use]
    pub fn now(&self) -> f64 {
        now_in(&self.get("clock", ""))
    }

    /// Turns knobs, as in `PUT /_control/behaviour`; answers them all.
    ///
    /// # Errors
    ///
    /// When one of them is unknown or has a wrong value; none is turned then.
    pub fn behaviour(&self, knobs: Value) -> Result<Value, Refused> {
        self.control("PUT", "/_control/behaviour", Some(knobs))
    }

    /// Appends faults: a list, as in `POST /_control/faults`; answers the queue.
    ///
    /// # Errors
    ///
    /// When one of them can't be used; none is taken then.
    pub fn push_faults(&self, faults: Value) -> Result<Value, Refused> {
        self.control("POST", "/_control/faults", Some(faults))
    }

    /// The faults that are left.
    #[must_use]
    pub fn faults(&self) -> Vec<Value> {
        self.get("faults", "").as_array().cloned().unwrap_or_default()
    }

    /// The AWS calls from number `since` on.
    #[must_use]
    pub fn requests(&self, since: usize) -> Vec<Value> {
        let answer = self.get("requests", &format!("since={since}"));
        answer.get("requests").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// Forgets backups, faults, requests and clock, and turns every knob back.
    pub fn reset(&self) {
        // A call without a body, of a path that exists: never refused.
        let _ = self.control("POST", "/_control/reset", None);
    }

    fn get(&self, target: &str, query: &str) -> Value {
        // Reads that exist are never refused.
        control::call(&self.core, "GET", &format!("/_control/{target}"), query, &[]).unwrap_or_default()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("addr", &self.addr).finish_non_exhaustive()
    }
}

fn bind(listen: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

fn now_in(answer: &Value) -> f64 {
    answer.get("now").and_then(Value::as_f64).unwrap_or_default()
}
