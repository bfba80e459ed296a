//! A client that hides nothing: what went over the wire is what a test sees.

use cloudhsm_emulator::{Emulator, Options};
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a test waits for what it expects.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const A: &str = "backup-aaaaaaaaaaa";
pub(crate) const B: &str = "backup-bbbbbbbbbbb";
pub(crate) const C: &str = "backup-ccccccccccc";
pub(crate) const NOBODY: &str = "backup-zzzzzzzzzzz";
pub(crate) const INVALID: &str = "CloudHsmInvalidRequestException";
pub(crate) const NOT_FOUND: &str = "CloudHsmResourceNotFoundException";
pub(crate) const SERIALIZATION: &str = "SerializationException";

pub(crate) fn start() -> Emulator {
    Emulator::start(Options::default()).unwrap()
}

/// An emulator with these backups.
pub(crate) fn with(backups: Value) -> Emulator {
    let emulator = start();
    emulator.put_backups(backups).unwrap();
    emulator
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Expects an error of this code with status 400.
    #[track_caller]
    pub(crate) fn fails(&self, code: &str) -> String {
        assert_eq!(self.status, 400, "{}", self.text());
        let body = self.json();
        assert_eq!(body["__type"], code, "{body}");
        body["Message"].as_str().unwrap().to_owned()
    }
}

/// One connection, kept alive.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: emulator\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.0.write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    /// Says that no more will be asked; the answer can still come.
    pub(crate) fn finish(&mut self) {
        self.0.shutdown(std::net::Shutdown::Write).unwrap();
    }

    pub(crate) fn has_more_to_read(&self) -> bool {
        self.0.peek(&mut [0]).is_ok_and(|count| count > 0)
    }

    /// The answer; none when the connection was closed without a single byte of one.
    pub(crate) fn receive(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            match self.read() {
                Some(more) => bytes.extend(more),
                None if bytes.is_empty() => return None,
                None => panic!("closed within {:?}", String::from_utf8_lossy(&bytes)),
            }
        };
        let mut body = bytes.split_off(head + 4);
        let text = String::from_utf8(bytes).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: vec![] };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while body.len() < length {
            body.extend(self.read().expect("closed within a body"));
        }
        assert_eq!(body.len(), length, "more than one answer");
        answer.body = body;
        Some(answer)
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 16 * 1024];
        match self.0.read(&mut buffer) {
            Ok(0) => None,
            Ok(count) => Some(buffer[..count].to_vec()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }
}

/// Calls AWS in a scope.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) emulator: &'a Emulator,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
}

pub(crate) fn client(emulator: &Emulator) -> Client<'_> {
    Client { emulator, account: "111122223333", region: "us-east-1" }
}

impl<'a> Client<'a> {
    pub(crate) fn region(self, region: &'a str) -> Self {
        Self { region, ..self }
    }

    pub(crate) fn account(self, account: &'a str) -> Self {
        Self { account, ..self }
    }

    pub(crate) fn authorization(self) -> String {
        let (account, region) = (self.account, self.region);
        format!("AWS4-HMAC-SHA256 Credential=AKIA{account}ABCD/20260101/{region}/cloudhsm/aws4_request, Signature=0")
    }

    pub(crate) fn connect(self) -> Connection {
        Connection::open(self.emulator.addr())
    }

    /// Sends a call in JSON.
    pub(crate) fn send_json(self, connection: &mut Connection, op: &str, body: &[u8]) {
        let (authorization, target) = (self.authorization(), format!("BaldrApiService.{op}"));
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("user-agent", "tests"),
        ];
        connection.send("POST", "/", &headers, body);
    }

    pub(crate) fn raw(self, op: &str, body: &[u8]) -> Option<Answer> {
        let mut connection = self.connect();
        self.send_json(&mut connection, op, body);
        connection.receive()
    }

    /// A call in JSON.
    #[track_caller]
    pub(crate) fn call(self, op: &str, input: Value) -> Answer {
        self.raw(op, input.to_string().as_bytes()).expect("an answer")
    }

    /// A call in CBOR.
    pub(crate) fn cbor(self, op: &str, body: &[u8]) -> Option<Answer> {
        let authorization = self.authorization();
        let headers = [
            ("authorization", authorization.as_str()),
            ("smithy-protocol", "rpc-v2-cbor"),
            ("content-type", "application/cbor"),
        ];
        let mut connection = self.connect();
        connection.send("POST", &format!("/service/BaldrApiService/operation/{op}"), &headers, body);
        connection.receive()
    }

    /// A call of the control API.
    pub(crate) fn control(self, method: &str, path: &str, body: &str) -> Answer {
        let mut connection = self.connect();
        connection.send(method, path, &[], body.as_bytes());
        connection.receive().expect("an answer")
    }

    /// DescribeBackups, all that matches, as one page.
    #[track_caller]
    pub(crate) fn describe(self, filters: Value) -> Vec<Value> {
        let answer = self.call("DescribeBackups", json!({"Filters": filters})).ok();
        assert_eq!(answer.get("NextToken"), None, "more than a page");
        answer["Backups"].as_array().unwrap().clone()
    }

    /// The ids of all that DescribeBackups answers with this input, and the sizes of its pages.
    #[track_caller]
    pub(crate) fn pages(self, input: &Value, mut between: impl FnMut(usize)) -> (Vec<String>, Vec<usize>) {
        let (mut ids, mut sizes, mut input) = (vec![], vec![], input.clone());
        loop {
            let answer = self.call("DescribeBackups", input.clone()).ok();
            let page = ids_of(&answer);
            sizes.push(page.len());
            ids.extend(page);
            let Some(token) = answer.get("NextToken") else { return (ids, sizes) };
            assert!(token.as_str().unwrap().len() <= 256);
            input["NextToken"] = token.clone();
            between(sizes.len());
        }
    }

    /// The state of a backup as DescribeBackups shows it.
    #[track_caller]
    pub(crate) fn state(self, id: &str) -> Option<String> {
        let backups = self.describe(json!({"backupIds": [id]}));
        backups.first().map(|backup| backup["BackupState"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn ids_of(answer: &Value) -> Vec<String> {
    answer["Backups"].as_array().unwrap().iter().map(|backup| backup["BackupId"].as_str().unwrap().to_owned()).collect()
}

/// The backup as it truly is.
#[track_caller]
pub(crate) fn truth(emulator: &Emulator, id: &str) -> Map<String, Value> {
    let found: Vec<Value> = emulator.backups().into_iter().filter(|backup| backup["BackupId"] == id).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].as_object().unwrap().clone()
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "{what} doesn't come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// CBOR of a JSON value.
pub(crate) fn cbor(value: &Value) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
