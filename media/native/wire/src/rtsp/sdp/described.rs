//! What a reader is told before it sets its tracks up.
//!
//! Source: RFC 4566; RFC 6184 section 8.2.1, RFC 7798 section 7.1, RFC 3640 section 4.1 for the format parameters.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::media::{AudioCodec, AudioConfig, VideoCodec, VideoConfig};
use crate::nal;
use crate::rtp_pack::{VIDEO_PAYLOAD_TYPE, audio_payload_type};

/// What a description is made of.
#[derive(Debug, Clone, Copy)]
pub struct Description<'a> {
    /// Number of the session, the same while the stream stays the same.
    pub id: u64,
    /// The pictures: track 0.
    pub video: Option<&'a VideoConfig>,
    /// The sound: track 1.
    pub audio: Option<&'a AudioConfig>,
}

/// The description of a live stream. Its tracks are controlled by `track0` and `track1`.
#[must_use]
pub fn describe(description: &Description<'_>) -> String {
    let Description { id, video, audio } = *description;
    let mut text = format!(
        "v=0\r\no=- {id} 1 IN IP4 0.0.0.0\r\ns=Tongshi\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n"
    );
    if let Some(video) = video {
        write_video(video, &mut text);
    }
    if let Some(audio) = audio {
        write_audio(audio, &mut text);
    }
    text
}

fn write_video(video: &VideoConfig, text: &mut String) {
    let kind = VIDEO_PAYLOAD_TYPE;
    let name = match video.codec {
        VideoCodec::H264 => "H264",
        VideoCodec::H265 => "H265",
    };
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "m=video 0 RTP/AVP {kind}\r\na=rtpmap:{kind} {name}/90000\r\na=fmtp:{kind} {}\r\n",
        match video.codec {
            VideoCodec::H264 => h264_parameters(video),
            VideoCodec::H265 => h265_parameters(video),
        }
    );
    if let Some((pictures, seconds)) = video.frame_rate.filter(|&(_, seconds)| seconds > 0) {
        let rate = f64::from(pictures) / f64::from(seconds);
        let _ = write!(text, "a=framerate:{rate:.3}\r\n");
    }
    text.push_str("a=control:track0\r\n");
}

fn h264_parameters(video: &VideoConfig) -> String {
    let mut parameters = "packetization-mode=1".to_owned();
    if let Some(&[_, profile, compatibility, level, ..]) = video.sps.first().map(Vec::as_slice) {
        let _ = write!(
            parameters,
            ";profile-level-id={profile:02X}{compatibility:02X}{level:02X}"
        );
    }
    let sets = video.sps.iter().chain(&video.pps);
    let _ = write!(parameters, ";sprop-parameter-sets={}", encoded(sets));
    parameters
}

fn h265_parameters(video: &VideoConfig) -> String {
    let mut parameters = String::new();
    // H.265 7.3.2.2: one byte of ids after the NAL header, then profile_tier_level.
    let sps = video.sps.first().map(|sps| nal::unescape(sps));
    if let Some(&[profile, _, _, _, _, _, _, _, _, _, _, level]) =
        sps.as_deref().and_then(|sps| sps.get(3..15))
    {
        let (space, tier, id) = (profile >> 6, profile >> 5 & 1, profile & 0x1F);
        let _ = write!(
            parameters,
            "profile-space={space};profile-id={id};tier-flag={tier};level-id={level};"
        );
    }
    let _ = write!(
        parameters,
        "sprop-vps={};sprop-sps={};sprop-pps={}",
        encoded(video.vps.iter()),
        encoded(video.sps.iter()),
        encoded(video.pps.iter())
    );
    parameters
}

fn encoded<'a>(sets: impl Iterator<Item = &'a Vec<u8>>) -> String {
    let sets: Vec<String> = sets.map(|set| STANDARD.encode(set)).collect();
    sets.join(",")
}

fn write_audio(audio: &AudioConfig, text: &mut String) {
    let kind = audio_payload_type(audio.codec);
    let (rate, channels) = (audio.sample_rate, audio.channels);
    let _ = write!(text, "m=audio 0 RTP/AVP {kind}\r\n");
    let _ = match audio.codec {
        AudioCodec::G711A => write!(text, "a=rtpmap:{kind} PCMA/{rate}\r\n"),
        AudioCodec::G711U => write!(text, "a=rtpmap:{kind} PCMU/{rate}\r\n"),
        AudioCodec::Aac => {
            let config: String = audio.asc.iter().map(|byte| format!("{byte:02X}")).collect();
            write!(
                text,
                "a=rtpmap:{kind} MPEG4-GENERIC/{rate}/{channels}\r\na=fmtp:{kind} streamtype=5;profile-level-id=1;\
                 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}\r\n"
            )
        }
    };
    text.push_str("a=control:track1\r\n");
}
