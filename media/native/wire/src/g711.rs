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

/// Appends one byte to `out` for each sample: the code whose value is nearest. What [`decode`] gave comes back as it
/// was, but for the second zero of µ-law.
pub fn encode(law: Law, pcm: &[i16], out: &mut Vec<u8>) {
    match law {
        Law::A => out.extend(pcm.iter().map(|&sample| a_law_byte(sample))),
        Law::Mu => out.extend(pcm.iter().map(|&sample| mu_law_byte(sample))),
    }
}

/// The law that these decoded samples prove: most values belong to one of both.
#[must_use]
pub fn law_of(pcm: &[i16]) -> Option<Law> {
    pcm.iter().find_map(|&sample| {
        let is_a = A_LAW[usize::from(a_law_byte(sample))] == sample;
        let is_mu = MU_LAW[usize::from(mu_law_byte(sample))] == sample;
        match (is_a, is_mu) {
            (true, false) => Some(Law::A),
            (false, true) => Some(Law::Mu),
            _ => None,
        }
    })
}

const fn a_law_byte(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let magnitude = if sample < 0 {
        -1 - sample as i32
    } else {
        sample as i32
    } >> 4;
    // Segments 0 and 1 have steps of 16; each one above has twice the step of the one before.
    let segment = match magnitude {
        0..32 => return (sign | magnitude as u8) ^ 0x55,
        _ => 28 - (magnitude as u32).leading_zeros(),
    };
    (sign | (segment as u8) << 4 | (magnitude >> (segment - 1) & 0x0F) as u8) ^ 0x55
}

const fn mu_law_byte(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (sample as i32).abs() + 0x84;
    let magnitude = if magnitude > 0x7FFF {
        0x7FFF
    } else {
        magnitude
    };
    let segment = 24 - (magnitude as u32).leading_zeros();
    !(sign | (segment as u8) << 4 | (magnitude >> (segment + 3) & 0x0F) as u8)
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
    fn every_code_comes_back_from_its_value() {
        for byte in 0..=255u8 {
            for (law, table) in [(Law::A, A_LAW), (Law::Mu, MU_LAW)] {
                let mut back = Vec::new();
                encode(law, &[table[usize::from(byte)]], &mut back);
                let expected = if (law, byte) == (Law::Mu, 0x7F) {
                    0xFF
                } else {
                    byte
                };
                assert_eq!(back, [expected], "{law:?} {byte:#x}");
            }
        }
    }

    #[test]
    fn the_code_of_the_interval_is_taken() {
        // Where the steps double, the interval of a code reaches farther than halfway to its smaller neighbour.
        for sample in i16::MIN..=i16::MAX {
            for (law, table) in [(Law::A, A_LAW), (Law::Mu, MU_LAW)] {
                let mut back = Vec::new();
                encode(law, &[sample], &mut back);
                let distance = |value: i16| (i32::from(value) - i32::from(sample)).abs();
                let found = distance(table[usize::from(back[0])]);
                let best = table.iter().map(|&value| distance(value)).min().unwrap();
                assert!(found <= 2 * best + 16, "{law:?} {sample}: {found} {best}");
            }
        }
    }

    #[test]
    fn values_tell_their_law() {
        assert_eq!(law_of(&[8, -8, 136]), Some(Law::A));
        assert_eq!(law_of(&[8, 0]), Some(Law::Mu));
        assert_eq!(law_of(&[8, -24]), None);
    }

    #[test]
    fn decoding_appends_one_sample_for_each_byte() {
        let mut pcm = vec![1];
        decode(Law::A, &[0xD5, 0x55], &mut pcm);
        decode(Law::Mu, &[0xFF], &mut pcm);
        assert_eq!(pcm, [1, 8, -8, 0]);
    }
}
