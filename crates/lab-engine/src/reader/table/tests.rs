//! Plans over random small notebooks against an evaluator that looks at one run after the other.

use std::path::Path;
use std::sync::OnceLock;

use lab_model::{
    Change, Edit, Fingerprint, LogSummary, Origin, ProcessKey, ProjectId, RelPath, RunEnd, RunId, RunStart, SeriesRef,
    Status, Summary, Target, Time, Usage,
};
use lab_store::{Encoder, MetricPart, Notebook, RecordKind, RunQuery, RunRow};

use super::*;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 27)) % count
    }
}

fn run_start(number: u64, chance: &mut Chance) -> RunStart {
    let mut start = RunStart {
        run: RunId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        project: ProjectId::from_random(1 + chance.below(2)),
        name: format!("name-{}", chance.below(9)),
        origin: Origin::Run,
        argv: vec!["python".into(), ["train.py", "eval.py"][chance.below(2) as usize].into()],
        cwd: RelPath::root(),
        time: Time(1000 + chance.below(20) as i64),
        snapshot: None,
        params: Default::default(),
        seeds: Vec::new(),
        inputs: Vec::new(),
        fingerprint: Fingerprint::default(),
        reason: None,
        tags: if chance.below(3) == 0 { vec!["start".into()] } else { Vec::new() },
        supervisor: ProcessKey { pid: 1, start_ticks: 1, boot_id: "another".into() },
        missing: Vec::new(),
    };
    if chance.below(4) > 0 {
        start.params.insert("lr".into(), serde_json::json!(chance.below(4) as f64 / 10.0));
    }
    if chance.below(2) > 0 {
        start.params.insert("optim".into(), ["adam", "sgd", "0.2"][chance.below(3) as usize].into());
    }
    start
}

fn run_end(start: &RunStart, chance: &mut Chance) -> RunEnd {
    let status = [Status::Done, Status::Failed, Status::Killed][chance.below(3) as usize];
    let mut series = Vec::new();
    for key in ["acc", "loss"] {
        if chance.below(4) > 0 {
            let last = if chance.below(5) == 0 { f64::NAN } else { chance.below(5) as f64 };
            let (min, max) = (last.min(1.0), last.max(2.0));
            let summary =
                Summary { key: key.into(), count: 3, last_step: 2, first: 1.5, last, min, max, ..Summary::default() };
            series.push(SeriesRef { record: lab_model::Hash([7; 32]), summary });
        }
    }
    RunEnd {
        run: start.run.clone(),
        time: Time(start.time.0 + 5),
        status,
        exit_code: None,
        signal: None,
        duration_millis: chance.below(50),
        failure: None,
        snapshot: None,
        outputs: Vec::new(),
        changed_inputs: Vec::new(),
        files: Default::default(),
        params: Default::default(),
        series,
        log: LogSummary::default(),
        notebook: None,
        usage: Usage::default(),
        missing: Vec::new(),
    }
}

fn notebook(directory: &Path, chance: &mut Chance) -> Notebook {
    let notebook = Notebook::create(directory, [1; 16], Time(1)).unwrap();
    let mut encoder = Encoder::default();
    let mut writer = notebook.writer([2; 16]).unwrap();
    for number in 0..40 {
        let start = run_start(number, chance);
        writer.append(encoder.json(RecordKind::RunStart, &start)).unwrap();
        writer.append(encoder.json(RecordKind::RunEnd, &run_end(&start, chance))).unwrap();
        let change = match chance.below(8) {
            0 => Change::Star { on: true },
            1 => Change::Hide { on: true },
            2 => Change::Tag { tag: "later".into() },
            3 => Change::Untag { tag: "start".into() },
            4 => Change::Name { name: "renamed".into() },
            _ => continue,
        };
        let edit = Edit::new(Time(9000), Target::Run(start.run), change);
        writer.append(encoder.json(RecordKind::Edit, &edit)).unwrap();
        if number % 7 == 0 {
            writer.commit(Time(2)).unwrap();
        }
    }
    writer.commit(Time(3)).unwrap();
    notebook
}

