//! Coded pictures: true parameter sets, slices with true first bytes and made-up bodies.

/// 1920x1080, Main 4.0, 25 pictures per second.
pub const H264_SPS: &[u8] = &[
    0x67, 0x4D, 0x40, 0x28, 0xD9, 0x00, 0x78, 0x02, 0x27, 0xE5, 0xC0, 0x44, 0x00, 0x00, 0x03, 0x00,
    0x04, 0x00, 0x00, 0x03, 0x00, 0xC8, 0x3C, 0x60, 0xC9, 0x20,
];
pub const H264_PPS: &[u8] = &[0x68, 0xEB, 0xC3, 0xCB, 0x20];

/// 640x360, Constrained Baseline 2.2, 15 pictures per second.
pub const H264_SMALL_SPS: &[u8] = &[
    0x67, 0x42, 0xC0, 0x16, 0xD9, 0x00, 0xA0, 0x2F, 0xF9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01,
    0x00, 0x00, 0x03, 0x00, 0x1E, 0x0F, 0x16, 0x2E, 0x48,
];
pub const H264_SMALL_PPS: &[u8] = &[0x68, 0xCB, 0x83, 0xCB, 0x20];

/// 704x576, High 3.0, interlaced coding.
pub const H264_FIELD_SPS: &[u8] = &[
    0x67, 0x64, 0x00, 0x1E, 0xAC, 0xE4, 0x02, 0xC0, 0x93, 0x60, 0x22, 0x00, 0x00, 0x03, 0x00, 0x02,
    0x00, 0x00, 0x03, 0x00, 0x64, 0x3E, 0x28, 0x54, 0x90,
];

/// 1920x1080, Main 4.0, 25 pictures per second.
pub const H265_VPS: &[u8] = &[
    0x40, 0x01, 0x0C, 0x01, 0xFF, 0xFF, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x78, 0x92, 0x80, 0x90,
];
pub const H265_SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x78, 0xA0, 0x03, 0xC0, 0x80, 0x10, 0xE5, 0x96, 0x4A, 0x92, 0x4C, 0xAF, 0x01, 0x68, 0x08,
    0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0xC8, 0x40,
];
pub const H265_PPS: &[u8] = &[0x44, 0x01, 0xC1, 0x72, 0xB4, 0x62, 0x40];

/// An H.264 SEI with a recovery point.
pub const H264_RECOVERY_SEI: &[u8] = &[0x06, 0x06, 0x01, 0xC4, 0x80];
/// An H.264 SEI with user data.
pub const H264_SEI: &[u8] = &[0x06, 0x05, 0x02, 0xAA, 0xBB, 0x80];
pub const H264_AUD: &[u8] = &[0x09, 0xF0];

/// `head` and then bytes that hold no start code, `length` in all.
pub fn coded(head: &[u8], length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut nal = head.to_vec();
    while nal.len() < length.max(head.len() + 1) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let byte = (state >> 24) as u8;
        let zero_before = nal.last() == Some(&0);
        nal.push(if zero_before { byte | 0x10 } else { byte });
    }
    if let Some(last) = nal.last_mut() {
        *last |= 1;
    }
    nal
}

pub fn idr(length: usize, seed: u32) -> Vec<u8> {
    coded(&[0x65, 0x88], length, seed)
}

pub fn p_slice(length: usize, seed: u32) -> Vec<u8> {
    coded(&[0x41, 0x9A], length, seed)
}

/// A slice that is not the first of its picture.
pub fn later_slice(length: usize, seed: u32) -> Vec<u8> {
    coded(&[0x41, 0x4A], length, seed)
}

pub fn h265_idr(length: usize, seed: u32) -> Vec<u8> {
    coded(&[0x26, 0x01, 0xAF], length, seed)
}

pub fn h265_p(length: usize, seed: u32) -> Vec<u8> {
    coded(&[0x02, 0x01, 0xD0], length, seed)
}

/// Annex B with start codes of 4 bytes.
pub fn annexb(nals: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for nal in nals {
        bytes.extend_from_slice(&[0, 0, 0, 1]);
        bytes.extend_from_slice(nal);
    }
    bytes
}

/// Annex B with start codes of 3 bytes.
pub fn annexb_short(nals: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for nal in nals {
        bytes.extend_from_slice(&[0, 0, 1]);
        bytes.extend_from_slice(nal);
    }
    bytes
}

/// One picture of a test stream.
#[derive(Debug, Clone)]
pub struct TestPicture {
    pub annexb: Vec<u8>,
    pub keyframe: bool,
    pub pts: u64,
    /// The NAL units that must come out.
    pub expected: Vec<Vec<u8>>,
}

/// A stream of H.264 with a key frame every `gop` pictures, 25 per second from PTS 900,000.
pub fn h264_pictures(
    count: usize,
    gop: usize,
    key_bytes: usize,
    p_bytes: usize,
) -> Vec<TestPicture> {
    (0..count)
        .map(|index| {
            let seed = index as u32 + 1;
            let keyframe = index % gop == 0;
            let slice = if keyframe {
                idr(key_bytes, seed)
            } else {
                p_slice(p_bytes, seed)
            };
            let annexb = if keyframe {
                annexb(&[H264_SPS, H264_PPS, &slice])
            } else {
                annexb(&[&slice])
            };
            TestPicture {
                annexb,
                keyframe,
                pts: 900_000 + 3_600 * index as u64,
                expected: vec![slice],
            }
        })
        .collect()
}

/// The same in H.265.
pub fn h265_pictures(
    count: usize,
    gop: usize,
    key_bytes: usize,
    p_bytes: usize,
) -> Vec<TestPicture> {
    (0..count)
        .map(|index| {
            let seed = index as u32 + 1;
            let keyframe = index % gop == 0;
            let slice = if keyframe {
                h265_idr(key_bytes, seed)
            } else {
                h265_p(p_bytes, seed)
            };
            let annexb = if keyframe {
                annexb(&[H265_VPS, H265_SPS, H265_PPS, &slice])
            } else {
                annexb(&[&slice])
            };
            TestPicture {
                annexb,
                keyframe,
                pts: 900_000 + 3_600 * index as u64,
                expected: vec![slice],
            }
        })
        .collect()
}
