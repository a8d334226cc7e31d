//! The statistics against SciPy, by the cases that `statistics_reference.py` wrote.

use lab_model::statistics::{self, Group};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("statistics_reference.json")).expect("because Python wrote it")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

/// Equal to nine digits, of the number or absolutely where it is small.
#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
}

#[test]
fn tests_of_two_groups() {
    let reference = reference();
    let pairs = reference["pairs"].as_array().unwrap();
    assert!(pairs.len() >= 200);
    for pair in pairs {
        let (left, right) = (numbers(&pair["left"]), numbers(&pair["right"]));
        let (a, b) = (Group::of(&left), Group::of(&right));
        close(a.mean, pair["mean"].as_f64().unwrap());
        close(a.deviation, pair["deviation"].as_f64().unwrap());
        close(a.margin(0.95).unwrap(), pair["margin"].as_f64().unwrap());
        let test = statistics::welch(&a, &b).unwrap();
        for (found, expected) in [test.t, test.freedom, test.p].into_iter().zip(numbers(&pair["welch"])) {
            close(found, expected);
        }
        let effect = statistics::hedges(&a, &b).unwrap();
        for (found, expected) in [effect.g, effect.low, effect.high].into_iter().zip(numbers(&pair["hedges"])) {
            close(found, expected);
        }
        let dealt = statistics::permutation(&left, &right, 1).unwrap();
        let expected = pair["permutation"].as_f64().unwrap();
        if dealt.exact {
            close(dealt.p, expected);
        } else {
            // Five standard errors of what was drawn.
            let error = (expected * (1.0 - expected) / dealt.ways as f64).sqrt();
            assert!((dealt.p - expected).abs() <= 5.0 * error + 2e-4, "{dealt:?} is not {expected}");
        }
        let sorted = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values
        };
        let (left, right) = (sorted(left), sorted(right));
        close(statistics::kolmogorov_smirnov(&left, &right), pair["kolmogorov_smirnov"].as_f64().unwrap());
        close(statistics::quantile(&left, 0.3), pair["quantile"].as_f64().unwrap());
    }
}

#[test]
fn distributions() {
    let reference = reference();
    for case in reference["incomplete_beta"].as_array().unwrap() {
        let [x, a, b, expected] = numbers(case)[..] else { panic!("{case}") };
        close(statistics::incomplete_beta(x, a, b), expected);
    }
    for case in reference["student"].as_array().unwrap() {
        let [p, freedom, quantile, two_sided, t] = numbers(case)[..] else { panic!("{case}") };
        close(statistics::student_quantile(p, freedom), quantile);
        close(statistics::student_two_sided(t, freedom), two_sided);
    }
}

#[test]
fn needed_runs_are_within_one_of_the_exact_power() {
    for case in reference()["needed"].as_array().unwrap() {
        let [size, expected] = numbers(case)[..] else { panic!("{case}") };
        let found = statistics::needed_runs(size).unwrap() as f64;
        assert!((found - expected).abs() <= 1.0, "{size}: {found} is not {expected}");
    }
}
