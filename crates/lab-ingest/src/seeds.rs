//! Finds seeds wherever they are visible.

use std::collections::BTreeMap;

use lab_model::Seed;
use serde_json::Value;

use crate::params::typed;

/// The most seeds that one source file gives.
const MAX_SEEDS: usize = 100;

/// Calls whose first argument is a seed.
const CALLS: &[&str] = &[
    "seed",
    "manual_seed",
    "manual_seed_all",
    "default_rng",
    "RandomState",
    "seed_everything",
    "set_seed",
    "set_random_seed",
    "fix_seed",
    "seed_all",
    "PRNGKey",
    "random.key",
    "set.seed",
    "seed!",
    "MersenneTwister",
    "Xoshiro",
    "PCG64",
    "SeedSequence",
    "random.Random",
    "seed_from_u64",
    "mt19937",
    "srand",
];

/// Seeds among parameters; `source` is `argument` or the path of a config file.
pub fn from_params(params: &BTreeMap<String, Value>, source: &str) -> Vec<Seed> {
    params
        .iter()
        .filter(|(key, value)| is_seed_name(key.rsplit('.').next().unwrap_or(key)) && is_seed_value(value))
        .map(|(key, value)| Seed { name: key.clone(), value: value.clone(), source: source.to_owned() })
        .collect()
}

/// Seeds among variables of the environment, such as `PYTHONHASHSEED`.
pub fn from_variables(variables: &BTreeMap<String, String>) -> Vec<Seed> {
    let is_seed = |name: &str| name == "PYTHONHASHSEED" || is_seed_name(name);
    let seeds = variables.iter().filter(|(name, value)| is_seed(name) && !value.is_empty());
    seeds.map(|(name, value)| Seed { name: name.clone(), value: typed(value), source: "variable".to_owned() }).collect()
}

/// Seeds that source code sets to a literal whole number. A light reading by lines: comments and
/// Python's documentation strings are passed over.
pub fn from_code(path: &str, text: &str) -> Vec<Seed> {
    let comment = match path.rsplit('.').next().unwrap_or_default() {
        "js" | "ts" | "rs" | "c" | "cc" | "cpp" | "h" | "hpp" | "cu" | "java" | "go" | "scala" => "//",
        _ => "#",
    };
    let mut seeds: Vec<Seed> = Vec::new();
    let mut in_documentation = false;
    for (index, line) in text.lines().enumerate() {
        let quotes = line.matches("\"\"\"").count() + line.matches("'''").count();
        let was_in_documentation = in_documentation;
        in_documentation ^= quotes % 2 == 1;
        if was_in_documentation || quotes > 0 || line.len() > 2000 || seeds.len() >= MAX_SEEDS {
            continue;
        }
        let code = line.split(comment).next().unwrap_or_default();
        if !mentions_a_seed(code) {
            continue;
        }
        for (name, value) in line_seeds(code) {
            seeds.push(Seed { name, value: value.into(), source: format!("{path}:{}", index + 1) });
        }
    }
    seeds
}

/// A quick look that most lines fail.
fn mentions_a_seed(code: &str) -> bool {
    let words = [
        "seed", "SEED", "Seed", "random", "Random", "rng", "PRNGKey", "mt19937", "PCG64", "Xoshiro", "Twister", "srand",
    ];
    code.bytes().any(|byte| byte.is_ascii_digit()) && words.iter().any(|word| code.contains(word))
}

