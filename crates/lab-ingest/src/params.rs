//! Reads parameters out of command lines and config files.
//!
//! Keys of options are written with `_` for `-`, so that `--learning-rate` and `--learning_rate`
//! are one parameter. Arguments that are neither options nor `key=value` become `arg1`, `arg2`, ….

mod config;
mod launch;
mod value;

use std::collections::BTreeMap;

use serde_json::Value;

pub use config::{MAX_CONFIG_BYTES, MAX_CONFIG_KEYS, flatten_config};
pub use launch::Script;
pub use value::typed;

/// What a command line runs: a script or module of an interpreter, or a program named by path.
/// Wrappers such as `env`, `uv run`, `torchrun` are seen through.
pub fn script_of(argv: &[String]) -> Option<Script> {
    launch::locate(argv).script
}

/// Parameters on a command line, typed. Options of interpreters and launchers before the script
/// are none.
pub fn from_argv(argv: &[String]) -> BTreeMap<String, Value> {
    let rest = &argv[launch::locate(argv).rest..];
    let mut params = BTreeMap::new();
    let mut positional = 0;
    let mut index = 0;
    while index < rest.len() {
        let argument = &rest[index];
        index += 1;
        if argument == "--" {
            continue;
        }
        if let Some((key, value)) = option(argument) {
            let value = if let Some(value) = value {
                value
            } else {
                let (value, taken) = following(&key, &rest[index..]);
                index += taken;
                value
            };
            let (key, value) = negated(key, value);
            add(&mut params, &key, value);
        } else if let Some((key, value)) = assignment(argument) {
            add(&mut params, key, value);
        } else {
            positional += 1;
            params.insert(format!("arg{positional}"), typed(argument));
        }
    }
    params
}

/// Config files that a command line may mean, as named. For Hydra's `--config-name` these are all
/// the places where the file may be: those that do not exist are to be passed over.
pub fn config_files(argv: &[String]) -> Vec<String> {
    let launch = launch::locate(argv);
    let rest = &argv[launch.rest..];
    let mut files: Vec<String> = Vec::new();
    let mut add = |file: String| {
        if !files.contains(&file) {
            files.push(file);
        }
    };
    for argument in rest {
        let value = match argument.split_once('=') {
            Some((key, value)) if !key.contains('/') => value,
            _ => argument.as_str(),
        };
        let value = value.trim_start_matches('@');
        if config::is_config_name(value) && !value.contains("://") {
            add(value.to_owned());
        }
    }
    if let Some(name) = option_value(rest, &["--config-name", "-cn"]) {
        for file in hydra_files(name, option_value(rest, &["--config-path", "-cp", "--config-dir", "-cd"])) {
            if let Some(Script::File(script)) = &launch.script
                && let Some((directory, _)) = script.rsplit_once('/')
                && !file.starts_with('/')
            {
                add(format!("{directory}/{file}"));
            }
            add(file);
        }
    }
    files
}

fn hydra_files(name: &str, directory: Option<&str>) -> Vec<String> {
    let name = if config::is_config_name(name) { name.to_owned() } else { format!("{name}.yaml") };
    match directory {
        Some(directory) => vec![format!("{}/{name}", directory.trim_end_matches('/'))],
        None => vec![name.clone(), format!("conf/{name}"), format!("config/{name}"), format!("configs/{name}")],
    }
}

fn option_value<'a>(rest: &'a [String], names: &[&str]) -> Option<&'a str> {
    rest.iter().enumerate().find_map(|(index, argument)| {
        let (name, value) = argument.split_once('=').map_or((argument.as_str(), None), |(name, v)| (name, Some(v)));
        names.contains(&name).then(|| value.or_else(|| rest.get(index + 1).map(String::as_str)))?
    })
}

/// The key of an option, and its value when that stands in the same argument.
fn option(argument: &str) -> Option<(String, Option<Value>)> {
    if !looks_like_option(argument) {
        return None;
    }
    let name = argument.trim_start_matches('-');
    if let Some((name, value)) = name.split_once('=') {
        return is_key(name).then(|| (key_of(name), Some(typed(value))));
    }
    // `-n5` is one letter and its number.
    if !argument.starts_with("--")
        && let Some((at, _)) = name.char_indices().nth(1)
        && name[at..].parse::<f64>().is_ok()
        && name[at..].starts_with(|c: char| c.is_ascii_digit())
    {
        return Some((key_of(&name[..at]), Some(typed(&name[at..]))));
    }
    is_key(name).then(|| (key_of(name), None))
}

/// Whether an argument is an option and not a negative number.
fn looks_like_option(argument: &str) -> bool {
    argument.len() > 1 && argument.starts_with('-') && argument.parse::<f64>().is_err() && argument != "--"
}

/// The value that follows an option, and how many arguments it takes: none for a flag, several
/// only when all are numbers.
fn following(key: &str, rest: &[String]) -> (Value, usize) {
    let is_value = |argument: &&String| {
        argument.as_str() != "--" && !looks_like_option(argument) && assignment(argument).is_none()
    };
    let Some(first) = rest.first().filter(is_value) else { return (Value::Bool(true), 0) };
    if key.starts_with("no_") && typed(first).is_string() {
        return (Value::Bool(true), 0);
    }
    let numbers: Vec<Value> =
        rest.iter().take_while(is_value).map(|value| typed(value)).take_while(Value::is_number).collect();
    if numbers.len() > 1 {
        let taken = numbers.len();
        (Value::Array(numbers), taken)
    } else {
        (typed(first), 1)
    }
}

