//! The side that connects: it pushes a stream to another server.

use super::command::{
    self, Acknowledgements, Command, event, object, put_command, put_control, put_event,
};
use super::{ChunkReader, Handshake, Message, OUT_CHUNK_BYTES, Role, WINDOW_BYTES, kind};
use crate::amf::Amf;
use crate::error::WireError;

const CONNECT: f64 = 1.0;
const RELEASE: f64 = 2.0;
const FC_PUBLISH: f64 = 3.0;
const CREATE: f64 = 4.0;
const PUBLISH: f64 = 5.0;

/// Where a stream is pushed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTarget {
    /// Name or address of the server.
    pub host: String,
    /// Port; 1935 unless the URL names one.
    pub port: u16,
    /// Application: the path but for its last part.
    pub app: String,
    /// The last part of the path, with the query: it often holds a key.
    pub name: String,
}

impl PushTarget {
    /// Reads `rtmp://host[:port]/app/name[?query]`.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("rtmp://")?;
        let (authority, path) = rest.split_once('/')?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, 1_935),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (folders, query) = match path.split_once('?') {
            Some((folders, query)) => (folders, Some(query)),
            None => (path, None),
        };
        let (app, name) = folders.rsplit_once('/')?;
        let good = !host.is_empty() && !app.is_empty() && !name.is_empty() && port != 0;
        let name = query.map_or_else(|| name.to_owned(), |query| format!("{name}?{query}"));
        good.then(|| Self {
            host: host.to_owned(),
            port,
            app: app.to_owned(),
            name,
        })
    }

    fn url(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        format!("rtmp://{host}:{}/{}", self.port, self.app)
    }
}

/// What the server has said.
#[derive(Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The stream may be sent, on this message stream.
    Ready {
        /// Goes into the header of each message.
        stream_id: u32,
    },
    /// It will not have the stream, or no more.
    Refused {
        /// In its own words.
        reason: String,
    },
}

/// One connection.
#[derive(Debug)]
pub struct ClientSession {
    target: PushTarget,
    handshake: Option<Handshake>,
    seed: u64,
    reader: ChunkReader,
    messages: Vec<Message>,
    out: Vec<u8>,
    stream_id: u32,
    is_ready: bool,
    acknowledgements: Acknowledgements,
}

impl ClientSession {
    /// A connection that has just been made. `seed` fills the handshake.
    #[must_use]
    pub fn new(target: PushTarget, seed: u64) -> Self {
        let mut out = Vec::new();
        Self {
            target,
            handshake: Some(Handshake::new(Role::Client, seed, &mut out)),
            seed,
            reader: ChunkReader::default(),
            messages: Vec::new(),
            out,
            stream_id: 0,
            is_ready: false,
            acknowledgements: Acknowledgements::default(),
        }
    }

