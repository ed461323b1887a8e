//! How a worker tells the descriptors of senders from those of sessions.

/// Set in the tokens of senders alone (the wake-up's token, all ones, is looked for first).
const MARK: u64 = 1 << 63;
const NUMBER_BITS: u32 = 16;

/// Which descriptor of which sender is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Key of the session.
    pub(crate) session: u64,
    /// Place of the sender in it.
    pub(crate) number: usize,
    /// The RTCP socket; else the one for RTP, the listener or the connection.
    pub(crate) is_rtcp: bool,
}

impl Token {
    pub(crate) fn encode(self) -> u64 {
        MARK | self.session << (NUMBER_BITS + 1)
            | (self.number as u64) << 1
            | u64::from(self.is_rtcp)
    }

    pub(crate) fn decode(token: u64) -> Option<Token> {
        (token & MARK != 0).then_some(Token {
            session: (token & !MARK) >> (NUMBER_BITS + 1),
            number: (token >> 1) as usize & ((1 << NUMBER_BITS) - 1),
            is_rtcp: token & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_and_those_of_sessions_are_none() {
        let token = Token {
            session: 123_456_789,
            number: 65_535,
            is_rtcp: true,
        };
        assert_eq!(Token::decode(token.encode()), Some(token));
        assert_eq!(Token::decode(200 << 2 | 3), None);
    }
}
