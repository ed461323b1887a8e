//! G.711 to 16-bit samples, by table.
//!
//! Source: ITU-T G.711; the tables are computed when the crate is compiled.

/// Which companding law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A-law (PCMA).
    A,
    /// µ-law (PCMU).
    Mu,
}

/// 16-bit sample for each A-law byte.
pub const A_LAW: [i16; 256] = a_law_table();

/// 16-bit sample for each µ-law byte.
pub const MU_LAW: [i16; 256] = mu_law_table();

/// Appends one sample to `pcm` for each byte of `data`.
pub fn decode(law: Law, data: &[u8], pcm: &mut Vec<i16>) {
    let table = match law {
        Law::A => &A_LAW,
        Law::Mu => &MU_LAW,
    };
    pcm.extend(data.iter().map(|&byte| table[usize::from(byte)]));
}

const fn a_law_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        // Even bits are inverted on the line (G.711 table 1a, note 2).
        let code = byte as u8 ^ 0x55;
        let mantissa = ((code & 0x0F) as i16) << 4;
        let segment = (code >> 4) & 7;
        let magnitude = match segment {
            0 => mantissa + 8,
            _ => (mantissa + 0x108) << (segment - 1),
        };
        table[byte] = if code & 0x80 != 0 {
            magnitude
        } else {
            -magnitude
        };
        byte += 1;
    }
    table
}

const fn mu_law_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = !(byte as u8);
        let segment = (code >> 4) & 7;
        let magnitude = ((((code & 0x0F) as i16) << 3) + 0x84) << segment;
        table[byte] = if code & 0x80 != 0 {
            0x84 - magnitude
        } else {
            magnitude - 0x84
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_knows_the_ends_and_the_smallest_steps() {
        assert_eq!(A_LAW[0xD5], 8);
        assert_eq!(A_LAW[0x55], -8);
        assert_eq!(A_LAW[0xAA], 32256);
        assert_eq!(A_LAW[0x2A], -32256);
    }

    #[test]
    fn mu_law_knows_the_ends_and_both_zeros() {
        assert_eq!(MU_LAW[0xFF], 0);
        assert_eq!(MU_LAW[0x7F], 0);
        assert_eq!(MU_LAW[0x80], 32124);
        assert_eq!(MU_LAW[0x00], -32124);
    }

    #[test]
    fn decoding_appends_one_sample_for_each_byte() {
        let mut pcm = vec![1];
        decode(Law::A, &[0xD5, 0x55], &mut pcm);
        decode(Law::Mu, &[0xFF], &mut pcm);
        assert_eq!(pcm, [1, 8, -8, 0]);
    }
}