    /// Takes the next bytes, cut anywhere; appends what they say.
    ///
    /// # Errors
    ///
    /// The peer does not speak RTMP, or goes over a limit: close the connection.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        events: &mut Vec<ClientEvent>,
    ) -> Result<(), WireError> {
        let mut rest = bytes;
        self.acknowledgements.receive(bytes.len(), &mut self.out);
        if let Some(handshake) = &mut self.handshake {
            let (used, done) = handshake.receive(rest, self.seed, &mut self.out)?;
            if !done {
                return Ok(());
            }
            rest = rest.get(used..).unwrap_or_default();
            self.handshake = None;
            self.connect();
        }
        let mut messages = std::mem::take(&mut self.messages);
        let read = self.reader.receive(rest, &mut messages);
        for message in messages.drain(..) {
            self.take(&message, events)?;
        }
        self.messages = messages;
        read
    }

    /// What is to be sent.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// The farewell: the stream is over.
    pub fn end(&mut self) {
        if self.is_ready {
            let name = Amf::String(self.target.name.clone());
            self.command("FCUnpublish", 6.0, 0, &[Amf::Null, name]);
            let stream = Amf::Number(f64::from(self.stream_id));
            self.command("deleteStream", 7.0, 0, &[Amf::Null, stream]);
        }
    }

    fn command(&mut self, name: &str, number: f64, stream_id: u32, values: &[Amf]) {
        put_command(
            &mut self.out,
            OUT_CHUNK_BYTES,
            stream_id,
            (name, number),
            values,
        );
    }

    fn connect(&mut self) {
        put_control(
            &mut self.out,
            kind::SET_CHUNK_SIZE,
            &(OUT_CHUNK_BYTES as u32).to_be_bytes(),
        );
        let text = |text: &str| Amf::String(text.into());
        let wanted = object(&[
            ("app", text(&self.target.app)),
            ("type", text("nonprivate")),
            ("flashVer", text("FMLE/3.0 (compatible; Tongshi)")),
            ("tcUrl", text(&self.target.url())),
            ("fourCcList", Amf::Array(vec![text("hvc1")])),
        ]);
        self.command("connect", CONNECT, 0, &[wanted]);
    }

    fn take(&mut self, message: &Message, events: &mut Vec<ClientEvent>) -> Result<(), WireError> {
        self.acknowledgements.obey(message);
        if let Some(value) = command::ping(message) {
            put_event(&mut self.out, event::PING_RESPONSE, value);
        }
        if !matches!(message.kind, kind::COMMAND | kind::COMMAND_AMF3) {
            return Ok(());
        }
        let command = Command::parse(message)?;
        match command.name.as_str() {
            "_result" if command.number == CONNECT => self.create(),
            "_result" if command.number == CREATE => self.publish(&command),
            // Some servers do not know the two that only prepare.
            "_error" if command.number == RELEASE || command.number == FC_PUBLISH => {}
            "_error" => events.push(refusal(&command)),
            "onStatus" => self.take_status(&command, events),
            "close" => events.push(refusal(&command)),
            _ => {}
        }
        Ok(())
    }

    fn create(&mut self) {
        put_control(
            &mut self.out,
            kind::WINDOW_SIZE,
            &WINDOW_BYTES.to_be_bytes(),
        );
        let name = Amf::String(self.target.name.clone());
        self.command("releaseStream", RELEASE, 0, &[Amf::Null, name.clone()]);
        self.command("FCPublish", FC_PUBLISH, 0, &[Amf::Null, name]);
        self.command("createStream", CREATE, 0, &[Amf::Null]);
    }

    fn publish(&mut self, result: &Command) {
        let stream = result.object(1).as_number().unwrap_or(1.0);
        self.stream_id = stream as u32;
        let name = Amf::String(self.target.name.clone());
        let live = Amf::String("live".into());
        self.command("publish", PUBLISH, self.stream_id, &[Amf::Null, name, live]);
    }

    fn take_status(&mut self, command: &Command, events: &mut Vec<ClientEvent>) {
        let info = command.object(1);
        let code = info.get("code").and_then(Amf::as_str).unwrap_or_default();
        let level = info.get("level").and_then(Amf::as_str).unwrap_or_default();
        if code == "NetStream.Publish.Start" && !self.is_ready {
            self.is_ready = true;
            let stream_id = self.stream_id;
            events.push(ClientEvent::Ready { stream_id });
        } else if level == "error" {
            events.push(refusal(command));
        }
    }
}

/// The reason in an answer: code and description, cut to a length that logs bear.
fn refusal(command: &Command) -> ClientEvent {
    let info = command.object(1);
    let text = |name: &str| info.get(name).and_then(Amf::as_str).unwrap_or_default();
    let words: String = format!("{} {}", text("code"), text("description"))
        .chars()
        .filter(|c| !c.is_control())
        .take(300)
        .collect();
    let words = words.trim();
    ClientEvent::Refused {
        reason: if words.is_empty() {
            format!("the server answered {}", command.name)
        } else {
            words.to_owned()
        },
    }
}
