//! The one table of what a person can do. Menus, command palette, key help, the footer and the manual
//! are made from it, in the terminal and in the desktop.

use crate::session::{Route, Session};

/// Something that can be done, wherever it makes sense.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "each has its label and help in ACTIONS")]
pub enum ActionId {
    Help,
    Palette,
    Back,
    Quit,
    GoProjects,
    GoRuns,
    GoCharts,
    GoNotes,
    GoSearch,
    GoHealth,
    Open,
    NextPart,
    PreviousPart,
    Mark,
    MarkAll,
    ClearMarks,
    Filter,
    Sort,
    Group,
    Columns,
    Views,
    SaveView,
    Follow,
    Panels,
    ResetPanels,
    Compare,
    Charts,
    AddToCharts,
    Restore,
    RestoreTo,
    Undo,
    Redo,
    Rerun,
    RerunWith,
    Stop,
    Tag,
    Star,
    Rename,
    Note,
    Reason,
    Hide,
    Remove,
    Unremove,
    AllRuns,
    Edit,
    OpenFolder,
    CopyId,
    CopyCommand,
    Export,
    LogScale,
    Smooth,
    StepAxis,
    ZoomIn,
    ZoomOut,
    ChartAlone,
    ReadLeft,
    ReadRight,
    PanLeft,
    PanRight,
    ResetZoom,
    Find,
    FindNext,
    FindPrevious,
    SideBySide,
    AsideLeft,
    AsideRight,
    Fold,
    FoldAll,
    RestoreFile,
    ToggleFile,
    Apply,
    Watch,
    WatchService,
    Verify,
    VerifyDeep,
    Collect,
    Rebuild,
    CancelWork,
}

/// Where an action belongs in menus and in the help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Everywhere.
    General,
    /// From place to place.
    Places,
    /// In lists.
    List,
    /// On one or more runs.
    Run,
    /// In charts.
    Chart,
    /// On files.
    Files,
    /// On the notebook.
    Notebook,
}

impl Group {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 7] =
        [Self::General, Self::Places, Self::List, Self::Run, Self::Chart, Self::Files, Self::Notebook];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::General => "Everywhere",
            Self::Places => "Places",
            Self::List => "Lists",
            Self::Run => "Runs",
            Self::Chart => "Charts",
            Self::Files => "Files",
            Self::Notebook => "Notebook",
        }
    }
}

/// One row of [`ACTIONS`].
pub struct ActionRow {
    /// Which.
    pub id: ActionId,
    /// What a menu says; `…` when more input follows.
    pub label: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
    /// The keys, the first one is shown. Named as painters name them: `a`, `A`, `Ctrl-P`, `Enter`, `F1`.
    pub keys: &'static [&'static str],
    /// Where it belongs.
    pub group: Group,
    /// Whether it makes sense now.
    pub enabled: fn(&Session) -> bool,
}

const fn row(
    id: ActionId,
    label: &'static str,
    help: &'static str,
    keys: &'static [&'static str],
    group: Group,
    enabled: fn(&Session) -> bool,
) -> ActionRow {
    ActionRow { id, label, help, keys, group, enabled }
}

const fn always(_: &Session) -> bool {
    true
}

fn with_runs(session: &Session) -> bool {
    !session.subjects().is_empty()
}

fn with_one_run(session: &Session) -> bool {
    session.subjects().len() == 1
}

fn in_runs(session: &Session) -> bool {
    matches!(session.route(), Route::Runs)
}

fn in_projects(session: &Session) -> bool {
    matches!(session.route(), Route::Projects)
}

fn in_list(session: &Session) -> bool {
    session.has_list()
}

fn in_charts(session: &Session) -> bool {
    matches!(session.route(), Route::Charts(_))
}

fn can_note(session: &Session) -> bool {
    with_one_run(session) || matches!(session.route(), Route::Notes) && with_project(session)
}

fn in_compare(session: &Session) -> bool {
    matches!(session.route(), Route::Compare(_))
}

fn on_file(session: &Session) -> bool {
    session.file().is_some() && !session.is_on_output()
}

