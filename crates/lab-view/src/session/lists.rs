//! What stands beside a list of runs: the course of metrics, the run under the cursor, and what the
//! background finds out for the open dialog: what could be typed, what could be chosen.

use std::ops::Range;

use lab_engine::{Lane, Reader, Result};
use lab_model::{Change, ProjectId, RunId, Target};

use super::{Action, Choice, Dialog, DialogAction, Purpose, Route, Session};
use crate::charts::Kind;
use crate::format::Moment;
use crate::list::Cursor;
use crate::query::{self, Completion, FIELDS, Query, QueryError, Vocabulary, quote};
use crate::screen::{Loaded, Stamp};
use crate::screens::runs::inspected::{self, Inspected};
use crate::screens::runs::trends::Trends;
use crate::screens::runs::{Panel, RunsAction, compose};
use crate::show;
use crate::{Line, Tone, metrics};

/// Courses of so many runs are drawn beside a list when none are marked: each has a colour of its own.
const COURSES: usize = 10;
/// So many runs are drawn beside a list at most.
const POINTS: usize = 200;

/// What is read beside a list.
#[derive(Default)]
pub(super) struct Lists {
    trends: Trends,
    inspected: Loaded<RunId, Inspected>,
    offers: Loaded<Wanted, Offers>,
}

/// For which question something is to be found out.
#[derive(Clone, PartialEq)]
struct Wanted {
    project: Option<ProjectId>,
    purpose: Purpose,
    /// What is typed up to where the cursor is, and behind it.
    typed: (String, usize),
}

/// What was found out.
#[derive(Default)]
struct Offers {
    completions: Vec<Completion>,
    wrong: Option<QueryError>,
    vocabulary: Vocabulary,
    views: Vec<(String, String)>,
}

impl Session {
    /// The course of the main metric of runs in the list.
    pub const fn trends(&self) -> &Trends {
        &self.lists.trends
    }

    /// What is known of the run under the cursor of the list, when there is room for it.
    pub fn inspected(&self) -> Option<&Inspected> {
        let run = self.runs.screen.under_cursor(self.runs.page())?;
        self.lists.inspected.page_for(&run)
    }

    /// Takes in what stands beside the list of runs. True when the screen should be painted again.
    pub(super) fn poll_lists(&mut self, stamp: Stamp) -> bool {
        if !matches!(self.route(), Route::Runs) {
            return false;
        }
        let mut changed = self.poll_offers(stamp);
        // The list itself comes first.
        if let Some(page) = self.runs.page() {
            let in_sight = page.subjects(self.runs.screen.cursor.visible());
            changed |= self.lists.trends.poll(&self.background, stamp, in_sight);
            changed |= in_sight.iter().any(|subject| subject.is_running) && self.is_new_second();
        }
        changed |= self.lists.inspected.poll();
        let panels = &self.runs.screen.panels;
        let draws = panels.contains(&Panel::Charts);
        if (panels.contains(&Panel::Inspector) || panels.contains(&Panel::Notes))
            && let Some(subject) = self.runs.page().and_then(|page| page.at(self.runs.screen.cursor.row))
        {
            let (background, moment) = (&self.background, self.now.clone());
            let stamp = if subject.is_running { stamp } else { Stamp { live: 0, ..stamp } };
            self.lists.inspected.want(&subject.run, stamp, |run| {
                background.read(Lane::Page, move |reader| inspected::load(reader, &show::Key { run, moment }))
            });
        }
        changed | (draws && self.poll_charts_beside(stamp))
    }

    /// Charts beside the list: courses of what is marked, otherwise of the first runs of the list; runs against each
    /// other are as many as there are.
    fn poll_charts_beside(&mut self, stamp: Stamp) -> bool {
        let Some(page) = self.runs.page().filter(|page| !page.is_grouped()) else { return false };
        let marked = &self.runs.screen.marked;
        let are_courses = !matches!(self.charts.screen.kind, Kind::Scatter | Kind::Parallel);
        let most = if are_courses { COURSES } else { POINTS };
        let runs: Vec<RunId> = if are_courses && !marked.is_empty() {
            marked.iter().take(POINTS).cloned().collect()
        } else if page.first == 0 {
            page.subjects(0..most).iter().map(|subject| subject.run.clone()).collect()
        } else {
            // The first ones are not in memory, and have not changed by scrolling.
            Vec::new()
        };
        let goes_on = |run: &RunId| page.subject(run).is_some_and(|subject| subject.is_running);
        let live = if runs.iter().any(goes_on) { stamp.live } else { 0 };
        if !runs.is_empty() {
            self.charts.screen.draw(runs);
        }
        self.charts.poll(&self.background, Stamp { minute: 0, live, ..stamp }, &self.now)
    }

