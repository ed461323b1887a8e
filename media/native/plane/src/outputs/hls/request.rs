//! What a path and query of HLS ask for.

/// The media playlist.
pub(crate) const PLAYLIST: &str = "index.m3u8";
/// Directives of a client about the playlist (section 6.2.5); not part of the pass.
const DIRECTIVES: &str = "_HLS_";

/// One file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The playlist, not before it holds this part of this segment.
    Playlist(Option<Reach>),
    /// An initialisation segment.
    Init(u64),
    /// A whole segment.
    Segment(u64),
    /// A part, not before it is whole.
    Part(u64),
}

/// A place in a stream: a segment, and maybe a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) segment: u64,
    pub(crate) part: Option<u64>,
}

/// Reads the name of a file and the directives beside the pass. None = no such file, or directives that are none.
pub(crate) fn parse(file: &str, query: &str) -> Option<Wanted> {
    if file == PLAYLIST {
        let segment = directive(query, "_HLS_msn").ok()?;
        let part = directive(query, "_HLS_part").ok()?;
        return match (segment, part) {
            (None, None) => Some(Wanted::Playlist(None)),
            (Some(segment), part) => Some(Wanted::Playlist(Some(Reach { segment, part }))),
            (None, Some(_)) => None,
        };
    }
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    if let Some(name) = file.strip_suffix(".mp4") {
        return name.strip_prefix("init").and_then(number).map(Wanted::Init);
    }
    let name = file.strip_suffix(".m4s")?;
    match name.strip_prefix("part") {
        Some(rest) => number(rest).map(Wanted::Part),
        None => name
            .strip_prefix("segment")
            .and_then(number)
            .map(Wanted::Segment),
    }
}

fn directive(query: &str, name: &str) -> Result<Option<u64>, ()> {
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| *key == name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some((_, value)), None) => value.parse().map(Some).map_err(drop),
        _ => Err(()),
    }
}

/// The pass alone, for the addresses in a playlist.
pub(crate) fn pass_of(query: &str) -> String {
    let pairs: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with(DIRECTIVES))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_directives_are_read() {
        let at = |segment, part| Some(Wanted::Playlist(Some(Reach { segment, part })));
        for (file, query, wanted) in [
            ("index.m3u8", "tag=a", Some(Wanted::Playlist(None))),
            ("index.m3u8", "_HLS_msn=7&tag=a", at(7, None)),
            ("index.m3u8", "_HLS_msn=7&_HLS_part=0", at(7, Some(0))),
            ("index.m3u8", "_HLS_part=0", None),
            ("index.m3u8", "_HLS_msn=x", None),
            ("index.m3u8", "_HLS_msn=1&_HLS_msn=2", None),
            ("init3.mp4", "", Some(Wanted::Init(3))),
            ("segment12.m4s", "", Some(Wanted::Segment(12))),
            ("part99.m4s", "", Some(Wanted::Part(99))),
            ("part.m4s", "", None),
            ("part+1.m4s", "", None),
            ("segment99999999999999999999999.m4s", "", None),
            ("../x", "", None),
            ("", "", None),
        ] {
            assert_eq!(parse(file, query), wanted, "{file} {query}");
        }
        assert_eq!(
            pass_of("_HLS_msn=7&tag=a&&exp=1&_HLS_part=2"),
            "tag=a&exp=1"
        );
    }
}
