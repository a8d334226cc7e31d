use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::typed;
use crate::ConfigError;

/// The largest config file that is read.
pub const MAX_CONFIG_BYTES: usize = 1 << 20;
/// The most settings that a config file may have.
pub const MAX_CONFIG_KEYS: usize = 5000;
/// The deepest nesting.
const MAX_DEPTH: usize = 32;
/// The most values of all kinds; YAML aliases can stand for very many.
const MAX_VALUES: usize = 50_000;
/// How the TOML reader marks a date.
const TOML_DATE: &str = "$__toml_private_datetime";

#[derive(Clone, Copy)]
enum Format {
    Yaml,
    Toml,
    Json,
    Ini,
}

fn format_of(name: &str) -> Option<Format> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => Format::Yaml,
        "toml" => Format::Toml,
        "json" => Format::Json,
        "ini" | "cfg" | "conf" => Format::Ini,
        _ => return None,
    })
}

/// Whether a name has the ending of a config file.
pub(super) fn is_config_name(name: &str) -> bool {
    format_of(name).is_some() && !name.starts_with('-') && !name.contains(char::is_whitespace)
}

/// Settings of a YAML, TOML, JSON or INI file; the name's ending tells which. Keys are joined with
/// dots; lists of scalars stay lists, other lists get the index as a part of the key.
///
/// # Errors
/// See [`ConfigError`].
pub fn flatten_config(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, Value>, ConfigError> {
    let format = format_of(name).ok_or(ConfigError::UnknownFormat)?;
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge { size_bytes: bytes.len(), limit_bytes: MAX_CONFIG_BYTES });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ConfigError::NotText)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let limits = Limits::default();
    let seed = Bounded { limits: &limits, depth: 0 };
    let value = match format {
        Format::Yaml => match yaml_serde::Deserializer::from_str(text).next() {
            Some(document) => seed.deserialize(document).map_err(ConfigError::from),
            None => Ok(Value::Null),
        },
        Format::Toml => {
            toml::Deserializer::parse(text).and_then(|document| seed.deserialize(document)).map_err(ConfigError::from)
        }
        Format::Json => seed.deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(ConfigError::from),
        Format::Ini => Ok(ini(text)),
    };
    if limits.too_deep.get() {
        return Err(ConfigError::TooDeep { limit: MAX_DEPTH });
    }
    if limits.values.get() > MAX_VALUES {
        return Err(ConfigError::TooMany { limit: MAX_CONFIG_KEYS });
    }
    let mut settings = BTreeMap::new();
    flatten(&mut String::new(), value?, &mut settings)?;
    Ok(settings)
}

fn flatten(key: &mut String, value: Value, settings: &mut BTreeMap<String, Value>) -> Result<(), ConfigError> {
    let length = key.len();
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    match value {
        Value::Object(map) if !map.is_empty() => {
            // YAML's merge key: its settings count unless the map has its own.
            let (merged, own): (Vec<_>, Vec<_>) = map.into_iter().partition(|(name, _)| name == "<<");
            for (name, value) in own {
                push(key, &name);
                flatten(key, value, settings)?;
                key.truncate(length);
            }
            for (_, value) in merged {
                merge(key, value, settings)?;
            }
        }
        Value::Array(list) if !list.iter().all(is_scalar) => {
            for (index, value) in list.into_iter().enumerate() {
                push(key, &index.to_string());
                flatten(key, value, settings)?;
                key.truncate(length);
            }
        }
        value => {
            if settings.len() >= MAX_CONFIG_KEYS {
                return Err(ConfigError::TooMany { limit: MAX_CONFIG_KEYS });
            }
            // A file that is one scalar has no settings, and one that is a list keeps it by index.
            if !key.is_empty() {
                settings.entry(key.clone()).or_insert(value);
            }
        }
    }
    Ok(())
}

fn merge(key: &mut String, value: Value, settings: &mut BTreeMap<String, Value>) -> Result<(), ConfigError> {
    match value {
        Value::Array(list) => list.into_iter().try_for_each(|value| merge(key, value, settings)),
        Value::Object(_) => flatten(key, value, settings),
        _ => Ok(()),
    }
}

fn push(key: &mut String, part: &str) {
    if !key.is_empty() {
        key.push('.');
    }
    key.push_str(part);
}

/// A plain reader of INI files: sections, `key = value` and `key: value`, comments.
fn ini(text: &str) -> Value {
    let mut root = Map::new();
    let mut section = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.trim().clone_into(&mut section);
            continue;
        }
        let Some(at) = line.find(['=', ':']) else { continue };
        let (key, value) = (line[..at].trim(), line[at + 1..].trim());
        let value = value.split(" #").next().unwrap_or(value).split(" ;").next().unwrap_or(value).trim();
        let name = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        root.insert(name, typed(value));
    }
    Value::Object(root)
}

#[derive(Default)]
struct Limits {
    values: Cell<usize>,
    too_deep: Cell<bool>,
}

