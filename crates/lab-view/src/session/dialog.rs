//! Questions to the person: at most one is open.

use lab_model::{RunId, Target};

use super::{Effect, Session};
use crate::actions::{ACTIONS, ActionId};
use crate::input::{Input, Typing};
use crate::list::{Cursor, Motion};
use crate::{Line, Tone};

/// What is being asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Purpose {
    /// Another name for a run.
    Rename(RunId),
    /// Tags, with a minus to take one off.
    Tag(Vec<RunId>),
    /// A note; the kind is the outcome.
    Note(Target),
    /// Why a run was made.
    Reason(RunId),
    /// Whether runs may be removed.
    Remove(Vec<RunId>),
    /// Whether a run may be stopped.
    Stop(RunId),
    /// Where a state is to be written to.
    RestoreTo(RunId),
    /// The command to run again.
    RerunWith(RunId),
    /// Words to be found in the log, in all runs, or in the names of metrics.
    Find,
    /// Which runs to list.
    Filter,
    /// What to sort by.
    Sort,
    /// What to group by.
    Group,
    /// Which columns to show.
    Columns,
    /// A saved list.
    Views,
    /// What stands beside the list.
    Panels,
    /// The name of a list.
    SaveView,
    /// Where runs are to be exported to.
    Export(Vec<RunId>),
    /// Whether to leave although something is being written.
    Quit,
}

/// One thing to choose.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// What is chosen.
    pub value: String,
    /// What people read.
    pub label: Line,
    /// What stands on the right, muted.
    pub detail: String,
    /// Chosen already, where several can be.
    pub checked: bool,
}

/// A question.
#[derive(Clone, PartialEq, Debug)]
pub enum Dialog {
    /// All keys, made from [`ACTIONS`].
    Help {
        /// What is on screen of it.
        cursor: Cursor,
    },
    /// Every action by name.
    Palette {
        /// What was typed.
        input: Input,
        /// What fits, the best first.
        found: Vec<ActionId>,
        /// Which of them is chosen.
        cursor: Cursor,
    },
    /// One line of text.
    Ask {
        /// What for.
        purpose: Purpose,
        /// The heading.
        title: String,
        /// The text.
        input: Input,
        /// What the text may be, or why it is wrong.
        hint: Line,
        /// The bytes of the text that are wrong; empty at a place where something is missing.
        wrong: Option<std::ops::Range<usize>>,
        /// What could be meant; taken over with Tab.
        completions: Vec<Choice>,
        /// Which of them.
        cursor: Cursor,
    },
    /// One or several of a list.
    Choose {
        /// What for.
        purpose: Purpose,
        /// The heading.
        title: String,
        /// Whether several can be chosen.
        several: bool,
        /// What was typed to find one.
        input: Input,
        /// All there are.
        choices: Vec<Choice>,
        /// Those that fit, as places in `choices`.
        found: Vec<usize>,
        /// Which of those is under the cursor.
        cursor: Cursor,
    },
    /// Yes or no.
    Confirm {
        /// What for.
        purpose: Purpose,
        /// The question.
        title: String,
        /// What will happen.
        text: Line,
        /// What the button says that does it.
        yes: String,
    },
}

/// What a person does in a dialog.
#[derive(Clone, PartialEq, Debug)]
pub enum DialogAction {
    /// Types.
    Type(Typing),
    /// Moves in what there is to choose.
    Move(Motion),
    /// Has room for so many choices.
    Height(usize),
    /// The same, and the painter alone knows how many there are.
    Extent {
        /// Rows on screen.
        height: usize,
        /// Rows in all.
        total: usize,
    },
    /// Checks or unchecks the choice under the cursor.
    Toggle,
    /// Takes the completion under the cursor over.
    Complete,
    /// Says yes.
    Accept,
    /// Says no.
    Close,
    /// Wants to go on in an editor of their own.
    Editor,
    /// The person's editor gave this text.
    Edited(String),
    /// The person said in the system's own dialog where to save, which asks before a file is replaced.
    Saved(std::path::PathBuf),
}

