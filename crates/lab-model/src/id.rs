use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Letters and digits of an id, without those that are read as others (i, l, o, u).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Spells 60 bits of `random` as 12 characters.
fn spell(random: u64) -> String {
    (0..12).map(|place| ALPHABET[(random >> (place * 5) & 31) as usize] as char).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// An id of 60 random bits.
            pub fn from_random(random: u64) -> Self {
                Self(spell(random))
            }

            /// The twelve characters.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                if text.len() == 12 && text.bytes().all(|byte| ALPHABET.contains(&byte)) {
                    Ok(Self(text))
                } else {
                    Err("an id is twelve letters or digits")
                }
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Names a run: twelve characters, of which people type the first few.
    RunId
}
id! {
    /// Names a project.
    ProjectId
}

const ADJECTIVES: [&str; 64] = [
    "amber", "agile", "ample", "azure", "bold", "brave", "brisk", "bright", "calm", "candid", "clear", "clever",
    "cosmic", "crisp", "curious", "daring", "deep", "eager", "early", "fair", "fancy", "fleet", "fresh", "gentle",
    "glad", "golden", "grand", "green", "happy", "honest", "humble", "keen", "kind", "lively", "lucid", "lucky",
    "mellow", "merry", "mild", "misty", "neat", "noble", "patient", "plain", "polite", "proud", "quick", "quiet",
    "rapid", "ready", "royal", "sharp", "silent", "silver", "smooth", "solid", "steady", "sunny", "swift", "tidy",
    "vivid", "warm", "wise", "witty",
];

const NOUNS: [&str; 64] = [
    "acorn", "anchor", "aspen", "badger", "beacon", "birch", "bison", "brook", "canyon", "cedar", "cliff", "cloud",
    "comet", "coral", "crane", "delta", "dune", "eagle", "ember", "falcon", "fern", "finch", "fjord", "forest", "fox",
    "gecko", "glacier", "grove", "harbor", "hawk", "heron", "island", "jaguar", "lagoon", "lake", "lark", "lemur",
    "lynx", "maple", "meadow", "meteor", "moose", "nebula", "ocean", "orchid", "otter", "owl", "panda", "pebble",
    "pine", "planet", "prairie", "puffin", "quartz", "raven", "reef", "river", "robin", "sparrow", "spruce", "summit",
    "tiger", "walrus", "willow",
];

/// A name that people remember, such as `brave-otter`, made from 12 of the bits of `seed`.
pub fn name_from_seed(seed: u64) -> String {
    format!("{}-{}", ADJECTIVES[(seed % 64) as usize], NOUNS[(seed / 64 % 64) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_and_refuse_other_text() {
        let id = RunId::from_random(0x0123_4567_89ab_cdef);
        assert_eq!(id.as_str().len(), 12);
        assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
        assert!("short".parse::<RunId>().is_err());
        assert!("iiiiiiiiiiii".parse::<RunId>().is_err());
    }

    #[test]
    fn names_are_lists_without_repeats() {
        let mut all: Vec<_> = ADJECTIVES.iter().chain(&NOUNS).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 128);
    }
}
