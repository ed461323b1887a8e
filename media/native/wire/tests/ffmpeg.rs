//! Outside judges: ffmpeg encodes, multiplexes its own program stream, and decodes what comes out.
//!
//! Its program stream is harder than a camera's: packs of 2 KiB, PES packets that end and begin in
//! the middle of pictures, B pictures, several slices.

mod support;

use std::path::PathBuf;
use std::process::Command;
use support::nals::annexb;
use support::ps::{pack_header, pes};
use support::rtp::Sender;
use support::{ingest, units};
use tongshi_wire::MediaEvent;
use tongshi_wire::fmp4::{Sample, init_segment, rescale, write_fragment};
use tongshi_wire::nal::AnnexB;

/// Runs ffmpeg; none with a printed reason when it is not there or lacks the encoder.
fn ffmpeg(arguments: &[&str]) -> Option<Vec<u8>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(arguments)
        .output();
    match output {
        Ok(output) if output.status.success() => Some(output.stdout),
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("not judged, ffmpeg {arguments:?}: {reason}");
            None
        }
        Err(error) => {
            println!("not judged, ffmpeg does not start: {error}");
            None
        }
    }
}

/// A file that is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let file = format!("tongshi-wire-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Checksums of the decoded pictures, in the order of showing.
fn picture_sums(path: &str) -> Option<Vec<String>> {
    let arguments = [
        "-i",
        path,
        "-map",
        "0:v",
        "-fps_mode",
        "passthrough",
        "-f",
        "framemd5",
        "-",
    ];
    let text = String::from_utf8(ffmpeg(&arguments)?).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    Some(
        rows.map(|row| row.rsplit(", ").next().unwrap().to_owned())
            .collect(),
    )
}

/// Puts events into an MP4 file: one fragment per key frame.
fn to_mp4(events: &[MediaEvent]) -> Vec<u8> {
    let config = support::configs(events)[0];
    let mut file = init_segment(config, None, None, true).unwrap().bytes;
    let all = units(events);
    let base = all[0].dts_90k;
    let samples: Vec<Sample<'_>> = all
        .iter()
        .enumerate()
        .map(|(index, unit)| Sample {
            data: &unit.nals,
            dts: rescale(unit.dts_90k - base, 90_000),
            duration: all
                .get(index + 1)
                .map_or(3_600, |next| (next.dts_90k - unit.dts_90k) as u32),
            cts: (unit.pts_90k - unit.dts_90k) as i32,
            key: unit.keyframe,
        })
        .collect();
    let mut sequence = 0;
    for group in samples.chunk_by(|_, next| !next.key) {
        sequence += 1;
        write_fragment(sequence, group, &[], &mut file);
    }
    file
}

/// Through a program stream and through a transport stream.
fn judge(name: &str, encoder: &[&str], pictures: usize) {
    judge_in("vob", name, encoder, pictures);
    judge_in("mpegts", &format!("{name}-ts"), encoder, pictures);
}

fn judge_in(container: &str, name: &str, encoder: &[&str], pictures: usize) {
    let ps = Scratch::new(&format!("{name}.mpg"));
    let mp4 = Scratch::new(&format!("{name}.mp4"));
    let source = [
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x240:rate=25",
        "-frames:v",
    ];
    let count = pictures.to_string();
    let rest = [&count, "-pix_fmt", "yuv420p"];
    let target = ["-f", container, ps.path()];
    if ffmpeg(&[&source[..], &rest, encoder, &target].concat()).is_none() {
        return;
    }
    let mut sender = Sender::new(1_400);
    sender.send(0, &std::fs::read(ps.path()).unwrap());
    let events = ingest(&sender.packets);
    assert_eq!(units(&events).len(), pictures, "{name}");
    std::fs::write(mp4.path(), to_mp4(&events)).unwrap();
    let (Some(expected), Some(found)) = (picture_sums(ps.path()), picture_sums(mp4.path())) else {
        return;
    };
    assert_eq!(expected.len(), pictures);
    assert!(
        found == expected,
        "{name}: every picture as it was, in its place"
    );
}

#[test]
fn h264_of_an_outside_multiplexer_decodes_to_the_same_pictures() {
    let encoder = [
        "-c:v",
        "libx264",
        "-g",
        "20",
        "-bf",
        "0",
        "-preset",
        "ultrafast",
    ];
    judge("plain", &encoder, 60);
}

#[test]
fn h264_with_b_pictures_and_slices_decodes_to_the_same_pictures() {
    let encoder = [
        "-c:v", "libx264", "-g", "20", "-bf", "3", "-slices", "4", "-b:v", "2M",
    ];
    judge("slices", &encoder, 60);
}

#[test]
fn interlaced_h264_in_packs_of_one_picture_decodes_to_the_same_pictures() {
    const PICTURES: usize = 40;
    let raw = Scratch::new("fields.h264");
    let mp4 = Scratch::new("fields.mp4");
    let source = "testsrc2=size=320x240:rate=25:duration=1.6";
    let encoder = [
        "-y", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", "-c:v", "libx264",
    ];
    let flags = "interlaced=1:tff=1:keyint=20:bframes=0:aud=1";
    let target = ["-x264-params", flags, "-f", "h264", raw.path()];
    if ffmpeg(&[&encoder[..], &target].concat()).is_none() {
        return;
    }
    let stream = std::fs::read(raw.path()).unwrap();
    let mut sender = Sender::new(1_400);
    let mut pts = 900_000;
    let mut picture: Vec<&[u8]> = Vec::new();
    let mut send = |picture: &[&[u8]]| {
        let bytes = pes(0xE0, Some(pts), None, &annexb(picture));
        sender.send(pts, &[pack_header(pts), bytes].concat());
        pts += 3_600;
    };
    for nal in AnnexB::new(&stream) {
        if nal[0] & 0x1F == 9 && !picture.is_empty() {
            send(&std::mem::take(&mut picture));
        }
        picture.push(nal);
    }
    send(&picture);
    let events = ingest(&sender.packets);
    assert_eq!(units(&events).len(), PICTURES);
    std::fs::write(mp4.path(), to_mp4(&events)).unwrap();
    let (Some(expected), Some(found)) = (picture_sums(raw.path()), picture_sums(mp4.path())) else {
        return;
    };
    assert!(found == expected, "every picture as it was, in its place");
}

/// Several pictures of interlaced video begin in one PES packet of this multiplexer.
#[test]
fn interlaced_h264_of_an_outside_multiplexer_decodes_to_the_same_pictures() {
    let flags = "interlaced=1:tff=1:keyint=20:bframes=0";
    let encoder = ["-c:v", "libx264", "-x264-params", flags, "-b:v", "100k"];
    judge("interlaced", &encoder, 60);
}

#[test]
fn h265_of_an_outside_multiplexer_decodes_to_the_same_pictures() {
    let flags = "log-level=error:keyint=20:bframes=3";
    let encoder = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        flags,
    ];
    judge("h265", &encoder, 60);
}
