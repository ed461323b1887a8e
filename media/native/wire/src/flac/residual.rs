//! One subframe: the fixed predictor that leaves least, and its residual in Rice codes.
//!
//! Source: RFC 9639 sections 9.2.5 (fixed predictors) and 9.2.7 (coded residual).

use super::bits::BitWriter;

/// Highest order of a fixed predictor.
const MAX_ORDER: usize = 4;
/// Highest Rice parameter with 4-bit parameters; 15 is the escape code.
const MAX_RICE: u32 = 14;
/// Partitions that are tried, as powers of two. Speech of 20 to 40 ms gains nothing from more.
const PARTITION_ORDERS: [u32; 2] = [0, 2];
/// The most of these.
const MAX_PARTITION_ORDER: u32 = 2;
/// Bits of one sample.
const SAMPLE_BITS: u32 = 16;

/// Writes the subframe in the smallest of the forms constant, fixed and verbatim.
pub(super) fn write_subframe(writer: &mut BitWriter<'_>, pcm: &[i16]) {
    if pcm.iter().all(|&sample| sample == pcm[0]) {
        writer.put(0, 8);
        put_sample(writer, pcm[0]);
        return;
    }
    let mut residuals = <[Vec<i32>; MAX_ORDER + 1]>::default();
    let order = differences(pcm, &mut residuals);
    let residual = &residuals[order][..];
    let plan = Partitions::choose(residual, pcm.len(), order);
    let fixed_bits = plan.bits + order as u64 * u64::from(SAMPLE_BITS);
    if fixed_bits >= pcm.len() as u64 * u64::from(SAMPLE_BITS) {
        writer.put(0b0000_0010, 8);
        for &sample in pcm {
            put_sample(writer, sample);
        }
        return;
    }
    writer.put((0b001000 | order as u32) << 1, 8);
    for &sample in &pcm[..order] {
        put_sample(writer, sample);
    }
    plan.write(writer, residual, pcm.len(), order);
}

fn put_sample(writer: &mut BitWriter<'_>, sample: i16) {
    writer.put(u32::from(sample as u16), SAMPLE_BITS);
}

/// Fills the residuals of every order and returns the order with the least sum.
fn differences(pcm: &[i16], residuals: &mut [Vec<i32>; MAX_ORDER + 1]) -> usize {
    residuals[0].extend(pcm.iter().map(|&sample| i32::from(sample)));
    for order in 1..=MAX_ORDER {
        let (lower, upper) = residuals.split_at_mut(order);
        let from = &lower[order - 1];
        upper[0].extend(from.windows(2).map(|pair| pair[1] - pair[0]));
    }
    let highest = MAX_ORDER.min(pcm.len() - 1);
    // All orders are compared over the same samples. 4,608 residuals below 2^19 fit 32 bits, which the
    // compiler adds up several at a time.
    let sum = |order: usize| -> u32 {
        let all = &residuals[order];
        let tail = &all[highest - order..];
        tail.iter()
            .fold(0u32, |sum, r| sum.wrapping_add(r.unsigned_abs()))
    };
    (0..=highest).min_by_key(|&order| sum(order)).unwrap_or(0)
}

/// How the residual is cut, and the Rice parameter of each part.
struct Partitions {
    order: u32,
    parameters: [u32; 1 << MAX_PARTITION_ORDER],
    /// Bits of the whole coded residual.
    bits: u64,
}

impl Partitions {
    fn choose(residual: &[i32], samples: usize, predictor: usize) -> Self {
        PARTITION_ORDERS
            .into_iter()
            .filter(|&order| fits(samples, predictor, order))
            .map(|order| Self::measure(residual, samples, predictor, order))
            .min_by_key(|plan| plan.bits)
            .unwrap_or_else(|| Self::measure(residual, samples, predictor, 0))
    }

    fn measure(residual: &[i32], samples: usize, predictor: usize, order: u32) -> Self {
        let mut parameters = [0; 1 << MAX_PARTITION_ORDER];
        let mut bits = 6;
        for (index, part) in parts(residual, samples, predictor, order).enumerate() {
            let (parameter, length) = best_parameter(part);
            parameters[index] = parameter;
            bits += 4 + length;
        }
        Self {
            order,
            parameters,
            bits,
        }
    }

    fn write(
        &self,
        writer: &mut BitWriter<'_>,
        residual: &[i32],
        samples: usize,
        predictor: usize,
    ) {
        writer.put(0, 2);
        writer.put(self.order, 4);
        for (index, part) in parts(residual, samples, predictor, self.order).enumerate() {
            let parameter = self.parameters[index];
            writer.put(parameter, 4);
            for &value in part {
                writer.put_rice(fold(value), parameter);
            }
        }
    }
}

/// Whether the block divides into 2^order parts and the first has room for the warm-up.
fn fits(samples: usize, predictor: usize, order: u32) -> bool {
    samples.trailing_zeros() >= order && samples >> order > predictor
}

fn parts(
    residual: &[i32],
    samples: usize,
    predictor: usize,
    order: u32,
) -> impl Iterator<Item = &[i32]> {
    let size = samples >> order;
    (0..1usize << order).map(move |index| {
        let start = (index * size).saturating_sub(predictor);
        &residual[start..(index + 1) * size - predictor]
    })
}

/// A Rice parameter with few bits, and these bits.
fn best_parameter(part: &[i32]) -> (u32, u64) {
    let sum: u64 = part.iter().map(|&value| u64::from(fold(value))).sum();
    let mean = sum / part.len().max(1) as u64;
    // The codes are shortest near the parameter whose power of two is the mean times ln 2.
    let scaled = mean * 45 / 64;
    let parameter = (63 - (scaled | 1).leading_zeros()).min(MAX_RICE);
    let unary: u64 = part.iter().map(|&v| u64::from(fold(v) >> parameter)).sum();
    (
        parameter,
        unary + part.len() as u64 * u64::from(parameter + 1),
    )
}

/// Signed to unsigned: 0, -1, 1, -2 become 0, 1, 2, 3.
const fn fold(value: i32) -> u32 {
    (value << 1 ^ value >> 31) as u32
}
