//! The side that is connected to: a publisher pushes to it, a player plays from it.

use super::command::{
    self, Acknowledgements, Command, event, object, put_command, put_control, put_event, status,
};
use super::{
    ChunkReader, Handshake, Message, OUT_CHUNK_BYTES, Role, STREAM_ID, WINDOW_BYTES, kind,
};
use crate::amf::Amf;
use crate::error::WireError;
use crate::flv::{TAG_HEADER_BYTES, TagKind};

/// Commands of one connection; more are taken for an attack.
const MAX_COMMANDS: u32 = 1_000;
/// Longest path and query.
const MAX_NAME_BYTES: usize = 4_096;

/// A stream that the peer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `/app/name`, without query.
    pub path: String,
    /// What stands behind `?` of application and name, joined by `&`.
    pub query: String,
}

/// What the peer wants, in its order.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerEvent {
    /// It wants to push: answer with [`ServerSession::accept_publish`] or [`ServerSession::refuse`].
    Publish(Asked),
    /// It wants to play: answer with [`ServerSession::accept_play`] or [`ServerSession::refuse`].
    Play(Asked),
    /// A piece of what it pushes.
    Media {
        /// Pictures or sound.
        kind: TagKind,
        /// Milliseconds that wrap.
        timestamp_ms: u32,
        /// The body of an FLV tag.
        body: Vec<u8>,
    },
    /// It pushes, or plays, no more.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before `connect`.
    New,
    Connected,
    AskedToPublish,
    AskedToPlay,
    Publishing,
    Playing,
    Over,
}

/// One connection.
#[derive(Debug)]
pub struct ServerSession {
    handshake: Option<Handshake>,
    seed: u64,
    reader: ChunkReader,
    messages: Vec<Message>,
    out: Vec<u8>,
    phase: Phase,
    app: String,
    commands: u32,
    acknowledgements: Acknowledgements,
}