fn reader(notebook: &Notebook) -> Reader {
    Reader {
        store: notebook.reader().unwrap(),
        live: notebook.live_dir(),
        key_file: notebook.dir().join("none"),
        key: OnceLock::new(),
        log_lines: Default::default(),
        shared: Default::default(),
        outlines: Default::default(),
    }
}

fn fields() -> Vec<Field> {
    vec![
        Field::Param("lr".into()),
        Field::Param("optim".into()),
        Field::Metric("acc".into(), MetricPart::Last),
        Field::Metric("loss".into(), MetricPart::Best),
        Field::Run(RunField::Duration),
        Field::Run(RunField::Name),
        Field::Status,
        Field::Tags,
        Field::Started,
        Field::Script,
    ]
}

fn random_filter(chance: &mut Chance, depth: u64) -> Filter {
    let all = fields();
    let field = all[chance.below(all.len() as u64) as usize].clone();
    let value = match chance.below(3) {
        0 => Value::Text(["adam", "done", "name-3", "0.2", "start"][chance.below(5) as usize].into()),
        _ => Value::Number(chance.below(20) as f64 / [10.0, 1.0][chance.below(2) as usize]),
    };
    let comparison = [
        Comparison::Equal,
        Comparison::Unequal,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::More,
        Comparison::AtLeast,
    ][chance.below(6) as usize];
    let text = ["a", "name", "done", "train", "0.1", "start"][chance.below(6) as usize].to_owned();
    match chance.below(if depth == 0 { 7 } else { 10 }) {
        0..3 => Filter::Compare(field, comparison, value),
        3 => Filter::Contains(field, text),
        4 => Filter::Has(field),
        5 => Filter::Tag(["start", "later"][chance.below(2) as usize].into()),
        6 => [Filter::Flag(Flag::Starred), Filter::Is(field.clone(), text.clone()), Filter::Begins(field, text)]
            [chance.below(3) as usize]
            .clone(),
        7 => Filter::All((0..2).map(|_| random_filter(chance, depth - 1)).collect()),
        8 => Filter::Any((0..2).map(|_| random_filter(chance, depth - 1)).collect()),
        _ => Filter::Not(Box::new(random_filter(chance, depth - 1))),
    }
}

fn value_of(row: &RunRow, field: &Field) -> Value {
    let metric = |key: &str, part: fn(&Summary) -> f64| {
        let end = row.end.as_ref().unwrap();
        let found = end.series.iter().find(|series| series.summary.key == key);
        found.map_or(Value::Missing, |series| Value::Number(part(&series.summary)))
    };
    match field {
        Field::Param(name) => match row.start.params.get(name) {
            None => Value::Missing,
            Some(value) => {
                value.as_f64().map_or_else(|| Value::Text(value.as_str().unwrap().to_owned()), Value::Number)
            }
        },
        Field::Metric(key, MetricPart::Best) => metric(key, Summary::best),
        Field::Metric(key, _) => metric(key, |summary| summary.last),
        Field::Run(RunField::Duration) => Value::Number(row.end.as_ref().unwrap().duration_millis as f64),
        Field::Run(_) => Value::Text(row.name.clone()),
        Field::Status => Value::Text(row.status().name().to_owned()),
        Field::Tags if row.tags.is_empty() => Value::Missing,
        Field::Tags => Value::Text(row.tags.join(" ")),
        Field::Started => Value::Number(row.start.time.0 as f64),
        _ => Value::Text(row.start.argv[1].clone()),
    }
}