    /// Whether the clock shows another second than at the poll before: what goes on is told in seconds.
    const fn is_new_second(&self) -> bool {
        self.now.now.0.div_euclid(1000) != self.polled_before.div_euclid(1000)
    }

    fn poll_offers(&mut self, stamp: Stamp) -> bool {
        let Some(wanted) = self.wanted_offers() else { return false };
        let arrived = self.lists.offers.poll();
        let (background, moment) = (&self.background, self.now.clone());
        self.lists.offers.want(&wanted, Stamp { minute: 0, live: 0, ..stamp }, |wanted| {
            background.read(Lane::Page, move |reader| offers(reader, &wanted, &moment))
        });
        let Some(offers) = self.lists.offers.page_for(&wanted).filter(|_| arrived) else { return false };
        let query = self.runs.screen.query.clone();
        let mut draft = None;
        match &mut self.dialog {
            Some(Dialog::Ask { purpose: Purpose::Filter, hint, completions, cursor, wrong, .. }) => {
                (*hint, *wrong) = verdict(offers.wrong.as_ref(), &wanted.typed.0);
                *completions = continuations(&offers.completions, &wanted.typed);
                *cursor = Cursor { total: completions.len(), height: cursor.height, ..Cursor::default() };
                draft = offers.wrong.is_none().then(|| wanted.typed.0.clone());
            }
            Some(Dialog::Choose { purpose, choices, .. }) if choices.is_empty() => {
                *choices = match purpose {
                    Purpose::Sort => sort_choices(&offers.vocabulary, &query),
                    Purpose::Group => group_choices(&offers.vocabulary, &query),
                    Purpose::Columns => column_choices(&offers.vocabulary, &query),
                    _ => view_choices(&offers.views, &query),
                };
            }
            _ => return false,
        }
        self.search_again();
        if let Some(draft) = draft.filter(|draft| *draft != self.runs.screen.query || self.runs.screen.draft.is_some())
        {
            self.runs.act(RunsAction::Draft(Some(draft)));
        }
        true
    }

    fn wanted_offers(&self) -> Option<Wanted> {
        let project = self.project.as_ref().map(|project| project.id.clone());
        let (purpose, typed) = match self.dialog.as_ref()? {
            Dialog::Ask { purpose: purpose @ Purpose::Filter, input, .. } => {
                (purpose, (input.text().to_owned(), input.cursor()))
            }
            Dialog::Choose { purpose, .. } if is_of_list(purpose) => (purpose, (String::new(), 0)),
            _ => return None,
        };
        Some(Wanted { project, purpose: purpose.clone(), typed })
    }

    /// Opens the dialog in which the list is asked for; the rest comes from the background.
    pub(super) fn ask_of_list(&mut self, purpose: Purpose) {
        let query = self.runs.screen.query.clone();
        let (title, several) = match purpose {
            Purpose::Filter => {
                let dialog = Dialog::ask(purpose, "Which runs", &query, "such as acc > 0.9 and status:done");
                return self.open(dialog);
            }
            Purpose::SaveView if self.project.is_none() => {
                return self.say(Line::of("Views belong to a project: enter one first", Tone::Warn));
            }
            Purpose::SaveView if query.trim().is_empty() => {
                return self.say(Line::of("The list is as it always is: filter, sort or group it first", Tone::Warn));
            }
            Purpose::SaveView => {
                let hint = "letters, digits, - _ and .; the same name again replaces it";
                return self.open(Dialog::ask(purpose, format!("Keep this list: {query}"), "", hint));
            }
            Purpose::Sort => ("Sort by", false),
            Purpose::Group => ("Group by", true),
            Purpose::Columns => ("Columns", true),
            _ => ("Saved lists", false),
        };
        self.open(Dialog::choose(purpose, title, several, Vec::new()));
    }