/// Reads any format into a JSON value, within limits.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    limits: &'a Limits,
    depth: usize,
}

impl Bounded<'_> {
    fn count<E: de::Error>(self) -> Result<(), E> {
        self.limits.values.set(self.limits.values.get() + 1);
        if self.limits.values.get() > MAX_VALUES { Err(E::custom("too many values")) } else { Ok(()) }
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            self.limits.too_deep.set(true);
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        let text = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        Ok(Number::from_f64(value).map_or_else(|| Value::String(text.to_owned()), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(value) = access.next_element_seed(inner)? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key_seed(inner)? {
            let key = match key {
                Value::String(key) => key,
                other => other.to_string(),
            };
            let value = access.next_value_seed(inner)?;
            if key == TOML_DATE {
                return Ok(value);
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    /// A YAML value with a tag of its own: the value counts.
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (_, variant) = access.variant_seed(self)?;
        variant.newtype_variant_seed(self.deeper()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: &Value) {
        let found = flatten_config(name, text.as_bytes()).unwrap();
        assert_eq!(&Value::Object(found.into_iter().collect()), expected, "{text}");
    }

    #[test]
    fn formats_are_flattened() {
        let expected = json!({"model.lr": 0.1, "model.layers": [1, 2], "blocks.0.n": 1, "blocks.1.n": 2, "name": "x"});
        check("a.yaml", "model: {lr: 0.1, layers: [1, 2]}\nblocks:\n- n: 1\n- n: 2\nname: x\n", &expected);
        check(
            "a.toml",
            "name = 'x'\n[model]\nlr = 0.1\nlayers = [1, 2]\n[[blocks]]\nn = 1\n[[blocks]]\nn = 2\n",
            &expected,
        );
        check(
            "A.JSON",
            r#"{"model": {"lr": 0.1, "layers": [1, 2]}, "blocks": [{"n": 1}, {"n": 2}], "name": "x"}"#,
            &expected,
        );
        check(
            "a.cfg",
            "top = 1\n# no\n[train]\nlr = 1e-3 ; why\nname: a b\n",
            &json!({"top": 1, "train.lr": 0.001, "train.name": "a b"}),
        );
    }

    #[test]
    fn special_values_survive() {
        check(
            "a.yaml",
            "a: .nan\nb: -.inf\nc: ~\n1: x\ntrue: y\nd: {}\ne: []\n",
            &json!({
            "a": "NaN", "b": "-Infinity", "c": null, "1": "x", "true": "y", "d": {}, "e": []}),
        );
        check("a.toml", "d = 2024-01-02\ne = inf\n", &json!({"d": "2024-01-02", "e": "Infinity"}));
        check("a.yaml", "a: !tag {b: 1}\nc: !!python/tuple [1, 2]\n", &json!({"a.b": 1, "c": [1, 2]}));
        check(
            "a.yaml",
            "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\n",
            &json!({
            "base.x": 1, "base.y": 2, "own.x": 1, "own.y": 3}),
        );
        check("a.yaml", "a: 1\n---\nb: 2\n", &json!({"a": 1}));
        check("a.yaml", "\u{feff}a: 1", &json!({"a": 1}));
        check("a.yaml", "", &json!({}));
        check("a.json", "3", &json!({}));
    }

    #[test]
    fn hostile_files_are_bounded() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(matches!(flatten_config("a.yaml", bomb.as_bytes()), Err(ConfigError::TooMany { .. })));
        let deep = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(matches!(flatten_config("a.json", deep("[", "]", 40).as_bytes()), Err(ConfigError::TooDeep { .. })));
        assert!(flatten_config("a.json", deep("[", "]", 90_000).as_bytes()).is_err());
        assert!(flatten_config("a.yaml", deep("[", "]", 90_000).as_bytes()).is_err());
        assert!(flatten_config("a.toml", format!("a = {}", deep("[", "]", 90_000)).as_bytes()).is_err());
        let many: String = (0..6000).map(|key| format!("k{key}: 1\n")).collect();
        assert!(matches!(flatten_config("a.yaml", many.as_bytes()), Err(ConfigError::TooMany { .. })));
        let large = vec![b' '; MAX_CONFIG_BYTES + 1];
        assert!(matches!(flatten_config("a.yaml", &large), Err(ConfigError::TooLarge { .. })));
        assert!(matches!(flatten_config("a.yaml", b"a: \xff"), Err(ConfigError::NotText)));
        assert!(matches!(flatten_config("a.csv", b"a"), Err(ConfigError::UnknownFormat)));
        assert!(flatten_config("a.yaml", b"a: &a [*a]").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z0-9:\\[\\]{}&*!<#=.,\"' \n-]{0,80}") {
            for name in ["a.yaml", "a.toml", "a.json", "a.ini"] {
                let _ = flatten_config(name, text.as_bytes());
            }
        }
    }
}