/// `None` is neither true nor false.
fn truth(row: &RunRow, filter: &Filter) -> Option<bool> {
    let text = |field: &Field| match value_of(row, field) {
        Value::Missing => None,
        Value::Number(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
    };
    match filter {
        Filter::All(parts) => {
            let truths: Vec<_> = parts.iter().map(|part| truth(row, part)).collect();
            if truths.contains(&Some(false)) { Some(false) } else { (!truths.contains(&None)).then_some(true) }
        }
        Filter::Any(parts) => {
            let opposite = parts.iter().map(|part| Filter::Not(Box::new(part.clone()))).collect();
            truth(row, &Filter::All(opposite)).map(|truth| !truth)
        }
        Filter::Not(part) => truth(row, part).map(|truth| !truth),
        Filter::Compare(field, comparison, wanted) => {
            let found = value_of(row, field);
            let number = |value: &Value| match value {
                Value::Missing => None,
                Value::Number(number) => Some(*number),
                Value::Text(text) => text.parse().ok(),
            };
            if found == Value::Missing {
                return None;
            }
            let order = match (number(&found), number(wanted), &found, wanted) {
                (Some(found), Some(wanted), ..) => found.partial_cmp(&wanted),
                (_, _, Value::Text(found), Value::Text(wanted)) if wanted.parse::<f64>().is_err() => {
                    Some(found.cmp(wanted))
                }
                _ => None,
            };
            Some(match comparison {
                Comparison::Equal => order.is_some_and(std::cmp::Ordering::is_eq),
                Comparison::Unequal => !order.is_some_and(std::cmp::Ordering::is_eq),
                Comparison::Less => order.is_some_and(std::cmp::Ordering::is_lt),
                Comparison::AtMost => order.is_some_and(std::cmp::Ordering::is_le),
                Comparison::More => order.is_some_and(std::cmp::Ordering::is_gt),
                Comparison::AtLeast => order.is_some_and(std::cmp::Ordering::is_ge),
            })
        }
        Filter::Contains(field, wanted) => Some(text(field).is_some_and(|found| found.contains(wanted))),
        Filter::Is(field, wanted) => Some(text(field).is_some_and(|found| found == *wanted)),
        Filter::Begins(field, wanted) => Some(text(field).is_some_and(|found| found.starts_with(wanted))),
        Filter::Has(field) => Some(value_of(row, field) != Value::Missing),
        Filter::Tag(tag) => Some(row.tags.contains(tag)),
        Filter::Flag(_) => Some(row.starred),
        Filter::Every | Filter::Text(_) => Some(true),
    }
}

/// Numbers, texts, NaN, nothing: the last two are last whichever way the order goes.
fn naive_order(left: &Value, right: &Value, descending: bool) -> std::cmp::Ordering {
    let class = |value: &Value| match value {
        Value::Missing => 3,
        Value::Number(number) if number.is_nan() => 2,
        _ => 0,
    };
    let order = match (left, right) {
        (left, right) if class(left) + class(right) > 0 => return class(left).cmp(&class(right)),
        (Value::Number(left), Value::Number(right)) => left.total_cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Number(_), _) => std::cmp::Ordering::Less,
        _ => std::cmp::Ordering::Greater,
    };
    if descending { order.reverse() } else { order }
}

