//! What is known of many paths. A run may open hundreds of thousands of files, each again and again, and for each the
//! tracer asks what it knows: all text lies in one piece, and of a path that is looked for seldom more than its own
//! text is touched.

/// Some bits for each path; those that were never given any have none.
#[derive(Default, Debug)]
pub(super) struct Paths {
    /// Where the paths are, by their hash; as many as a power of two, at least a quarter of them unused.
    places: Vec<Place>,
    /// Of each path its bits, its length and its text.
    text: Vec<u8>,
    /// How many have a place, and how many of them have bits.
    placed: usize,
    count: usize,
}

#[derive(Clone, Copy, Default, Debug)]
struct Place {
    hash: u32,
    /// Where in the text it begins, plus one; 0 where nothing is.
    at: u32,
}

/// What stands before the text of a path.
const HEAD_BYTES: usize = 3;

impl Paths {
    /// With room for the text of some ten thousand paths, which takes no memory until it is used.
    pub(super) fn with_room() -> Self {
        Self { text: Vec::with_capacity(1 << 20), ..Self::default() }
    }

    /// How many paths have bits.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The bits of a path.
    pub(super) fn get(&self, path: &[u8]) -> u8 {
        let hash = hash(path);
        if self.places.is_empty() { 0 } else { self.find(hash, path).map_or(0, |at| self.text[at]) }
    }

    /// Takes all bits of a path away, if it has any.
    pub(super) fn remove(&mut self, path: &[u8]) {
        if !self.places.is_empty()
            && let Ok(at) = self.find(hash(path), path)
            && std::mem::take(&mut self.text[at]) != 0
        {
            self.count -= 1;
        }
    }

    /// Gives a path more bits, and returns those that it had. One that is longer than any that a system knows stays without.
    pub(super) fn add(&mut self, path: &[u8], bits: u8) -> u8 {
        if self.placed * 4 >= self.places.len() * 3 {
            self.make_room();
        }
        let hash = hash(path);
        let at = self.find(hash, path).or_else(|index| self.place(index, hash, path).ok_or(()));
        let Ok(at) = at else { return 0 };
        let before = self.text[at];
        self.text[at] |= bits;
        self.count += usize::from(before == 0 && bits != 0);
        before
    }

    fn place(&mut self, index: usize, hash: u32, path: &[u8]) -> Option<usize> {
        let (length, before) = (u16::try_from(path.len()).ok()?, self.text.len());
        self.places[index] = Place { hash, at: u32::try_from(before + 1).ok()? };
        self.placed += 1;
        self.text.push(0);
        self.text.extend(length.to_ne_bytes());
        self.text.extend(path);
        Some(before)
    }

    /// Where in the text a path begins, or else the place for it.
    fn find(&self, hash: u32, path: &[u8]) -> Result<usize, usize> {
        let mask = self.places.len() - 1;
        let mut index = hash as usize & mask;
        loop {
            let place = self.places[index];
            if place.at == 0 {
                return Err(index);
            }
            let at = place.at as usize - 1;
            if place.hash == hash && self.path(at) == path {
                return Ok(at);
            }
            index = (index + 1) & mask;
        }
    }

    fn path(&self, at: usize) -> &[u8] {
        let length = u16::from_ne_bytes([self.text[at + 1], self.text[at + 2]]);
        &self.text[at + HEAD_BYTES..][..length.into()]
    }

    fn make_room(&mut self) {
        if self.count * 2 < self.placed {
            return self.begin_anew();
        }
        const PLACES_MIN: usize = 64;
        let mask = (self.places.len() * 2).max(PLACES_MIN) - 1;
        let old = std::mem::replace(&mut self.places, vec![Place::default(); mask + 1]);
        for place in old.into_iter().filter(|place| place.at > 0) {
            let mut index = place.hash as usize & mask;
            while self.places[index].at > 0 {
                index = (index + 1) & mask;
            }
            self.places[index] = place;
        }
    }

