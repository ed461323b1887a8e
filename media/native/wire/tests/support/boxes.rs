//! A small reader of MP4 boxes, apart from the writer under test.

/// One box: type, position of its body in the file, body.
#[derive(Debug, Clone, Copy)]
pub struct Mp4Box<'a> {
    pub kind: [u8; 4],
    pub body_at: usize,
    pub body: &'a [u8],
}

/// The boxes that fill `bytes`, which begin at `base` in the file.
pub fn walk(bytes: &[u8], base: usize) -> Vec<Mp4Box<'_>> {
    let mut boxes = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = number(bytes, at) as usize;
        assert!(length >= 8 && at + length <= bytes.len(), "box at {at}");
        boxes.push(Mp4Box {
            kind: bytes[at + 4..at + 8].try_into().unwrap(),
            body_at: base + at + 8,
            body: &bytes[at + 8..at + length],
        });
        at += length;
    }
    boxes
}

/// The box at a path such as `moov/trak/mdia`; the first of each type.
pub fn find<'a>(bytes: &'a [u8], path: &str) -> Option<Mp4Box<'a>> {
    let mut found: Option<Mp4Box<'a>> = None;
    for kind in path.split('/') {
        let (body, base) = found.map_or((bytes, 0), |b| (b.body, b.body_at));
        found = walk(body, base)
            .into_iter()
            .find(|b| b.kind == kind.as_bytes());
        found?;
    }
    found
}

pub fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn long_number(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap())
}