impl ServerSession {
    /// A connection that has just been accepted. `seed` fills the handshake.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut out = Vec::new();
        Self {
            handshake: Some(Handshake::new(Role::Server, seed, &mut out)),
            seed,
            reader: ChunkReader::default(),
            messages: Vec::new(),
            out,
            phase: Phase::New,
            app: String::new(),
            commands: 0,
            acknowledgements: Acknowledgements::default(),
        }
    }

    /// Takes the next bytes, cut anywhere; appends what they ask for.
    ///
    /// # Errors
    ///
    /// The peer does not speak RTMP, or goes over a limit: close the connection.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        events: &mut Vec<ServerEvent>,
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
        }
        let mut messages = std::mem::take(&mut self.messages);
        let read = self.reader.receive(rest, &mut messages);
        for message in messages.drain(..) {
            self.take(message, events)?;
        }
        self.messages = messages;
        read
    }

    /// What is to be sent.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes of memory kept for messages that have begun.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.reader.held_bytes()
    }

    /// The peer may push.
    pub fn accept_publish(&mut self) {
        if self.phase == Phase::AskedToPublish {
            self.phase = Phase::Publishing;
            put_event(&mut self.out, event::STREAM_BEGIN, STREAM_ID);
            self.say("status", "NetStream.Publish.Start", "published");
        }
    }

    /// The peer may play: its stream follows what is said here.
    pub fn accept_play(&mut self) {
        if self.phase == Phase::AskedToPlay {
            self.phase = Phase::Playing;
            put_event(&mut self.out, event::STREAM_BEGIN, STREAM_ID);
            self.say("status", "NetStream.Play.Reset", "play");
            self.say("status", "NetStream.Play.Start", "play");
        }
    }

    /// The peer may not; it is told why, and is to be closed.
    pub fn refuse(&mut self, reason: &str) {
        let code = match self.phase {
            Phase::AskedToPlay => "NetStream.Play.StreamNotFound",
            _ => "NetStream.Publish.BadName",
        };
        self.say("error", code, reason);
        self.phase = Phase::Over;
    }

    /// What is said when a stream that is played, or pushed, has ended on our side.
    pub fn end(&mut self, reason: &str) {
        match self.phase {
            Phase::Playing => {
                put_event(&mut self.out, event::STREAM_EOF, STREAM_ID);
                self.say("status", "NetStream.Play.UnpublishNotify", reason);
            }
            Phase::Publishing => self.say("error", "NetStream.Publish.Failed", reason),
            _ => {}
        }
        self.phase = Phase::Over;
    }

    fn say(&mut self, level: &str, code: &str, description: &str) {
        let values = [Amf::Null, status(level, code, description)];
        put_command(
            &mut self.out,
            OUT_CHUNK_BYTES,
            STREAM_ID,
            ("onStatus", 0.0),
            &values,
        );
    }

    fn take(&mut self, message: Message, events: &mut Vec<ServerEvent>) -> Result<(), WireError> {
        self.acknowledgements.obey(&message);
        match message.kind {
            kind::COMMAND | kind::COMMAND_AMF3 => {
                let command = Command::parse(&message)?;
                self.take_command(&command, events)
            }
            kind::AUDIO | kind::VIDEO | kind::AGGREGATE if self.phase == Phase::Publishing => {
                take_media(message, events);
                Ok(())
            }
            _ => {
                if let Some(value) = command::ping(&message) {
                    put_event(&mut self.out, event::PING_RESPONSE, value);
                }
                Ok(())
            }
        }
    }

    fn take_command(
        &mut self,
        command: &Command,
        events: &mut Vec<ServerEvent>,
    ) -> Result<(), WireError> {
        self.commands += 1;
        if self.commands > MAX_COMMANDS {
            let found = self.commands as usize;
            let limit = MAX_COMMANDS as usize;
            return Err(WireError::too_large("RTMP commands", 0, found, limit));
        }
        match (self.phase, command.name.as_str()) {
            (Phase::New, "connect") => self.connect(command)?,
            (Phase::New, _) => return Err(WireError::invalid("RTMP command before connect", 0, 0)),
            (_, "createStream") => self.answer(command, Amf::Number(f64::from(STREAM_ID))),
            (_, "releaseStream" | "FCPublish" | "_checkbw" | "FCSubscribe") => {
                self.answer(command, Amf::Undefined);
            }
            (_, "getStreamLength") => self.answer(command, Amf::Number(0.0)),
            (Phase::Connected, "publish") => {
                let asked = self.asked(command)?;
                self.phase = Phase::AskedToPublish;
                events.push(ServerEvent::Publish(asked));
            }
            (Phase::Connected, "play") => {
                let asked = self.asked(command)?;
                self.phase = Phase::AskedToPlay;
                events.push(ServerEvent::Play(asked));
            }
            (
                Phase::Publishing | Phase::Playing | Phase::AskedToPlay | Phase::AskedToPublish,
                "deleteStream" | "closeStream" | "FCUnpublish",
            ) => {
                self.phase = Phase::Over;
                events.push(ServerEvent::Over);
            }
            _ => {}
        }
        Ok(())
    }

    fn connect(&mut self, command: &Command) -> Result<(), WireError> {
        let wanted = command.object(0);
        let app = wanted.get("app").and_then(Amf::as_str).unwrap_or_default();
        if app.len() > MAX_NAME_BYTES {
            return Err(WireError::too_large(
                "RTMP application",
                0,
                app.len(),
                MAX_NAME_BYTES,
            ));
        }
        app.trim_matches('/').clone_into(&mut self.app);
        self.phase = Phase::Connected;
        let out = &mut self.out;
        put_control(out, kind::WINDOW_SIZE, &WINDOW_BYTES.to_be_bytes());
        let mut bandwidth = WINDOW_BYTES.to_be_bytes().to_vec();
        bandwidth.push(2);
        put_control(out, kind::PEER_BANDWIDTH, &bandwidth);
        put_control(
            out,
            kind::SET_CHUNK_SIZE,
            &(OUT_CHUNK_BYTES as u32).to_be_bytes(),
        );
        let text = |text: &str| Amf::String(text.into());
        let server = object(&[
            ("fmsVer", text("FMS/3,0,1,123")),
            ("capabilities", Amf::Number(31.0)),
        ]);
        let info = object(&[
            ("level", text("status")),
            ("code", text("NetConnection.Connect.Success")),
            ("description", text("connected")),
            ("objectEncoding", Amf::Number(0.0)),
            // Enhanced RTMP: what we take besides the classic numbers.
            (
                "fourCcList",
                Amf::Array(vec![text("hvc1"), text("avc1"), text("mp4a")]),
            ),
        ]);
        put_command(
            &mut self.out,
            OUT_CHUNK_BYTES,
            0,
            ("_result", command.number),
            &[server, info],
        );
        Ok(())
    }

    fn answer(&mut self, command: &Command, value: Amf) {
        // Number 0 wants no answer.
        if command.number != 0.0 {
            let values = [Amf::Null, value];
            put_command(
                &mut self.out,
                OUT_CHUNK_BYTES,
                0,
                ("_result", command.number),
                &values,
            );
        }
    }

    fn asked(&self, command: &Command) -> Result<Asked, WireError> {
        let name = command.text(1);
        if name.len() > MAX_NAME_BYTES {
            return Err(WireError::too_large(
                "RTMP stream name",
                0,
                name.len(),
                MAX_NAME_BYTES,
            ));
        }
        let (app, first) = self.app.split_once('?').unwrap_or((&self.app, ""));
        let (name, second) = name.split_once('?').unwrap_or((name, ""));
        let path = format!("/{}/{}", app.trim_matches('/'), name.trim_matches('/'));
        let mut query = vec![first, second];
        query.retain(|part| !part.is_empty());
        Ok(Asked {
            path,
            query: query.join("&"),
        })
    }
}

fn take_media(message: Message, events: &mut Vec<ServerEvent>) {
    let timestamp_ms = message.timestamp_ms;
    let tag = match message.kind {
        kind::AUDIO => TagKind::Audio,
        kind::VIDEO => TagKind::Video,
        _ => return take_aggregate(&message, events),
    };
    events.push(ServerEvent::Media {
        kind: tag,
        timestamp_ms,
        body: message.body,
    });
}

/// FLV tags in a row; their times count from that of the first, which is the message's (section 7.1.6).
fn take_aggregate(message: &Message, events: &mut Vec<ServerEvent>) {
    let mut rest = message.body.as_slice();
    let mut first_ms = None;
    while let Some(&[tag, l1, l2, l3, t1, t2, t3, high, ..]) =
        rest.first_chunk::<TAG_HEADER_BYTES>()
    {
        let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
        let Some(body) = rest.get(TAG_HEADER_BYTES..TAG_HEADER_BYTES + length) else {
            return;
        };
        let at_ms = u32::from_be_bytes([high, t1, t2, t3]);
        let since = at_ms.wrapping_sub(*first_ms.get_or_insert(at_ms));
        let tag = match tag & 0x1F {
            kind::AUDIO => Some(TagKind::Audio),
            kind::VIDEO => Some(TagKind::Video),
            _ => None,
        };
        if let Some(kind) = tag {
            events.push(ServerEvent::Media {
                kind,
                timestamp_ms: message.timestamp_ms.wrapping_add(since),
                body: body.to_vec(),
            });
        }
        rest = rest
            .get(TAG_HEADER_BYTES + length + 4..)
            .unwrap_or_default();
    }
}
