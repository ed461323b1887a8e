//! What the data plane is told at its start.

use crate::senders::RelayConfig;
use std::path::PathBuf;

/// Settings of one [`Plane`](crate::Plane); Python's `MediaSettings` fills them.
#[derive(Clone, Debug)]
pub struct PlaneConfig {
    /// Address of the listener for viewers.
    pub output_host: String,
    /// Port of that listener; 0 = any free one.
    pub output_port: u16,
    /// Receiving threads.
    pub threads: usize,
    /// Key of the signed URLs.
    pub url_key: Vec<u8>,
    /// Rest of a receiving thread between two wake-ups, so that work comes in batches.
    pub nap_us: u64,
    /// Receive buffer asked for each UDP socket.
    pub receive_buffer_bytes: usize,
    /// Address of the shared ports.
    pub receive_host: String,
    /// Datagram port for many sessions, with RTCP on the next; 0 = none.
    pub shared_udp_port: u16,
    /// Listener for many sessions; 0 = none.
    pub shared_tcp_port: u16,
    /// Receive buffer asked for each socket of the shared datagram port.
    pub shared_buffer_bytes: usize,
    /// Connections that one host may hold at the shared listener, and at that of viewers; 0 = any number.
    pub connections_per_source: usize,
    /// How long the SSRCs of an ended session rest.
    pub cool_down_us: u64,
    /// Never take another SSRC than agreed on the shared ports.
    pub strict_ssrc: bool,
    /// Packets that may wait for a missing one.
    pub reorder_packets: usize,
    /// Time that they may wait.
    pub reorder_us: u64,
    /// Largest GOP that is kept for new viewers.
    pub gop_bytes: usize,
    /// Most pictures in it.
    pub gop_pictures: usize,
    /// How long the first description of a stream waits for a first audio frame, where one may come.
    pub audio_wait_us: u64,
    /// Damaged pictures are passed on, marked, instead of dropped up to the next key frame.
    pub pass_damaged: bool,
    /// Time without progress after which a running stream is reported to stand still.
    pub stall_us: u64,
    /// Silence after which a session is reported silent.
    pub silence_us: u64,
    /// Silence of the locked source after which another one is taken.
    pub relock_us: u64,
    /// How long an expected SSRC is waited for before another one is taken.
    pub ssrc_window_us: u64,
    /// Bytes of frames that may wait for a session without a socket.
    pub feed_queue_bytes: usize,
    /// A second publisher of a session replaces the first, instead of being refused.
    pub publish_replaces: bool,
    /// Port of the RTMP listener; 0 = none.
    pub rtmp_port: u16,
    /// Time for an RTMP peer to ask for a stream, and for ours to be taken.
    pub rtmp_start_us: u64,
    /// RTMP connections from one address.
    pub rtmp_per_source: usize,
    /// Connections of viewers at a time, over all sessions.
    pub max_viewers: usize,
    /// Bytes that may wait for one viewer before it loses pictures.
    pub viewer_queue_bytes: usize,
    /// Time without progress after which a viewer is closed.
    pub viewer_stuck_us: u64,
    /// Time for a whole request head.
    pub request_deadline_us: u64,
    /// Send buffer of a viewer's socket; 0 = the kernel's own choice.
    pub viewer_send_buffer_bytes: usize,
    /// Connections of one address that have not shown a good URL yet.
    pub max_strangers: usize,
    /// Certificate chain of the viewers' listener, PEM; empty = no TLS.
    pub tls_certificate: PathBuf,
    /// Its private key, PEM.
    pub tls_key: PathBuf,
    /// Shortest segment of HLS.
    pub hls_segment_us: u64,
    /// Length of a part of HLS that is aimed at.
    pub hls_part_us: u64,
    /// Whole segments of HLS that are kept for each stream that is asked for.
    pub hls_segments: usize,
    /// Most bytes of them.
    pub hls_bytes: usize,
    /// Time after which a reader of HLS that asks for nothing is gone.
    pub hls_idle_us: u64,
    /// The RTSP desk.
    pub rtsp: RtspConfig,
    /// Bytes that may wait for the disk, for each recorder.
    pub recorder_queue_bytes: usize,
    /// Longest fragment inside a recorded file.
    pub recorder_fragment_us: u64,
    /// Threads that read recordings.
    pub playback_threads: usize,
    /// How long a disk may take to answer one of them.
    pub playback_read_us: u64,
    /// Senders to other platforms.
    pub relay: RelayConfig,
}

/// Settings of the RTSP desk.
#[derive(Clone, Debug)]
pub struct RtspConfig {
    /// Port of its listener, at the address of the other viewers; 0 = there is no desk.
    pub port: u16,
    /// Readers and publishers may ask for datagrams.
    pub udp: bool,
    /// Port of these datagrams, the next one for RTCP; 0 = any free pair.
    pub udp_port: u16,
    /// Who may watch with a password instead of a signed URL; empty = nobody.
    pub user: String,
    /// That password.
    pub password: String,
    /// Silence after which a session without a busy connection ends.
    pub timeout_us: u64,
}

impl Default for RtspConfig {
    fn default() -> Self {
        RtspConfig {
            port: 0,
            udp: true,
            udp_port: 0,
            user: String::new(),
            password: String::new(),
            timeout_us: 60_000_000,
        }
    }
}

impl Default for PlaneConfig {
    fn default() -> Self {
        PlaneConfig {
            output_host: "127.0.0.1".into(),
            output_port: 0,
            threads: 1,
            url_key: Vec::new(),
            nap_us: 5_000,
            receive_buffer_bytes: 4 << 20,
            receive_host: "127.0.0.1".into(),
            shared_udp_port: 0,
            shared_tcp_port: 0,
            shared_buffer_bytes: 16 << 20,
            connections_per_source: 0,
            cool_down_us: 10_000_000,
            strict_ssrc: false,
            reorder_packets: 64,
            reorder_us: 200_000,
            gop_bytes: 8 << 20,
            gop_pictures: 1_500,
            audio_wait_us: 200_000,
            pass_damaged: false,
            stall_us: 5_000_000,
            silence_us: 15_000_000,
            relock_us: 3_000_000,
            ssrc_window_us: 500_000,
            feed_queue_bytes: 8 << 20,
            publish_replaces: false,
            rtmp_port: 0,
            rtmp_start_us: 10_000_000,
            rtmp_per_source: 64,
            max_viewers: 1_000,
            viewer_queue_bytes: 4 << 20,
            viewer_stuck_us: 15_000_000,
            request_deadline_us: 5_000_000,
            viewer_send_buffer_bytes: 0,
            max_strangers: 256,
            tls_certificate: PathBuf::new(),
            tls_key: PathBuf::new(),
            hls_segment_us: 1_000_000,
            hls_part_us: 200_000,
            hls_segments: 6,
            hls_bytes: 32 << 20,
            hls_idle_us: 10_000_000,
            rtsp: RtspConfig::default(),
            recorder_queue_bytes: 16 << 20,
            recorder_fragment_us: 1_000_000,
            playback_threads: 2,
            playback_read_us: 5_000_000,
            relay: RelayConfig::default(),
        }
    }
}