impl Dialog {
    /// The command palette, with everything that makes sense now.
    pub fn palette(session: &Session) -> Self {
        let mut dialog = Self::Palette { input: Input::default(), found: Vec::new(), cursor: Cursor::default() };
        dialog.search(session);
        dialog
    }

    /// A question for a line of text.
    pub fn ask(purpose: Purpose, title: impl Into<String>, text: &str, hint: &str) -> Self {
        Self::Ask {
            purpose,
            title: title.into(),
            input: Input::new(text),
            hint: Line::of(hint, Tone::Muted),
            wrong: None,
            completions: Vec::new(),
            cursor: Cursor::default(),
        }
    }

    /// A question for one or several of a list.
    pub fn choose(purpose: Purpose, title: impl Into<String>, several: bool, choices: Vec<Choice>) -> Self {
        let found = (0..choices.len()).collect();
        let cursor = Cursor { total: choices.len(), ..Cursor::default() };
        Self::Choose { purpose, title: title.into(), several, input: Input::default(), choices, found, cursor }
    }

    /// What it is asked for, where that matters.
    pub const fn purpose(&self) -> Option<&Purpose> {
        match self {
            Self::Help { .. } | Self::Palette { .. } => None,
            Self::Ask { purpose, .. } | Self::Choose { purpose, .. } | Self::Confirm { purpose, .. } => Some(purpose),
        }
    }

    /// Finds again what fits the typed text.
    fn search(&mut self, session: &Session) {
        match self {
            Self::Palette { input, found, cursor } => {
                let rows = ACTIONS.iter().filter(|row| (row.enabled)(session) && row.id != ActionId::Palette);
                let scored = rows.filter_map(|row| Some((fuzzy(input.text(), row.label)?, row.id)));
                let mut scored: Vec<_> = scored.collect();
                scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
                *found = scored.into_iter().map(|(_, id)| id).collect();
                cursor.set_total(found.len());
                cursor.go(Motion::First);
            }
            Self::Choose { input, choices, found, cursor, .. } => {
                let scored = choices.iter().enumerate();
                let scored =
                    scored.filter_map(|(place, choice)| Some((fuzzy(input.text(), &choice.label.text())?, place)));
                let mut scored: Vec<_> = scored.collect();
                scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
                *found = scored.into_iter().map(|(_, place)| place).collect();
                cursor.set_total(found.len());
                cursor.go(Motion::First);
            }
            _ => {}
        }
    }

    fn input_mut(&mut self) -> Option<&mut Input> {
        match self {
            Self::Palette { input, .. } | Self::Ask { input, .. } | Self::Choose { input, .. } => Some(input),
            Self::Help { .. } | Self::Confirm { .. } => None,
        }
    }

    fn cursor_mut(&mut self) -> Option<&mut Cursor> {
        match self {
            Self::Help { cursor }
            | Self::Palette { cursor, .. }
            | Self::Ask { cursor, .. }
            | Self::Choose { cursor, .. } => Some(cursor),
            Self::Confirm { .. } => None,
        }
    }
}

/// How well a text fits what was typed: all letters in their order, the better the closer together and the
/// nearer to the beginnings of words; `None` when it does not fit.
pub fn fuzzy(typed: &str, text: &str) -> Option<i64> {
    let letters: Vec<char> = text.to_lowercase().chars().collect();
    let mut score = 0;
    let mut at = 0;
    let mut last = None;
    for letter in typed.to_lowercase().chars().filter(|letter| !letter.is_whitespace()) {
        let place = at + letters[at..].iter().position(|found| *found == letter)?;
        let starts_word = place == 0 || !letters[place - 1].is_alphanumeric();
        score += if last.is_some_and(|last: usize| last + 1 == place) { 8 } else { 0 };
        score += if starts_word { 6 } else { 0 };
        score -= place as i64 / 4;
        last = Some(place);
        at = place + 1;
    }
    Some(score)
}