    /// Why the open dialog cannot be accepted yet; then it stays open and says so.
    pub(super) fn refuses(&self, dialog: &mut Dialog) -> bool {
        match dialog {
            Dialog::Ask { purpose: Purpose::Filter, input, hint, wrong, .. } => {
                let typed = input.text();
                let told = || {
                    let wanted = self.lists.offers.page_for(&self.wanted_offers()?)?;
                    wanted.wrong.clone()
                };
                let error = Query::parse(typed).err().or_else(told);
                if let Some(error) = &error {
                    *hint = Line::of(error.in_one_line(), Tone::Bad);
                    *wrong = Some(error.place.clone());
                }
                error.is_some()
            }
            Dialog::Ask { purpose: Purpose::SaveView, input, hint, .. } => {
                let fits = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
                let name = input.text().trim();
                let is_name = !name.is_empty() && !name.starts_with('-') && name.chars().all(fits);
                if !is_name {
                    *hint = Line::of("A name is letters, digits, - _ and .", Tone::Bad);
                }
                !is_name
            }
            // What there is to choose is on its way.
            Dialog::Choose { purpose, choices, .. } => is_of_list(purpose) && choices.is_empty(),
            _ => false,
        }
    }

    /// What was answered to a question on the list.
    pub(super) fn fulfil_list(&mut self, purpose: &Purpose, values: Vec<String>) {
        let first = values.first().map(|text| text.trim().to_owned());
        let action = match purpose {
            Purpose::Filter | Purpose::Views => RunsAction::Query(first.unwrap_or_default()),
            Purpose::Sort => match first {
                Some(by) => RunsAction::SortBy(by),
                None => return,
            },
            Purpose::Group => RunsAction::GroupBy(values),
            Purpose::Columns => RunsAction::Columns(values),
            _ => return self.save_view(first.unwrap_or_default()),
        };
        self.act(Action::Runs(action));
    }

    fn save_view(&mut self, name: String) {
        let Some(project) = self.project.as_ref().map(|project| project.id.clone()) else { return };
        let said = format!("Kept as {name}; v brings it back, `lab ls @{name}` prints it");
        let change = Change::View { name, query: self.runs.screen.query.clone() };
        let command = lab_engine::Command::Edit(vec![(Target::Project(project), change)]);
        self.command(command, super::Then::Say(said));
    }

    /// What the dialog does before anybody says yes is taken back.
    pub(super) fn closed(&mut self, dialog: &Dialog) {
        if dialog.purpose() == Some(&Purpose::Filter) {
            self.runs.act(RunsAction::Draft(None));
        }
    }

    fn search_again(&mut self) {
        if let Some(Dialog::Choose { .. }) = self.dialog {
            self.answer(DialogAction::Type(crate::Typing::End));
        }
    }
}

const fn is_of_list(purpose: &Purpose) -> bool {
    matches!(purpose, Purpose::Sort | Purpose::Group | Purpose::Columns | Purpose::Views)
}

fn offers(reader: &Reader, wanted: &Wanted, moment: &Moment) -> Result<Offers> {
    let (text, cursor) = (&wanted.typed.0, wanted.typed.1);
    Ok(match &wanted.purpose {
        Purpose::Filter => {
            let vocabulary = Vocabulary::for_text(reader, text, cursor)?;
            let completions = query::complete(text, cursor, &vocabulary);
            let checked = Query::parse(text).and_then(|parsed| {
                query::compile(&parsed, &vocabulary, moment, reader, wanted.project.as_ref()).map(|_| ())
            });
            Offers { completions, wrong: checked.err(), ..Offers::default() }
        }
        Purpose::Views => {
            let views = wanted.project.as_ref().map(|project| reader.views(project)).transpose()?;
            Offers { views: views.unwrap_or_default(), ..Offers::default() }
        }
        _ => Offers { vocabulary: Vocabulary::read(reader)?, ..Offers::default() },
    })
}

