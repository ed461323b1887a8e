//! What a viewer is sent, held against the framing of its protocol.

use super::*;
use crate::outputs::format::Format;
use crate::testing::{unit_of, video_config};

/// A socket that takes `room` bytes and then blocks.
struct Narrow {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.taken.extend_from_slice(&bytes[..count]);
        self.room -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const WEBSOCKET: Way = Way {
    carrier: Carrier::WebSocket,
    format: Format::Fmp4,
};
const CHUNKED: Way = Way {
    carrier: Carrier::Http,
    format: Format::Fmp4,
};

fn config() -> Arc<StreamConfig> {
    Arc::new(StreamConfig::new(video_config(64), None).unwrap())
}

/// Splits unmasked frames into (opcode, body); panics when the bytes are no whole frames.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (size, from) = match bytes[1] {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (
                u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize,
                10,
            ),
            short => (usize::from(short), 2),
        };
        frames.push((bytes[0] & 15, bytes[from..from + size].to_vec()));
        bytes = &bytes[from + size..];
    }
    frames
}

#[test]
fn a_slow_viewer_loses_whole_fragments_up_to_a_key_frame_wherever_the_socket_stops() {
    let config = config();
    for room in (1..6_000).step_by(37) {
        let mut viewer = Viewer::new(WEBSOCKET, Vec::new(), 3_000);
        let mut socket = Narrow {
            taken: Vec::new(),
            room,
        };
        viewer.join(Some(&config), &[]);
        for sequence in 1..=40 {
            viewer.offer(&unit_of(&config, sequence, sequence % 10 == 1, 500));
            viewer.write_to(&mut socket).unwrap();
        }
        assert!(viewer.queued_bytes() < 3_000 + 2_000);
        socket.room = usize::MAX;
        viewer.write_to(&mut socket).unwrap();
        viewer.offer(&unit_of(&config, 41, true, 500));
        viewer.write_to(&mut socket).unwrap();
        assert_eq!(viewer.queued_bytes(), 0);
        let frames = frames(&socket.taken);
        let fragments = frames.iter().filter(|(opcode, _)| *opcode == 2).count() - 1;
        assert_eq!(fragments as u64 + viewer.skipped, 41, "room {room}");
        let told: u64 = frames
            .iter()
            .filter(|(opcode, body)| *opcode == 1 && body.starts_with(br#"{"type":"skipped""#))
            .map(|(_, body)| {
                let digits: String = body
                    .iter()
                    .map(|&b| b as char)
                    .filter(char::is_ascii_digit)
                    .collect();
                digits.parse::<u64>().unwrap()
            })
            .sum();
        assert_eq!(told, viewer.skipped, "room {room}");
    }
}

#[test]
fn chunks_stay_whole_when_fragments_are_dropped() {
    let config = config();
    for room in (1..4_000).step_by(29) {
        let mut viewer = Viewer::new(CHUNKED, Vec::new(), 2_000);
        let mut socket = Narrow {
            taken: Vec::new(),
            room,
        };
        viewer.join(Some(&config), &[]);
        for sequence in 1..=20 {
            viewer.offer(&unit_of(&config, sequence, sequence % 10 == 1, 500));
            viewer.write_to(&mut socket).unwrap();
        }
        viewer.end("over");
        socket.room = usize::MAX;
        viewer.write_to(&mut socket).unwrap();
        let mut rest = &socket.taken[..];
        loop {
            let line = rest
                .windows(2)
                .position(|window| window == b"\r\n")
                .unwrap();
            let size =
                usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
            assert_eq!(
                &rest[line + 2 + size..line + 4 + size],
                b"\r\n",
                "room {room}"
            );
            rest = &rest[line + 4 + size..];
            if size == 0 {
                break;
            }
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn nothing_is_sent_between_a_new_description_and_its_key_frame() {
    let (first, second) = (config(), config());
    let mut viewer = Viewer::new(WEBSOCKET, Vec::new(), 1 << 20);
    viewer.join(Some(&first), &[unit_of(&first, 1, true, 10)]);
    assert!(viewer.offer(&unit_of(&first, 2, false, 10)));
    viewer.describe(&second);
    assert!(!viewer.offer(&unit_of(&first, 3, false, 10)));
    assert!(!viewer.offer(&unit_of(&second, 4, false, 10)));
    assert!(viewer.offer(&unit_of(&second, 5, true, 10)));
    assert_eq!(viewer.skipped, 0);
}

#[test]
fn what_was_given_at_the_start_is_not_given_again() {
    let config = config();
    let units: Vec<_> = (1..=4)
        .map(|sequence| unit_of(&config, sequence, sequence == 1, 10))
        .collect();
    let mut viewer = Viewer::new(WEBSOCKET, Vec::new(), 1 << 20);
    viewer.join(Some(&config), &units[..3]);
    // Published before it joined, delivered after that.
    viewer.describe(&config);
    let taken: Vec<bool> = units.iter().map(|unit| viewer.offer(unit)).collect();
    assert_eq!(taken, [false, false, false, true]);
    let mut socket = Narrow {
        taken: Vec::new(),
        room: usize::MAX,
    };
    viewer.write_to(&mut socket).unwrap();
    let binary = frames(&socket.taken);
    assert_eq!(binary.iter().filter(|(opcode, _)| *opcode == 2).count(), 5);
    assert_eq!(viewer.skipped, 0);
}