fn line_seeds(code: &str) -> Vec<(String, i64)> {
    let mut found: Vec<(String, i64)> = Vec::new();
    let is_name = |c: char| c.is_alphanumeric() || "_.!:".contains(c);
    for (at, sign) in code.match_indices(['(', '=', ':', '{']) {
        let is_comparison =
            sign == "=" && (code[at + 1..].starts_with('=') || code[..at].ends_with(['=', '!', '<', '>']));
        if is_comparison {
            continue;
        }
        let before = code[..at].trim_end_matches([' ', '"', '\'', '\\']);
        let start = before
            .rfind(|c: char| !is_name(c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let name = before[start..].trim_matches([':', '.']);
        let last = name.rsplit(['.', ':']).next().unwrap_or(name);
        let is_seed = if matches!(sign, "(" | "{") {
            CALLS.iter().any(|call| *call == last || (call.contains('.') && is_call(name, call)))
        } else {
            is_seed_name(last)
        };
        let after = code[at + 1..].trim_start().trim_start_matches("seed=");
        if let Some(value) = literal(after).filter(|_| is_seed)
            && !found.iter().any(|(_, present)| *present == value)
        {
            found.push((name.to_owned(), value));
        }
    }
    found
}

fn is_call(name: &str, call: &str) -> bool {
    name.strip_suffix(call).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// A whole number that is the whole argument or value.
fn literal(text: &str) -> Option<i64> {
    let sign = usize::from(text.starts_with('-'));
    let end = text[sign..].find(|c: char| !(c.is_ascii_digit() || c == '_')).map_or(text.len(), |at| at + sign);
    let rest = text[end..].trim_start_matches(['L', 'u']);
    let ends = rest.is_empty() || rest.starts_with([')', ',', ' ', ';', '}', ']', '\\', '"', '\r']);
    text[..end].replace('_', "").parse().ok().filter(|_| ends)
}

/// `seed`, `random_state`, `data-seed`, `SEED_VALUE`, `randomSeed`.
fn is_seed_name(name: &str) -> bool {
    let is_word = |word: &str| word.eq_ignore_ascii_case("seed") || word.eq_ignore_ascii_case("seeds");
    name == "random_state" || name == "rng" || name.ends_with("Seed") || name.split(['_', '-']).any(is_word)
}

fn is_seed_value(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::String(text) => !text.is_empty() && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_digit()),
        Value::Array(list) => !list.is_empty() && list.iter().all(is_seed_value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(path: &str, text: &str) -> String {
        let seeds = from_code(path, text).into_iter();
        seeds.map(|seed| format!("{}={}@{}", seed.name, seed.value, seed.source)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn calls_and_names_in_code() {
        for (line, expected) in [
            ("np.random.seed(42)", "np.random.seed=42@a.py:1"),
            ("random.seed( 1_000 )", "random.seed=1000@a.py:1"),
            ("rng = np.random.default_rng(7)", "np.random.default_rng=7@a.py:1"),
            ("torch.manual_seed(-1); x", "torch.manual_seed=-1@a.py:1"),
            ("m = RF(n_jobs=2, random_state=3)", "random_state=3@a.py:1"),
            ("train_test_split(x, y, test_size=0.2, random_state = 0)", "random_state=0@a.py:1"),
            ("SEED = 5", "SEED=5@a.py:1"),
            ("key = jax.random.PRNGKey(0)", "jax.random.PRNGKey=0@a.py:1"),
            ("seed_everything(seed=9)", "seed_everything=9@a.py:1"),
            ("    \"np.random.seed(0)\\n\",", "np.random.seed=0@a.py:1"),
            ("cfg = {'seed': 3}", "seed=3@a.py:1"),
            ("r = random.Random(4)", "random.Random=4@a.py:1"),
            ("# random.seed(1)", ""),
            ("x = 1  # seed=2", ""),
            ("random.seed(SEED)", ""),
            ("random.seed(1.5)", ""),
            ("random.randint(1, 5)", ""),
            ("def f(seed: int = None):", ""),
            ("é.seed(1)", "é.seed=1@a.py:1"),
            ("", ""),
        ] {
            assert_eq!(code("a.py", line), expected, "{line}");
        }
        assert_eq!(code("a.py", "\"\"\"\nseed(1)\n\"\"\"\nseed(2)"), "seed=2@a.py:4");
        assert_eq!(code("a.R", "set.seed(42L)"), "set.seed=42@a.R:1");
        assert_eq!(
            code("a.jl", "Random.seed!(1)\nrng = MersenneTwister(2)"),
            "Random.seed!=1@a.jl:1 MersenneTwister=2@a.jl:2"
        );
        assert_eq!(code("a.rs", "// seed(1)\nlet r = StdRng::seed_from_u64(3);"), "StdRng::seed_from_u64=3@a.rs:2");
        assert_eq!(code("a.cpp", "std::mt19937 g(1); srand(5);"), "srand=5@a.cpp:1");
    }

    #[test]
    fn comparisons_are_no_seeds() {
        assert_eq!(code("a.py", "if seed == 3:"), "");
        assert_eq!(code("a.py", "if seed != 3 or seed <= 4:"), "");
    }

    #[test]
    fn params_and_variables() {
        let params = [
            ("trainer.seed", json!(3)),
            ("random_state", json!([1, 2])),
            ("seed_all", json!(true)),
            ("lr", json!(1)),
            ("seeds", json!("07")),
        ];
        let params = params.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let names: Vec<_> = from_params(&params, "argument").into_iter().map(|seed| seed.name).collect();
        assert_eq!(names, ["random_state", "seeds", "trainer.seed"]);
        let variables = [("PYTHONHASHSEED", "0"), ("PL_GLOBAL_SEED", "1"), ("SEEDLING", "1")];
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let seeds = from_variables(&variables);
        assert_eq!(seeds.iter().map(|seed| &seed.value).collect::<Vec<_>>(), [&json!(1), &json!(0)]);
    }
}