/// What the hint says of what is typed, and what is wrong in it. What is only not finished is no mistake yet.
fn verdict(wrong: Option<&QueryError>, text: &str) -> (Line, Option<Range<usize>>) {
    match wrong {
        Some(error) if error.place.start >= text.trim_end().len() => (Line::of(error.in_one_line(), Tone::Muted), None),
        Some(error) => (Line::of(error.in_one_line(), Tone::Bad), Some(error.place.clone())),
        None if text.trim().is_empty() => (Line::of("such as acc > 0.9 and status:done", Tone::Muted), None),
        None => (Line::of("The list shows it already; Enter keeps it, Esc does not", Tone::Muted), None),
    }
}

/// So many completions are offered at most.
const MOST: usize = 200;

/// Completions as choices; the value is all that stands before the cursor then.
fn continuations(found: &[Completion], (text, _): &(String, usize)) -> Vec<Choice> {
    let choice = |found: &Completion| {
        let before = &text[..found.replaces.start];
        let in_call = before.ends_with('(') && before[..before.len() - 1].ends_with(char::is_alphanumeric);
        let in_list = before.ends_with([':', ',']) || before.ends_with(":-") || before.ends_with(",-");
        let end = match () {
            () if found.text.ends_with(['(', ':']) || in_list => "",
            () if in_call => ")",
            () => " ",
        };
        Choice {
            value: format!("{before}{}{end}", found.text),
            label: Line::of(&found.text, Tone::Plain),
            detail: found.help.clone(),
            checked: false,
        }
    };
    // Nothing is gained by what stands there already.
    let is_there = |found: &&Completion| text[found.replaces.clone()] != found.text;
    found.iter().filter(is_there).take(MOST).map(choice).collect()
}

fn choice(value: impl Into<String>, detail: &str) -> Choice {
    let value = value.into();
    Choice { label: Line::of(&value, Tone::Plain), value, detail: detail.to_owned(), checked: false }
}

/// Metrics of the experiment before those of the machine, the promising ones first.
fn ranked(vocabulary: &Vocabulary) -> Vec<&String> {
    let mut keys: Vec<&String> = vocabulary.metrics.iter().collect();
    keys.sort_by_key(|key| (metrics::is_machine_use(key), metrics::rank(key), key.as_str()));
    keys
}

/// A parameter as it is written where a field has its name.
fn param(key: &str) -> Choice {
    let is_field = FIELDS.iter().any(|field| field.name.eq_ignore_ascii_case(key));
    choice(quote(&if is_field { format!("param.{key}") } else { key.to_owned() }), "parameter")
}

fn sort_choices(vocabulary: &Vocabulary, query: &str) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for key in ranked(vocabulary) {
        choices.push(choice(format!("best({})", quote(key)), "best value"));
        choices.push(choice(quote(key), "last value"));
    }
    // Of many metrics the promising ones, then what runs were given, then all the others.
    let own = vocabulary.metrics.iter().filter(|key| !metrics::is_machine_use(key)).count();
    let (main, rest) = choices.split_at((2 * own).min(6));
    let params = vocabulary.params.iter().map(|key| param(key));
    let fields = FIELDS.iter().map(|field| choice(field.name, field.help));
    let mut all: Vec<Choice> = main.to_vec();
    all.extend(fields.take(3));
    all.extend(params);
    all.extend(rest.iter().cloned());
    all.extend(FIELDS.iter().skip(3).map(|field| choice(field.name, field.help)));
    if let Some((now, descending)) = compose::sorting(query) {
        let place = all.iter().position(|choice| choice.value == now);
        let mut first = place.map_or_else(|| choice(now, ""), |place| all.remove(place));
        first.detail = if descending { "now, largest first; again turns it" } else { "now; again turns it" }.to_owned();
        all.insert(0, first);
    }
    all
}

fn group_choices(vocabulary: &Vocabulary, query: &str) -> Vec<Choice> {
    const FITTING: [&str; 10] =
        ["status", "script", "project", "host", "branch", "commit", "code", "config", "data", "env"];
    let params = vocabulary.params.iter().map(|key| param(key));
    let fields = FIELDS.iter().filter(|field| FITTING.contains(&field.name));
    let all = params.chain(fields.map(|field| choice(field.name, field.help))).collect();
    checked_first(all, compose::groups_and_columns(query).0)
}

