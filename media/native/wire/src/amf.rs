//! AMF0: the values of RTMP commands and of the metadata in FLV.
//!
//! Source: Adobe, Action Message Format AMF 0 (2007). AMF3 values inside are not read.

use crate::error::WireError;

/// Deepest nesting of objects that is read.
pub const MAX_DEPTH: usize = 16;
/// Most values of one message.
pub const MAX_VALUES: usize = 1_024;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Amf {
    /// A double.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// UTF-8; bytes that are none are replaced.
    String(String),
    /// Names and values of an object or an associative array, in their order.
    Object(Vec<(String, Amf)>),
    /// Values without names.
    Array(Vec<Amf>),
    /// Nothing.
    Null,
    /// Nothing, and not even that.
    Undefined,
}

impl Amf {
    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a number.
    #[must_use]
    pub const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The value under a name of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Amf> {
        match self {
            Self::Object(fields) => fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }
}

/// Reads values one after the other.
#[derive(Debug)]
pub struct AmfReader<'a> {
    bytes: &'a [u8],
    position: usize,
    left: usize,
}

impl<'a> AmfReader<'a> {
    /// A reader of the values in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            left: MAX_VALUES,
        }
    }

    /// Whether all is read.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// The next value, or none at the end.
    ///
    /// # Errors
    ///
    /// The bytes end inside a value, are of an unknown type, or nest too deeply.
    pub fn next_value(&mut self) -> Result<Option<Amf>, WireError> {
        if self.is_at_end() {
            return Ok(None);
        }
        self.value(0).map(Some)
    }

    fn value(&mut self, depth: usize) -> Result<Amf, WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::too_large(
                "AMF nesting",
                self.position,
                depth,
                MAX_DEPTH,
            ));
        }
        self.left = self.left.checked_sub(1).ok_or(WireError::too_large(
            "AMF values",
            self.position,
            MAX_VALUES + 1,
            MAX_VALUES,
        ))?;
        let start = self.position;
        let [marker] = self.take::<1>()?;
        match marker {
            0 => Ok(Amf::Number(f64::from_be_bytes(self.take::<8>()?))),
            1 => Ok(Amf::Boolean(self.take::<1>()? != [0])),
            2 => self.short_string().map(Amf::String),
            3 => self.fields(depth).map(Amf::Object),
            5 => Ok(Amf::Null),
            6 | 13 => Ok(Amf::Undefined),
            8 => {
                // The count is a hint: the end mark decides.
                self.take::<4>()?;
                self.fields(depth).map(Amf::Object)
            }
            10 => self.array(depth),
            11 => {
                let date = f64::from_be_bytes(self.take::<8>()?);
                self.take::<2>()?;
                Ok(Amf::Number(date))
            }
            12 | 15 => {
                let length = u32::from_be_bytes(self.take::<4>()?) as usize;
                self.text(length).map(Amf::String)
            }
            other => Err(WireError::invalid("AMF marker", start, u64::from(other))),
        }
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<(String, Amf)>, WireError> {
        let mut fields = Vec::new();
        loop {
            // Some encoders leave the end mark out when nothing follows.
            if self.is_at_end() {
                return Ok(fields);
            }
            let name = self.short_string()?;
            if name.is_empty() && self.bytes.get(self.position) == Some(&9) {
                self.position += 1;
                return Ok(fields);
            }
            fields.push((name, self.value(depth + 1)?));
        }
    }

    fn array(&mut self, depth: usize) -> Result<Amf, WireError> {
        let count = u32::from_be_bytes(self.take::<4>()?);
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(depth + 1)?);
        }
        Ok(Amf::Array(values))
    }

    fn short_string(&mut self) -> Result<String, WireError> {
        let length = usize::from(u16::from_be_bytes(self.take::<2>()?));
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Result<String, WireError> {
        let end = self.position.saturating_add(length);
        let Some(text) = self.bytes.get(self.position..end) else {
            return Err(WireError::truncated(
                "AMF string",
                self.position,
                end,
                self.bytes.len(),
            ));
        };
        self.position = end;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let Some(&taken) = rest.first_chunk::<N>() else {
            return Err(WireError::truncated(
                "AMF value",
                self.position,
                self.position + N,
                self.bytes.len(),
            ));
        };
        self.position += N;
        Ok(taken)
    }
}

/// Reads all values of a message.
///
/// # Errors
///
/// See [`AmfReader::next_value`].
pub fn read_all(bytes: &[u8]) -> Result<Vec<Amf>, WireError> {
    let mut reader = AmfReader::new(bytes);
    let mut values = Vec::new();
    while let Some(value) = reader.next_value()? {
        values.push(value);
    }
    Ok(values)
}

/// Appends a string.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(2);
    put_name(out, text);
}

/// Appends a number.
pub fn put_number(out: &mut Vec<u8>, number: f64) {
    out.push(0);
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends true or false.
pub fn put_boolean(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(&[1, u8::from(value)]);
}

/// Appends nothing, as a value.
pub fn put_null(out: &mut Vec<u8>) {
    out.push(5);
}

/// Appends a value of any kind.
pub fn put(out: &mut Vec<u8>, value: &Amf) {
    match value {
        Amf::Number(number) => put_number(out, *number),
        Amf::Boolean(value) => put_boolean(out, *value),
        Amf::String(text) => put_string(out, text),
        Amf::Object(fields) => {
            out.push(3);
            put_fields(out, fields);
        }
        Amf::Array(values) => {
            out.push(10);
            out.extend_from_slice(&(values.len() as u32).to_be_bytes());
            values.iter().for_each(|value| put(out, value));
        }
        Amf::Null => put_null(out),
        Amf::Undefined => out.push(6),
    }
}

/// Appends an associative array, as metadata is written.
pub fn put_ecma_array(out: &mut Vec<u8>, fields: &[(String, Amf)]) {
    out.push(8);
    out.extend_from_slice(&(fields.len() as u32).to_be_bytes());
    put_fields(out, fields);
}

fn put_fields(out: &mut Vec<u8>, fields: &[(String, Amf)]) {
    for (name, value) in fields {
        put_name(out, name);
        put(out, value);
    }
    out.extend_from_slice(&[0, 0, 9]);
}

/// A text is cut at the longest that its length can say.
fn put_name(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&(end as u16).to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..end]);
}