impl Session {
    /// What the person did in the open dialog.
    pub(super) fn answer(&mut self, action: DialogAction) {
        let Some(mut dialog) = self.dialog.take() else { return };
        match action {
            DialogAction::Close => return self.closed(&dialog),
            DialogAction::Accept => {
                self.dialog = Some(dialog.clone());
                if !self.refuses(&mut dialog) {
                    self.dialog = None;
                    return self.accept(dialog);
                }
            }
            DialogAction::Type(typing) => {
                if let Some(input) = dialog.input_mut() {
                    input.edit(&typing);
                }
                if let Dialog::Ask { wrong, .. } = &mut dialog {
                    *wrong = None;
                }
                dialog.search(self);
            }
            DialogAction::Editor => {
                if let Dialog::Ask { purpose: Purpose::Note(_) | Purpose::Reason(_), input, .. } = &dialog {
                    self.requests.push(super::Request::EditText(input.text().to_owned()));
                }
            }
            // A note may have many lines, which the dialog's one line cannot show: what was saved is meant.
            DialogAction::Edited(text) if matches!(dialog.purpose(), Some(Purpose::Note(_) | Purpose::Reason(_))) => {
                if let Dialog::Ask { purpose, .. } = dialog {
                    self.fulfil(purpose, vec![text]);
                }
                return;
            }
            DialogAction::Saved(path) => {
                if let Dialog::Ask { purpose: Purpose::Export(runs), .. } = dialog {
                    self.export(runs, &path, true);
                }
                return;
            }
            DialogAction::Edited(text) => {
                if let Some(input) = dialog.input_mut() {
                    input.edit(&Typing::Set(text));
                }
            }
            DialogAction::Move(motion) => {
                if let Some(cursor) = dialog.cursor_mut() {
                    cursor.go(motion);
                }
            }
            DialogAction::Height(rows) => {
                if let Some(cursor) = dialog.cursor_mut() {
                    cursor.resize(rows);
                }
            }
            DialogAction::Extent { height, total } => {
                if let Some(cursor) = dialog.cursor_mut() {
                    cursor.resize(height);
                    cursor.set_total(total);
                }
            }
            DialogAction::Toggle => {
                if let Dialog::Choose { choices, found, cursor, several: true, .. } = &mut dialog
                    && let Some(choice) = found.get(cursor.row).and_then(|place| choices.get_mut(*place))
                {
                    choice.checked = !choice.checked;
                }
            }
            DialogAction::Complete => {
                if let Dialog::Ask { input, completions, cursor, .. } = &mut dialog
                    && let Some(choice) = completions.get(cursor.row)
                {
                    input.replace_before(&choice.value);
                }
            }
        }
        self.dialog = Some(dialog);
    }

    fn accept(&mut self, dialog: Dialog) {
        match dialog {
            Dialog::Help { .. } => {}
            Dialog::Palette { found, cursor, .. } => {
                if let Some(id) = found.get(cursor.row) {
                    self.perform(*id);
                }
            }
            Dialog::Ask { purpose, input, .. } => self.fulfil(purpose, vec![input.text().to_owned()]),
            Dialog::Confirm { purpose, .. } => self.fulfil(purpose, Vec::new()),
            Dialog::Choose { purpose, several, choices, found, cursor, .. } => {
                let under_cursor = found.get(cursor.row).map(|place| choices[*place].value.clone());
                let values = if several {
                    choices.into_iter().filter(|choice| choice.checked).map(|choice| choice.value).collect()
                } else {
                    under_cursor.into_iter().collect()
                };
                self.fulfil(purpose, values);
            }
        }
    }

    /// Opens a dialog.
    pub(super) fn open(&mut self, dialog: Dialog) {
        self.apply(vec![Effect::Ask(dialog)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_fit_and_beginnings_of_words_fit_best() {
        assert_eq!(fuzzy("xyz", "Restore…"), None);
        assert!(fuzzy("", "anything").is_some());
        let better = |typed, good, bad| assert!(fuzzy(typed, good) > fuzzy(typed, bad), "{typed}: {good} before {bad}");
        better("res", "Restore…", "Redo restore");
        better("rf", "Restore to a new folder…", "Verify");
        better("copyc", "Copy command", "Clear marks");
    }
}