fn column_choices(vocabulary: &Vocabulary, query: &str) -> Vec<Choice> {
    const OWN: [&str; 9] = ["id", "name", "project", "started", "status", "took", "changed", "tags", "note"];
    let mut all: Vec<Choice> = OWN.iter().map(|name| choice(*name, "")).collect();
    for key in ranked(vocabulary) {
        all.push(choice(quote(key), "last value"));
        all.push(choice(format!("best({})", quote(key)), "best value"));
    }
    all.extend(vocabulary.params.iter().map(|key| param(key)));
    let others = FIELDS.iter().filter(|field| !OWN.contains(&field.name));
    all.extend(others.map(|field| choice(field.name, field.help)));
    checked_first(all, compose::groups_and_columns(query).1)
}

/// What is chosen already comes first, in its order.
fn checked_first(mut all: Vec<Choice>, chosen: Vec<String>) -> Vec<Choice> {
    for value in chosen.into_iter().rev() {
        let place = all.iter().position(|choice| choice.value == value);
        let mut first = place.map_or_else(|| choice(value, ""), |place| all.remove(place));
        first.checked = true;
        all.insert(0, first);
    }
    all
}

fn view_choices(views: &[(String, String)], query: &str) -> Vec<Choice> {
    let kept = views.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    // These are worth a key even where nobody has kept anything.
    let always = [("all", ""), ("starred", "is:starred"), ("failed", "status:failed"), ("today", "started > today")];
    let one = |(name, text): (&str, &str)| {
        let mut choice = Choice { value: text.to_owned(), ..choice(name, text) };
        choice.checked = text == query;
        choice
    };
    kept.chain(always).map(one).collect()
}

impl Session {
    /// Whether there is a removal that can be taken back.
    pub const fn has_removed(&self) -> bool {
        !self.removed.is_empty()
    }

    pub(super) fn remove(&mut self, runs: Vec<RunId>) {
        for run in &runs {
            self.runs.screen.marked.remove(run);
        }
        let edits = runs.iter().map(|run| (Target::Run(run.clone()), Change::Remove)).collect();
        self.command(lab_engine::Command::Edit(edits), super::Then::Removed(runs));
        if matches!(self.route(), Route::Run(_)) {
            self.back();
        }
    }

    pub(super) fn unremove(&mut self) {
        let runs = std::mem::take(&mut self.removed);
        self.notices.retain(|notice| notice.action != Some(crate::ActionId::Unremove));
        let edits = runs.iter().map(|run| (Target::Run(run.clone()), Change::Unremove)).collect();
        let said = format!("{} back", crate::format::count(runs.len() as u64, "run"));
        self.command(lab_engine::Command::Edit(edits), super::Then::Say(said));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_go_on_where_a_person_would() {
        let vocabulary = Vocabulary { metrics: vec!["val/loss".into()], params: vec!["lr".into()], values: Vec::new() };
        let check = |text: &str, label: &str, expected: &str| {
            let found = query::complete(text, text.len(), &vocabulary);
            let choices = continuations(&found, &(text.to_owned(), text.len()));
            let choice = choices.iter().find(|choice| choice.label.text() == label);
            assert_eq!(choice.map(|choice| choice.value.as_str()), Some(expected), "{text}");
        };
        check("tag:x va", "val/loss", "tag:x val/loss ");
        check("bes", "best(", "best(");
        check("best(va", "val/loss", "best(val/loss)");
        check("sort:-va", "val/loss", "sort:-val/loss");
        check("stat", "status:", "status:");
    }

    #[test]
    fn what_is_not_finished_is_no_mistake_yet() {
        let tone = |text: &str| {
            let error = Query::parse(text).unwrap_err();
            verdict(Some(&error), text).0.0[0].tone
        };
        assert_eq!(tone("acc >"), Tone::Muted);
        assert_eq!(tone("acc > ) and x"), Tone::Bad);
    }

    #[test]
    fn what_is_chosen_comes_first() {
        let vocabulary = Vocabulary { metrics: vec!["acc".into()], params: vec!["lr".into()], values: Vec::new() };
        let choices = column_choices(&vocabulary, "columns:lr,best(acc)");
        let checked: Vec<_> = choices.iter().take_while(|choice| choice.checked).map(|choice| &choice.value).collect();
        assert_eq!(checked, ["lr", "best(acc)"]);
        let choices = sort_choices(&vocabulary, "sort:lr");
        assert_eq!(choices[0].value, "lr");
        assert!(choices[0].detail.starts_with("now"));
    }
}
