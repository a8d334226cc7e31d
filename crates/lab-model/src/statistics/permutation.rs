//! The permutation test of a difference of means.

/// What a permutation test found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Permutation {
    /// Share of the ways to deal the values that give a difference at least as far from 0.
    pub p: f64,
    /// How many ways were looked at.
    pub ways: u64,
    /// Whether these are all there are; otherwise they were drawn, and `p` counts the given way too.
    pub exact: bool,
}

/// Up to so many ways are all looked at.
const ENUMERATED: u64 = 20_000;
/// Otherwise so many are drawn: the standard error of a p of 0.05 is then 0.0022.
const DRAWN: u64 = 10_000;

/// How often dealing the values anew to the two groups gives means that are at least as far apart (Fisher 1935, Phipson
/// & Smyth 2010 for the drawn case). `seed` decides which ways are drawn. Values that are not finite do not count;
/// `None` when a group is empty then.
pub fn permutation(left: &[f64], right: &[f64], seed: u64) -> Option<Permutation> {
    let finite = |values: &[f64]| values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
    let (left, right) = (finite(left), finite(right));
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let split = left.len();
    let mut values = left;
    values.extend(right);
    // Around their centre, small differences are not lost in large sums.
    let centre = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|value| *value -= centre);
    let scale = values.iter().map(|value| value.abs()).fold(0.0, f64::max);
    let total: f64 = values.iter().sum();
    let rest = (values.len() - split) as f64;
    let apart = |sum: f64| ((total - sum) / rest - sum / split as f64).abs();
    let observed = apart(values[..split].iter().sum()) - 1e-12 * scale;
    match ways(values.len(), split) {
        Some(ways) => {
            let mut count = 0;
            deal(&values, split, 0.0, &mut |sum| count += u64::from(apart(sum) >= observed));
            Some(Permutation { p: count as f64 / ways as f64, ways, exact: true })
        }
        None => {
            let mut random = SplitMix(seed);
            let mut count = 1;
            for _ in 0..DRAWN {
                for place in 0..split {
                    let other = place + random.below(values.len() - place);
                    values.swap(place, other);
                }
                count += u64::from(apart(values[..split].iter().sum()) >= observed);
            }
            Some(Permutation { p: count as f64 / (DRAWN + 1) as f64, ways: DRAWN, exact: false })
        }
    }
}

/// How many ways there are to take `chosen` of `all`, unless they are too many.
fn ways(all: usize, chosen: usize) -> Option<u64> {
    let chosen = chosen.min(all - chosen);
    let mut ways: u64 = 1;
    for place in 0..chosen {
        ways = ways * (all - place) as u64 / (place as u64 + 1);
        if ways > ENUMERATED {
            return None;
        }
    }
    Some(ways)
}

/// The sums of all ways to take `chosen` of `values`, each on top of `sum`.
fn deal(values: &[f64], chosen: usize, sum: f64, found: &mut dyn FnMut(f64)) {
    if chosen == 0 {
        return found(sum);
    }
    if values.len() == chosen {
        return found(sum + values.iter().sum::<f64>());
    }
    deal(&values[1..], chosen - 1, sum + values[0], found);
    deal(&values[1..], chosen, sum, found);
}

/// SplitMix64 (Steele, Lea & Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, its bias below bound / 2⁶⁴.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_are_enumerated() {
        let found = permutation(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 0).unwrap();
        assert_eq!(found, Permutation { p: 0.1, ways: 20, exact: true });
        assert_eq!(permutation(&[1.0], &[1.0], 0).unwrap().p, 1.0);
        assert_eq!(permutation(&[f64::NAN], &[1.0], 0), None);
    }

    #[test]
    fn large_groups_are_drawn_the_same_way_each_time() {
        let left: Vec<f64> = (0..40).map(|place| f64::from(place % 7)).collect();
        let right: Vec<f64> = left.iter().map(|value| value + 0.5).collect();
        let found = permutation(&left, &right, 7).unwrap();
        assert!(!found.exact && found.ways == 10_000);
        assert_eq!(Some(found), permutation(&left, &right, 7));
        // Welch gives 0.27 here.
        assert!((found.p - 0.27).abs() < 0.02, "{found:?}");
    }
}