    /// Forgets those that have no bits any more.
    fn begin_anew(&mut self) {
        let empty = Self { places: vec![Place::default(); self.places.len()], ..Self::default() };
        let old = std::mem::replace(self, empty);
        let mut at = 0;
        while at < old.text.len() {
            let path = old.path(at);
            if old.text[at] != 0 {
                self.add(path, old.text[at]);
            }
            at += HEAD_BYTES + path.len();
        }
    }
}

/// Multiplies eight bytes at a time and folds the product, as wyhash does (Wang Yi, 2019): a fifth of the time of the
/// standard library's, which withstands people who choose names so that they collide. Those who do so here slow down
/// what is noted of their own run.
fn hash(path: &[u8]) -> u32 {
    /// Bits of the golden ratio: any odd number without a pattern will do.
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let product = u128::from(state ^ word) * u128::from(FACTOR);
        // What is 0 must not stay 0, whatever follows.
        (product as u64 ^ (product >> 64) as u64).wrapping_add(FACTOR)
    };
    let (words, rest) = path.as_chunks::<8>();
    let state = words.iter().fold(path.len() as u64, |state, word| mix(state, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let state = mix(state, u64::from_le_bytes(last));
    (state ^ state >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn bits_are_those_that_were_given() {
        let (mut paths, mut expected) = (Paths::default(), HashMap::new());
        assert_eq!((paths.get(b"/a"), paths.len()), (0, 0));
        paths.remove(b"/a");
        for step in 0..5000_u32 {
            // Some come again.
            let path = format!("/data/{}/image {}.png", step % 7, step.wrapping_mul(2_654_435_761) % 3000);
            let known: &mut u8 = expected.entry(path.clone()).or_default();
            let bit = 1 << (step % 2);
            if step % 11 == 0 {
                paths.remove(path.as_bytes());
                *known = 0;
            } else {
                assert_eq!(paths.add(path.as_bytes(), bit), *known, "{path}");
                *known |= bit;
            }
        }
        expected.iter().for_each(|(path, known)| assert_eq!(paths.get(path.as_bytes()), *known, "{path}"));
        assert_eq!(paths.get(b"/data/1"), 0);
        paths.clear();
        assert!(paths.len() == 0 && expected.keys().all(|path| paths.get(path.as_bytes()) == 0));
    }

    #[test]
    fn what_is_removed_takes_no_room() {
        let mut paths = Paths::default();
        for step in 0..10_000_u32 {
            let path = format!("/tmp/{step}");
            paths.add(path.as_bytes(), 1);
            if step >= 10 {
                paths.remove(format!("/tmp/{}", step - 10).as_bytes());
            }
        }
        assert_eq!(paths.len(), 10);
        assert!(paths.text.len() < 2000 && paths.places.len() == 64, "{} {}", paths.text.len(), paths.places.len());
    }

    #[test]
    fn what_cannot_be_a_path_is_not_kept() {
        let mut paths = Paths::default();
        let long = [b'x'; 70_000];
        assert_eq!((paths.add(&long, 1), paths.add(&long, 1), paths.len()), (0, 0, 0));
        assert_eq!((paths.add(b"", 1), paths.add(b"", 2), paths.get(b"")), (0, 1, 3));
    }

    #[test]
    fn names_that_are_alike_have_different_hashes() {
        for name in
            [|n: u32| format!("/f{n}"), |n| format!("/a/deep/directory/{n:06}.jpeg"), |n| "x".repeat(n as usize % 999)]
        {
            let names: HashSet<String> = (0..20_000).map(name).collect();
            let hashes: HashSet<u32> = names.iter().map(|name| hash(name.as_bytes())).collect();
            assert!(hashes.len() + 3 > names.len(), "{} of {}", hashes.len(), names.len());
            // Also in the bits that choose the place.
            let places: HashSet<u32> = hashes.iter().map(|hash| hash % 65_536).collect();
            assert!(places.len() as f64 > 0.8 * names.len() as f64, "{} of {}", places.len(), names.len());
        }
    }
}
