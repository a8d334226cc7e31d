//! Plans carried out: conditions over whole columns, orders, groups, and a window of rows.

use std::collections::HashMap;
use std::sync::Arc;

use lab_store::{Flag, RunField};

use super::cells::Cell;
use super::columns::{Column, Runs};
use crate::plan::{Comparison, Field, Filter, Group, Measured, Order, Plan, RunsTable, Value};
use crate::{Reader, Result};

/// True, false or neither, as Kleene has it: `All` takes the smallest, `Any` the largest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Truth {
    False,
    Unknown,
    True,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

impl Reader {
    /// The runs that a plan asks for. Only the bodies of rows in the window are read.
    ///
    /// # Errors
    /// See [`Reader::projects`].
    pub fn runs_table(&self, plan: &Plan) -> Result<RunsTable> {
        let runs = self.columns()?;
        let mut places = self.fitting(&runs, plan)?;
        let total = places.len() as u64;
        if !plan.group.is_empty() {
            let mut groups = self.groups(&runs, plan, &places)?;
            let group_total = groups.len() as u64;
            groups.drain(..plan.offset.min(groups.len()));
            groups.truncate(plan.limit.unwrap_or(usize::MAX));
            return Ok(RunsTable { total, groups, group_total, ..RunsTable::default() });
        }
        self.order(&runs, plan, &mut places)?;
        let measured = plan.measured.iter().map(|field| self.column(&runs, field, plan)).collect::<Result<Vec<_>>>()?;
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for place in places.into_iter().skip(plan.offset).take(plan.limit.unwrap_or(usize::MAX)) {
            let place = place as usize;
            for run in self.store.runs_of_numbers(&[runs.lines[place].number])? {
                // Another process may have purged it meanwhile.
                let Some(row) = self.run(&run)? else { continue };
                rows.push(row);
                values.push(measured.iter().map(|column| column.value(place)).collect());
            }
        }
        Ok(RunsTable { total, rows, values, ..RunsTable::default() })
    }

    /// Where the runs that fit stand, newest first.
    fn fitting(&self, runs: &Runs, plan: &Plan) -> Result<Vec<u32>> {
        let project = match &plan.project {
            None => None,
            Some(id) => match runs.project(id.as_str()) {
                None => return Ok(Vec::new()),
                found => found,
            },
        };
        let hidden = self.flags(runs, Flag::Hidden)?;
        let removed = self.flags(runs, Flag::Removed)?;
        let truths = if plan.filter == Filter::Every { None } else { Some(self.truths(runs, &plan.filter, plan)?) };
        let fits = |place: usize| {
            project.is_none_or(|project| runs.lines[place].project == project)
                && (plan.hidden || !hidden[place])
                && (plan.removed || !removed[place])
                && truths.as_ref().is_none_or(|truths| truths[place] == Truth::True)
        };
        Ok((0..runs.lines.len()).filter(|place| fits(*place)).map(|place| place as u32).collect())
    }

    fn truths(&self, runs: &Runs, filter: &Filter, plan: &Plan) -> Result<Vec<Truth>> {
        let count = runs.lines.len();
        let fold = |parts: &[Filter], start: Truth, take: fn(Truth, Truth) -> Truth| {
            let mut all = vec![start; count];
            for part in parts {
                let truths = self.truths(runs, part, plan)?;
                all.iter_mut().zip(truths).for_each(|(all, one)| *all = take(*all, one));
            }
            Ok(all)
        };
        Ok(match filter {
            Filter::Every => vec![Truth::True; count],
            Filter::All(parts) => return fold(parts, Truth::True, Ord::min),
            Filter::Any(parts) => return fold(parts, Truth::False, Ord::max),
            Filter::Not(part) => {
                let mut truths = self.truths(runs, part, plan)?;
                for truth in &mut truths {
                    *truth = match truth {
                        Truth::True => Truth::False,
                        Truth::Unknown => Truth::Unknown,
                        Truth::False => Truth::True,
                    };
                }
                truths
            }
            Filter::Compare(field, comparison, wanted) => {
                compare(&*self.column(runs, field, plan)?, *comparison, wanted)
            }
            Filter::Contains(field, text) => {
                let text = text.to_lowercase();
                matching(&*self.column(runs, field, plan)?, &|found| found.to_lowercase().contains(&text))
            }
            Filter::Is(field, text) => {
                let text = text.to_lowercase();
                matching(&*self.column(runs, field, plan)?, &|found| found.to_lowercase() == text)
            }
            Filter::Begins(field, text) => {
                let text = text.to_lowercase();
                matching(&*self.column(runs, field, plan)?, &|found| found.to_lowercase().starts_with(&text))
            }
            Filter::Has(field) => {
                let column = self.column(runs, field, plan)?;
                column.cells.iter().map(|cell| (cell != Cell::Missing).into()).collect()
            }
            Filter::Tag(tag) => {
                matching(&*self.column(runs, &Field::Tags, plan)?, &|found| found.split(' ').any(|one| one == tag))
            }
            Filter::Flag(flag) => self.flags(runs, *flag)?.iter().map(|on| (*on).into()).collect(),
            Filter::Text(text) => return self.mentions(runs, text, plan),
        })
    }