fn naive(rows: &[RunRow], plan: &Plan) -> Vec<RunId> {
    let mut rows: Vec<&RunRow> = rows
        .iter()
        .filter(|row| plan.project.as_ref().is_none_or(|project| row.start.project == *project))
        .filter(|row| (plan.hidden || !row.hidden) && truth(row, &plan.filter) == Some(true))
        .collect();
    rows.sort_by(|left, right| {
        let orders = plan
            .sort
            .iter()
            .map(|order| naive_order(&value_of(left, &order.field), &value_of(right, &order.field), order.descending));
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    rows.into_iter().map(|row| row.start.run.clone()).collect()
}

#[test]
fn plans_give_what_looking_at_every_run_gives() {
    for seed in 0..6 {
        let chance = &mut Chance(seed);
        let directory = tempfile::tempdir().unwrap();
        let notebook = notebook(&directory.path().join("notebook"), chance);
        let reader = reader(&notebook);
        let rows = reader.runs(&RunQuery { include_hidden: true, ..RunQuery::default() }).unwrap();
        let all = fields();
        let plans: Vec<Plan> = (0..150)
            .map(|_| Plan {
                project: (chance.below(3) == 0).then(|| ProjectId::from_random(1 + chance.below(2))),
                filter: random_filter(chance, 3),
                sort: (0..chance.below(3))
                    .map(|_| Order {
                        field: all[chance.below(all.len() as u64) as usize].clone(),
                        descending: chance.below(2) == 0,
                    })
                    .collect(),
                offset: chance.below(4) as usize,
                limit: (chance.below(2) == 0).then(|| chance.below(9) as usize),
                hidden: chance.below(2) == 0,
                ..Plan::default()
            })
            .collect();
        let runs_of = |reader: &Reader, plan: &Plan| -> (u64, Vec<RunId>) {
            let table = reader.runs_table(plan).unwrap();
            (table.total, table.rows.into_iter().map(|row| row.start.run).collect())
        };
        let mut answers = Vec::new();
        for plan in &plans {
            let expected = naive(&rows, plan);
            let window = expected.iter().skip(plan.offset).take(plan.limit.unwrap_or(usize::MAX)).cloned().collect();
            let found = runs_of(&reader, plan);
            assert_eq!(found, (expected.len() as u64, window), "seed {seed}: {plan:#?}");
            answers.push(found);
        }
        let ready = self::reader(&notebook);
        while ready.ready_next().unwrap() {}
        let other = self::reader(&notebook).sharing(Arc::clone(&ready.shared));
        assert!(Arc::ptr_eq(&ready.columns().unwrap(), &other.columns().unwrap()));
        assert!(plans.iter().zip(&answers).all(|(plan, answer)| runs_of(&other, plan) == *answer), "made ready");
        notebook.rebuild(&mut |_, _| {}).unwrap();
        let rebuilt = self::reader(&notebook).sharing(Arc::clone(&ready.shared));
        assert!(!Arc::ptr_eq(&ready.columns().unwrap(), &rebuilt.columns().unwrap()));
        let again = self::reader(&notebook);
        assert!(plans.iter().zip(&answers).all(|(plan, answer)| runs_of(&again, plan) == *answer), "after a rebuild");
    }
}

#[test]
fn groups_count_and_average_their_runs() {
    let chance = &mut Chance(77);
    let directory = tempfile::tempdir().unwrap();
    let notebook = notebook(&directory.path().join("notebook"), chance);
    let reader = reader(&notebook);
    let (lr, acc) = (Field::Param("lr".into()), Field::Metric("acc".into(), MetricPart::Last));
    let plan = Plan { group: vec![lr.clone()], measured: vec![acc.clone()], hidden: true, ..Plan::default() };
    let table = reader.runs_table(&plan).unwrap();
    let rows = reader.runs(&RunQuery { include_hidden: true, ..RunQuery::default() }).unwrap();
    assert_eq!(table.groups.iter().map(|group| group.runs).sum::<u64>(), rows.len() as u64);
    for group in &table.groups {
        let own: Vec<&RunRow> = rows.iter().filter(|row| value_of(row, &lr) == group.key[0]).collect();
        let numbers = own.iter().filter_map(|row| match value_of(row, &acc) {
            Value::Number(number) if !number.is_nan() => Some(number),
            _ => None,
        });
        let numbers: Vec<f64> = numbers.collect();
        assert_eq!((group.runs, group.measured[0].count), (own.len() as u64, numbers.len() as u64));
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let squares = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>();
        let deviation = (squares / (numbers.len() as f64 - 1.0)).sqrt();
        let found = group.measured[0].mean;
        assert!((found - mean).abs() < 1e-9 || (numbers.is_empty() && found.is_nan()));
        let found = group.measured[0].deviation;
        assert!((found - deviation).abs() < 1e-9 || (numbers.len() < 2 && found.is_nan()));
    }
    let largest = Plan { sort: vec![Order { field: acc, descending: true }], ..plan };
    let means: Vec<f64> =
        reader.runs_table(&largest).unwrap().groups.iter().map(|group| group.measured[0].mean).collect();
    assert!(means.is_sorted_by(|left, right| left >= right), "{means:?}");
}