fn can_find(session: &Session) -> bool {
    in_charts(session) || matches!(session.route(), Route::Search) || session.in_log()
}

fn has_next(session: &Session) -> bool {
    let has_hits = || session.in_log() && !session.run_parts.hits.screen.words.is_empty();
    in_compare(session) || in_restore(session) || session.has_pictures() || has_hits()
}

fn in_text(session: &Session) -> bool {
    session.in_text()
}

fn with_work(session: &Session) -> bool {
    !session.jobs().is_empty()
}

fn in_restore(session: &Session) -> bool {
    matches!(session.route(), Route::Restore(_))
}

fn with_project(session: &Session) -> bool {
    session.project().is_some()
}

fn with_running_run(session: &Session) -> bool {
    session.one_running().is_some()
}

/// Everything a person can do.
pub static ACTIONS: &[ActionRow] = &[
    row(ActionId::Help, "Help", "Show all keys", &["?", "F1"], Group::General, always),
    row(ActionId::Palette, "Commands…", "Find and do anything by name", &["Ctrl-P", ":"], Group::General, always),
    row(ActionId::Back, "Back", "Go back to where you came from", &["Esc"], Group::General, always),
    row(ActionId::Quit, "Quit", "Leave; what runs goes on", &["q", "Ctrl-C"], Group::General, always),
    row(ActionId::GoRuns, "Runs", "The list of runs", &["1"], Group::Places, always),
    row(ActionId::GoProjects, "Projects", "All projects of the notebook", &["2"], Group::Places, always),
    row(ActionId::GoCharts, "Charts", "Metrics of the marked runs over time", &["3"], Group::Places, always),
    row(ActionId::GoNotes, "Notes", "What was written down, by day", &["4"], Group::Places, always),
    row(ActionId::GoSearch, "Search", "Search code, config, logs and notes of all runs", &["5"], Group::Places, always),
    row(ActionId::GoHealth, "Health", "The watcher and the notebook", &["6"], Group::Places, always),
    row(ActionId::Open, "Open", "Look at what the cursor is on", &["Enter"], Group::List, in_list),
    row(ActionId::NextPart, "Next part", "Go to the next part of the page", &["Tab"], Group::List, always),
    row(ActionId::PreviousPart, "Previous part", "Go to the part before", &["Shift-Tab"], Group::List, always),
    row(ActionId::Mark, "Mark", "Mark the run for comparing, charts, tags", &["Space"], Group::List, in_runs),
    row(ActionId::MarkAll, "Mark all", "Mark every run that is listed", &["Ctrl-A"], Group::List, in_runs),
    row(ActionId::ClearMarks, "Clear marks", "Mark nothing", &["Ctrl-L"], Group::List, in_runs),
    row(ActionId::Filter, "Filter…", "Say which runs to list", &["/"], Group::List, in_runs),
    row(ActionId::Sort, "Sort by…", "Choose what to sort by", &["s"], Group::List, in_runs),
    row(ActionId::Group, "Group by…", "Put runs together", &["g"], Group::List, in_runs),
    row(ActionId::Columns, "Columns…", "Choose the columns", &["C"], Group::List, in_runs),
    row(ActionId::Views, "Views…", "Use a saved list", &["v"], Group::List, in_runs),
    row(ActionId::SaveView, "Save as view…", "Keep this list under a name", &["V"], Group::List, in_runs),
    row(ActionId::Follow, "Follow newest", "Keep the cursor on the newest run", &["f"], Group::List, in_list),
    row(ActionId::Panels, "Panels…", "Choose what stands beside the list", &[], Group::List, Session::has_panels),
    row(
        ActionId::ResetPanels,
        "Reset the panels",
        "Put the panels where they stand at first",
        &[],
        Group::List,
        Session::has_panels,
    ),
    row(ActionId::Compare, "Compare", "What is different, and is it real?", &["c", "="], Group::Run, with_runs),
    row(ActionId::Charts, "Charts", "Metrics over time", &["m"], Group::Run, with_runs),
    row(
        ActionId::AddToCharts,
        "Add to charts",
        "Draw it beside the runs that were drawn last",
        &["M"],
        Group::Run,
        Session::can_add_to_charts,
    ),
    row(
        ActionId::Restore,
        "Restore…",
        "Put this state in place; undo brings the present back",
        &["r"],
        Group::Run,
        with_one_run,
    ),
    row(
        ActionId::RestoreTo,
        "Restore to a new folder…",
        "Write this state elsewhere",
        &["R"],
        Group::Run,
        with_one_run,
    ),
    row(ActionId::Undo, "Undo restore", "Take the last restore back", &["u"], Group::Files, with_project),
    row(
        ActionId::Redo,
        "Redo restore",
        "Do the restore again that was taken back",
        &["U", "Ctrl-R"],
        Group::Files,
        with_project,
    ),
    row(
        ActionId::Rerun,
        "Run again",
        "The same command on the files as they are now",
        &["x"],
        Group::Run,
        with_one_run,
    ),
    row(ActionId::RerunWith, "Run again with changes…", "Change the command first", &["X"], Group::Run, with_one_run),
    row(ActionId::Stop, "Stop", "Ask the running command to end", &["K"], Group::Run, with_running_run),
    row(ActionId::Tag, "Tags…", "Add tags, or remove them with a minus", &["t"], Group::Run, with_runs),
    row(ActionId::Star, "Star", "Star it, or take the star off", &["*"], Group::Run, with_runs),
    row(ActionId::Rename, "Rename…", "Give it another name", &["n", "F2"], Group::Run, with_one_run),
    row(ActionId::Note, "Note…", "Write down what came of it", &["o"], Group::Run, can_note),
    row(ActionId::Reason, "Why…", "Write down why it was run, also later", &["b"], Group::Run, with_one_run),
    row(ActionId::Hide, "Hide", "Take it off the lists, or put it back", &["h"], Group::Run, with_runs),
    row(ActionId::Remove, "Remove…", "Remove it; `lab gc` makes it final", &["Delete", "D"], Group::Run, with_runs),
    row(ActionId::Unremove, "Bring back", "Bring back what was removed last", &["Z"], Group::Run, Session::has_removed),
    row(ActionId::AllRuns, "All runs", "The runs of all projects", &["a"], Group::Places, in_projects),
    row(ActionId::Edit, "Open in editor", "Open what the cursor is on in $EDITOR", &["e"], Group::Files, |session| {
        session.project_here().is_some()
    }),
    row(ActionId::OpenFolder, "Open folder", "Open the project in the file manager", &["O"], Group::Files, |session| {
        session.project_here().is_some()
    }),
    row(ActionId::CopyId, "Copy id", "Copy the id to the clipboard", &["y"], Group::Run, with_runs),
    row(
        ActionId::CopyCommand,
        "Copy command",
        "Copy the command line to the clipboard",
        &["Y"],
        Group::Run,
        with_one_run,
    ),
    row(ActionId::Export, "Export…", "Write the runs to a file for other programs", &["E"], Group::Run, with_runs),
    row(ActionId::LogScale, "Logarithmic axis", "Switch the value axis", &["l"], Group::Chart, in_charts),
    row(ActionId::Smooth, "Smoothing", "More smoothing; round to none", &["S"], Group::Chart, in_charts),
    row(ActionId::StepAxis, "Step or time", "Switch the horizontal axis", &["a"], Group::Chart, in_charts),
    row(ActionId::ZoomIn, "Zoom in", "Look closer", &["+"], Group::Chart, in_charts),
    row(ActionId::ZoomOut, "Zoom out", "See more", &["-"], Group::Chart, in_charts),
    row(ActionId::ChartAlone, "One chart", "Show one chart alone, or all again", &["Enter"], Group::Chart, in_charts),
    row(ActionId::ReadLeft, "Read to the left", "Read the values further left", &["Left"], Group::Chart, in_charts),
    row(ActionId::ReadRight, "Read to the right", "Read the values further right", &["Right"], Group::Chart, in_charts),
    row(ActionId::PanLeft, "Move left", "Show what is further left", &["<", "Shift-Left"], Group::Chart, in_charts),
    row(ActionId::PanRight, "Move right", "Show what is further right", &[">", "Shift-Right"], Group::Chart, in_charts),
    row(ActionId::ResetZoom, "See everything", "Show the whole axis again", &["0"], Group::Chart, in_charts),
    row(
        ActionId::Find,
        "Find…",
        "Find words in the log, charts by name, or in all runs",
        &["/"],
        Group::List,
        can_find,
    ),
    row(ActionId::FindNext, "Next", "Go to the next match, change or picture", &["n"], Group::List, has_next),
    row(ActionId::FindPrevious, "Previous", "Go to the match, change or picture before", &["N"], Group::List, has_next),
    row(ActionId::AsideLeft, "To the left", "Show what lies further left", &["<", "Left"], Group::List, in_text),
    row(ActionId::AsideRight, "To the right", "Show what lies further right", &[">", "Right"], Group::List, in_text),
    row(
        ActionId::SideBySide,
        "Side by side",
        "Old and new in two columns or one; a file or its changes",
        &["d"],
        Group::Files,
        always,
    ),
    row(
        ActionId::Fold,
        "Fold",
        "Show only the name of this file, or its changes again",
        &["Space", "Enter"],
        Group::Files,
        in_compare,
    ),
    row(ActionId::FoldAll, "Fold all", "Show only the names of all files", &["z"], Group::Files, in_compare),
    row(
        ActionId::RestoreFile,
        "Restore this file…",
        "Put only this file back; undo takes it back",
        &["p"],
        Group::Files,
        on_file,
    ),
    row(
        ActionId::ToggleFile,
        "Take or leave",
        "Leave this file as it is, or restore it too",
        &["Space"],
        Group::Files,
        in_restore,
    ),
    row(
        ActionId::Apply,
        "Restore these files",
        "Carry the plan out; undo takes it back",
        &["Enter"],
        Group::Files,
        in_restore,
    ),
    row(ActionId::Watch, "Watch this folder", "Make the current folder a project", &["W"], Group::Notebook, always),
    row(
        ActionId::WatchService,
        "Start or stop watching",
        "The background process that notices runs",
        &["w"],
        Group::Notebook,
        always,
    ),
    row(ActionId::Verify, "Verify", "Check that the notebook is whole", &[], Group::Notebook, always),
    row(
        ActionId::VerifyDeep,
        "Verify every byte",
        "Decode everything, follow every reference",
        &[],
        Group::Notebook,
        always,
    ),
    row(ActionId::Collect, "Collect garbage", "Drop what no run needs any more", &[], Group::Notebook, always),
    row(ActionId::Rebuild, "Rebuild index", "Make the index anew from the packs", &[], Group::Notebook, always),
    row(
        ActionId::CancelWork,
        "Cancel",
        "Stop what is under way, where it can stop",
        &["Ctrl-X"],
        Group::General,
        with_work,
    ),
];

impl ActionId {
    /// Its row.
    pub fn row(self) -> &'static ActionRow {
        ACTIONS.iter().find(|row| row.id == self).expect("because a test holds ACTIONS against the list of ids")
    }
}

/// Why a key does nothing now, when it means something elsewhere.
pub fn explain_key(session: &Session, key: &str) -> Option<String> {
    let row = ACTIONS.iter().find(|row| row.keys.contains(&key) && !(row.enabled)(session))?;
    let label = row.label.trim_end_matches('…');
    let marked = session.subjects().len();
    Some(match row.group {
        Group::Run if marked > 1 => format!("{label} takes one run: {marked} are marked, Ctrl-L clears the marks"),
        Group::Run => format!("{label} takes a run: there is none here"),
        Group::Chart => format!("{label} is for charts: m shows them"),
        _ => format!("{label} does nothing here"),
    })
}

/// The action that a key means now: of those that make sense, the most particular one.
pub fn by_key(session: &Session, key: &str) -> Option<ActionId> {
    let mut fitting = ACTIONS.iter().filter(|row| row.keys.contains(&key) && (row.enabled)(session));
    fitting.next_back().map(|row| row.id)
}
