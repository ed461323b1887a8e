//! RTSP URIs in the forms that clients make of ours.

/// A request URI taken apart. The host says nothing: a proxy may have another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// With its first `/`, without the track.
    pub path: String,
    /// After the `?`, without the track.
    pub query: String,
    /// N of `/trackN`, if the URI names one.
    pub track: Option<usize>,
}

/// Reads `rtsp://host:port/path?query`, an absolute path, or nothing (`*`).
///
/// Clients join the URI of the description and the control attribute in different ways: `/path/track0?query`,
/// `/path?query/track0`, with a slash too many. All of them are taken.
#[must_use]
pub fn parse(uri: &str) -> Option<Target> {
    let lower = uri.get(..8).map(str::to_ascii_lowercase);
    let rest = match lower.as_deref() {
        Some(start) if start.starts_with("rtsp://") => uri.get(7..)?,
        Some("rtsps://") => uri.get(8..)?,
        _ => uri,
    };
    let rest = if rest.starts_with('/') {
        rest
    } else {
        rest.find(['/', '?']).map_or("", |at| &rest[at..])
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (path, in_path) = split_track(path);
    let (query, in_query) = split_track(query);
    Some(Target {
        path: if path.is_empty() { "/" } else { path }.to_owned(),
        query: query.to_owned(),
        track: in_query.or(in_path),
    })
}

fn split_track(text: &str) -> (&str, Option<usize>) {
    let trimmed = text.trim_end_matches('/');
    let Some((before, name)) = trimmed.rsplit_once('/') else {
        return (trimmed, None);
    };
    let number = name
        .strip_prefix("track")
        .filter(|digits| (1..=2).contains(&digits.len()))
        .and_then(|digits| digits.parse().ok());
    match number {
        Some(track) => (before.trim_end_matches('/'), Some(track)),
        None => (trimmed, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_track_gives_the_same_target() {
        for uri in [
            "rtsp://h:554/live/ab/track1?tag=x&sig=y",
            "rtsp://h:554/live/ab?tag=x&sig=y/track1",
            "rtsp://[::1]:554/live/ab?tag=x&sig=y//track1/",
            "RTSP://h/live/ab/track1/?tag=x&sig=y",
            "/live/ab/track1?tag=x&sig=y",
        ] {
            let target = parse(uri).unwrap();
            assert_eq!(
                (target.path.as_str(), target.query.as_str(), target.track),
                ("/live/ab", "tag=x&sig=y", Some(1)),
                "{uri}"
            );
        }
    }

    #[test]
    fn other_uris_name_none() {
        for (uri, path, query) in [
            ("*", "/", ""),
            ("rtsp://h", "/", ""),
            ("rtsp://h?a=b", "/", "a=b"),
            ("rtsp://h/live/ab/", "/live/ab", ""),
            ("rtsp://h/live/trackx", "/live/trackx", ""),
            ("rtsp://h/live/track123", "/live/track123", ""),
            ("", "/", ""),
        ] {
            let target = parse(uri).unwrap();
            assert_eq!(
                (target.path.as_str(), target.query.as_str(), target.track),
                (path, query, None),
                "{uri}"
            );
        }
    }
}