    /// Where the text stands in what people read in a list.
    fn mentions(&self, runs: &Runs, text: &str, plan: &Plan) -> Result<Vec<Truth>> {
        let text = text.to_lowercase();
        let mut truths = vec![Truth::False; runs.lines.len()];
        let places = [Field::Run(RunField::Name), Field::Status, Field::Run(RunField::Command), Field::Notes];
        for field in places {
            let column = self.column(runs, &field, plan)?;
            let found = matching(&column, &|found| found.to_lowercase().contains(&text));
            truths.iter_mut().zip(found).for_each(|(all, one)| *all = (*all).max(one));
        }
        let tags = self.column(runs, &Field::Tags, plan)?;
        let tagged = matching(&tags, &|found| found.to_lowercase().split(' ').any(|one| one == text));
        truths.iter_mut().zip(tagged).for_each(|(all, one)| *all = (*all).max(one));
        for number in self.store.numbers_of_prefix(&text)? {
            if let Some(position) = runs.position(number) {
                truths[position] = Truth::True;
            }
        }
        Ok(truths)
    }

    /// Puts places in the wished order; what lies beyond the window is left in any.
    fn order(&self, runs: &Runs, plan: &Plan, places: &mut [u32]) -> Result<()> {
        if plan.sort.is_empty() {
            return Ok(());
        }
        let keys = plan
            .sort
            .iter()
            .map(|order| Ok(sort_keys(&*self.column(runs, &order.field, plan)?, order)))
            .collect::<Result<Vec<_>>>()?;
        let by = |left: &u32, right: &u32| {
            let keys = keys.iter().map(|keys| keys[*left as usize].cmp(&keys[*right as usize]));
            keys.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then).then(left.cmp(right))
        };
        let window = plan.limit.map_or(usize::MAX, |limit| plan.offset.saturating_add(limit));
        if window < places.len() {
            places.select_nth_unstable_by(window, by);
            places[..window].sort_unstable_by(by);
        } else {
            places.sort_unstable_by(by);
        }
        Ok(())
    }

    fn groups(&self, runs: &Runs, plan: &Plan, places: &[u32]) -> Result<Vec<Group>> {
        let by = |field: &Field| self.column(runs, field, plan);
        let columns = plan.group.iter().map(by).collect::<Result<Vec<_>>>()?;
        let measured = plan.measured.iter().map(by).collect::<Result<Vec<_>>>()?;
        let (group_of, firsts) = partition(&columns, places);
        let stats: Vec<Vec<Measured>> =
            measured.iter().map(|column| measure(column, places, &group_of, firsts.len())).collect();
        let mut counts = vec![0; firsts.len()];
        group_of.iter().for_each(|group| counts[*group as usize] += 1);
        let mut keys = Vec::new();
        for order in &plan.sort {
            let column = by(&order.field)?;
            keys.push(match plan.group.contains(&order.field) {
                true => firsts.iter().map(|first| sort_keys(&column, order)[*first as usize]).collect(),
                false => {
                    let means = measure(&column, places, &group_of, firsts.len());
                    let cells =
                        means.iter().map(|one| if one.count == 0 { Cell::Missing } else { Cell::Number(one.mean) });
                    sort_keys_of(cells, &[], order.descending)
                }
            });
        }
        for (column, field) in columns.iter().zip(&plan.group) {
            let all = sort_keys(column, &Order { field: field.clone(), descending: false });
            keys.push(firsts.iter().map(|first| all[*first as usize]).collect());
        }
        let mut order: Vec<usize> = (0..firsts.len()).collect();
        order.sort_by(|left, right| {
            let keys = keys.iter().map(|keys| keys[*left].cmp(&keys[*right]));
            keys.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        let group = |group: usize| Group {
            key: columns.iter().map(|column| column.value(firsts[group] as usize)).collect(),
            runs: counts[group],
            measured: stats.iter().map(|stats| stats[group]).collect(),
        };
        Ok(order.into_iter().map(group).collect())
    }
}

/// The group of every place, and the first place of every group.
fn partition(columns: &[Arc<Column>], places: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut group_of = vec![0; places.len()];
    let mut firsts: Vec<u32> = places.first().copied().into_iter().collect();
    for column in columns {
        let mut groups: HashMap<(u32, u8, u64), u32> = HashMap::new();
        firsts.clear();
        for (place, group) in places.iter().zip(&mut group_of) {
            let (kind, bits) = match column.cells.get(*place as usize) {
                Cell::Missing => (0, 0),
                // Both zeros are one value, and so is every NaN.
                Cell::Number(number) if number.is_nan() => (1, f64::NAN.to_bits()),
                Cell::Number(number) => (1, (number + 0.0).to_bits()),
                Cell::Text(text) => (2, u64::from(text)),
            };
            let next = firsts.len() as u32;
            *group = *groups.entry((*group, kind, bits)).or_insert_with(|| {
                firsts.push(*place);
                next
            });
        }
    }
    (group_of, firsts)
}

/// Mean and spread of each group, by Welford's method.
fn measure(column: &Column, places: &[u32], group_of: &[u32], groups: usize) -> Vec<Measured> {
    let mut all = vec![(0_u64, 0.0, 0.0); groups];
    for (place, group) in places.iter().zip(group_of) {
        let Cell::Number(number) = column.cells.get(*place as usize) else { continue };
        if number.is_nan() {
            continue;
        }
        let (count, mean, squares) = &mut all[*group as usize];
        *count += 1;
        let from_mean = number - *mean;
        *mean += from_mean / *count as f64;
        *squares += from_mean * (number - *mean);
    }
    let told = |(count, mean, squares): (u64, f64, f64)| Measured {
        count,
        mean: if count == 0 { f64::NAN } else { mean },
        deviation: if count < 2 { f64::NAN } else { (squares / (count - 1) as f64).sqrt() },
    };
    all.into_iter().map(told).collect()
}

/// Which texts fit; a number is looked at as people write it.
fn matching(column: &Column, fits: &dyn Fn(&str) -> bool) -> Vec<Truth> {
    let texts: Vec<bool> = column.texts.iter().map(|text| fits(text)).collect();
    let truth = |cell: Cell| match cell {
        Cell::Missing => false,
        Cell::Number(number) => fits(&number.to_string()),
        Cell::Text(text) => texts[text as usize],
    };
    column.cells.iter().map(|cell| truth(cell).into()).collect()
}

/// Numbers are compared as numbers, also those that are written in a text; else equality is that of
/// texts, and texts are in the order of their letters.
fn compare(column: &Column, comparison: Comparison, wanted: &Value) -> Vec<Truth> {
    let (number, text) = match wanted {
        Value::Missing => return vec![Truth::Unknown; column.cells.len()],
        Value::Number(number) => (Some(*number), number.to_string()),
        Value::Text(text) => (text.parse().ok(), text.clone()),
    };
    let of_number = |found: f64| match number {
        Some(wanted) => Truth::from(holds(comparison, found.partial_cmp(&wanted))),
        None => Truth::from(comparison == Comparison::Unequal),
    };
    let of_text = |found: &String| match (found.parse::<f64>(), number) {
        (Ok(found), Some(_)) => of_number(found),
        (_, Some(_)) => Truth::from(comparison == Comparison::Unequal),
        (_, None) => Truth::from(holds(comparison, Some(found.as_str().cmp(&text)))),
    };
    let texts: Vec<Truth> = column.texts.iter().map(of_text).collect();
    let truth = |cell: Cell| match cell {
        Cell::Missing => Truth::Unknown,
        Cell::Number(number) => of_number(number),
        Cell::Text(text) => texts[text as usize],
    };
    column.cells.iter().map(truth).collect()
}

/// NaN is equal to nothing, neither less nor more.
fn holds(comparison: Comparison, order: Option<std::cmp::Ordering>) -> bool {
    match (comparison, order) {
        (Comparison::Unequal, None) => true,
        (_, None) => false,
        (Comparison::Equal, Some(order)) => order.is_eq(),
        (Comparison::Unequal, Some(order)) => order.is_ne(),
        (Comparison::Less, Some(order)) => order.is_lt(),
        (Comparison::AtMost, Some(order)) => order.is_le(),
        (Comparison::More, Some(order)) => order.is_gt(),
        (Comparison::AtLeast, Some(order)) => order.is_ge(),
    }
}

fn sort_keys(column: &Column, order: &Order) -> Vec<u128> {
    sort_keys_of(column.cells.iter(), &column.texts, order.descending)
}

/// Numbers that stand for the order: numbers, then texts, then NaN, then what is missing; the last
/// two stay last whichever way the order goes.
fn sort_keys_of(cells: impl Iterator<Item = Cell>, texts: &[String], descending: bool) -> Vec<u128> {
    let mut by_text: Vec<u32> = (0..texts.len() as u32).collect();
    by_text.sort_unstable_by_key(|place| &texts[*place as usize]);
    let mut ranks = vec![0_u64; texts.len()];
    by_text.iter().zip(0..).for_each(|(place, rank)| ranks[*place as usize] = rank);
    let key = |cell: Cell| {
        let (class, bits) = match cell {
            Cell::Missing => return 3 << 64,
            Cell::Number(number) if number.is_nan() => return 2 << 64,
            Cell::Number(number) => {
                let bits = (number + 0.0).to_bits();
                // The order of floats as that of unsigned numbers.
                (0_u128, if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
            }
            Cell::Text(text) => (1, ranks[text as usize]),
        };
        let key = class << 64 | u128::from(bits);
        if descending { (2_u128 << 64) - 1 - key } else { key }
    };
    cells.map(key).collect()
}

#[cfg(test)]
mod tests;