/// `--no-shuffle` is `shuffle` = false.
fn negated(key: String, value: Value) -> (String, Value) {
    match key.strip_prefix("no_") {
        Some(positive) if value == Value::Bool(true) && !positive.is_empty() => {
            (positive.to_owned(), Value::Bool(false))
        }
        _ => (key, value),
    }
}

/// `lr=0.1`, and Hydra's `+a.b=3`, `++a=1`, `~x`.
fn assignment(argument: &str) -> Option<(&str, Value)> {
    if let Some(removed) = argument.strip_prefix('~') {
        let key = removed.split_once('=').map_or(removed, |(key, _)| key);
        return is_key(key).then_some((key, Value::Null));
    }
    let (key, value) = argument.trim_start_matches('+').split_once('=')?;
    (is_key(key) && !value.starts_with('=')).then(|| (key, typed(value)))
}

fn is_key(key: &str) -> bool {
    key.len() <= 200
        && key.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_alphanumeric() || "_-./@:".contains(c))
        && !key.contains("//")
}

fn key_of(name: &str) -> String {
    name.replace('-', "_")
}

/// Adds a parameter; one that is given again becomes a list.
fn add(params: &mut BTreeMap<String, Value>, key: &str, value: Value) {
    match params.get_mut(key) {
        None => {
            params.insert(key.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(present) => *present = Value::Array(vec![present.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(line: &str, expected: &Value) {
        let found = from_argv(&words(line));
        assert_eq!(&Value::Object(found.into_iter().collect()), expected, "{line}");
    }

    #[test]
    fn options_in_every_spelling() {
        check("python train.py --lr 0.1 --epochs=5 -n 3 -k7", &json!({"lr": 0.1, "epochs": 5, "n": 3, "k": 7}));
        check("python train.py --flag --no-shuffle --x", &json!({"flag": true, "shuffle": false, "x": true}));
        check(
            "./bin --learning-rate 1e-3 -lr -0.5 --offset -3",
            &json!({"learning_rate": 0.001, "lr": -0.5, "offset": -3}),
        );
        check("./bin --layers 64 32 16 data.csv", &json!({"layers": [64, 32, 16], "arg1": "data.csv"}));
        check("./bin --tag a --tag b --tag c", &json!({"tag": ["a", "b", "c"]}));
        check(
            "./bin in.csv out.csv --name x -- extra",
            &json!({"arg1": "in.csv", "arg2": "out.csv", "arg3": "extra", "name": "x"}),
        );
        check("./bin -v --seed 007 --id 1.2.3", &json!({"v": true, "seed": "007", "id": "1.2.3"}));
        check(
            "./bin --on true --off False --none None --list [1,2]",
            &json!({"on": true, "off": false, "none": null, "list": [1, 2]}),
        );
        check("./bin", &json!({}));
        check("", &json!({}));
    }

    #[test]
    fn hydra_overrides() {
        check(
            "python app.py -m lr=0.1,0.2 +model.depth=3 ++a=1 ~opt db=mysql opt@pkg=adam",
            &json!({"m": true, "lr": "0.1,0.2", "model.depth": 3, "a": 1, "opt": null, "db": "mysql", "opt@pkg": "adam"}),
        );
        check(
            "python app.py layers=[64,32] names=[a,b] s='x'",
            &json!({"layers": [64, 32], "names": ["a", "b"], "s": "x"}),
        );
        check("python app.py a==b https://x.org/?q=1", &json!({"arg1": "a==b", "arg2": "https://x.org/?q=1"}));
    }

    #[test]
    fn nothing_before_the_script_counts() {
        let expected = json!({"lr": 1});
        for line in [
            "python -u -W ignore train.py --lr 1",
            "python3.11 -Xdev -m pkg.train --lr 1",
            "torchrun --nproc-per-node 2 --master_port=1 train.py --lr 1",
            "uv run --with numpy python x.py --lr 1",
            "uv run x.py --lr 1",
            "accelerate launch --config_file a.yaml train.py --lr 1",
            "Rscript --vanilla a.R --lr 1",
            "julia --project=. -t 4 a.jl --lr 1",
            "env A=1 B=2 python a.py --lr 1",
            "nice -n 5 timeout 30 python a.py --lr 1",
            "cargo run --release -- --lr 1",
            "conda run -n base python a.py --lr 1",
            "python -m torch.distributed.run --nproc_per_node=2 t.py --lr 1",
            "bash run.sh --lr 1",
            "./bin --lr 1",
            "OMP_NUM_THREADS=1 ./bin --lr 1",
        ] {
            check(line, &expected);
        }
    }

    #[test]
    fn config_files_are_seen() {
        let files = |line: &str| config_files(&words(line));
        assert_eq!(
            files("python a.py --config conf/x.yaml b.toml c=d.json e.csv"),
            ["conf/x.yaml", "b.toml", "d.json"]
        );
        assert_eq!(files("accelerate launch --config_file acc.yaml a.py @args.ini"), ["args.ini"]);
        assert_eq!(files("python a.py https://x.org/a.yaml"), [""; 0]);
        assert_eq!(
            files("python src/a.py --config-path conf --config-name=big"),
            ["src/conf/big.yaml", "conf/big.yaml"]
        );
        assert!(files("python a.py -cn big").contains(&"conf/big.yaml".to_owned()));
        assert_eq!(files("python a.py --config-name"), [""; 0]);
    }
}
