//! The loop: waits for keys, the mouse and other threads, tells the session, paints.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use lab_engine::{EngineConfig, Error, ErrorKind, Result};
use lab_model::Project;
use lab_view::list::Motion;
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Dialog, DialogAction, Request, Route, Session};
use lab_view::{ActionId, Line, Tone, Typing, by_key, explain_key};
use ratatui::layout::{Position, Rect};

use crate::frame::{self, Handle, Paint, Splits};
use crate::picture::{self, Graphics, Placed};
use crate::terminal::Screen;
use crate::{Theme, keys};

/// What the loop waits for.
enum Message {
    /// From the terminal.
    Terminal(Event),
    /// Another thread has something new.
    Wake,
}

/// Places on the screen that can be clicked, and what a click means; the last one that fits counts.
pub type Zones = Vec<(Rect, Action)>;

/// The session and the terminal.
pub struct Interface {
    session: Session,
    screen: Screen,
    theme: Theme,
    messages: Receiver<Message>,
    /// Held by the thread that reads keys while it does so.
    keyboard: Arc<Mutex<()>>,
    zones: Zones,
    splits: Splits,
    handles: Vec<Handle>,
    /// The line that is being dragged.
    dragged: Option<Handle>,
    /// How pictures are shown, once the terminal was asked.
    graphics: Option<Graphics>,
    /// Pictures on the screen.
    placed: Vec<Placed>,
    last_click: Option<(Position, i64)>,
    over: bool,
}

/// Without anything to do the loop looks at the clock so often: ages are told in minutes, notices go after seconds.
const IDLE: Duration = Duration::from_millis(1000);
/// While something is under way, its progress is painted so often.
const BUSY: Duration = Duration::from_millis(120);
/// The thread that reads keys lets go of the keyboard so often, so that an editor can have it.
const KEY_WAIT: Duration = Duration::from_millis(100);
/// After so many of those waits without a key nobody is about to open one.
const SHORT_WAITS: u32 = 100;
/// Then it waits so long: each wait ends in most of a millisecond of polling, since the system waits whole ones.
const LONG_KEY_WAIT: Duration = Duration::from_secs(1);
/// Two clicks within so many milliseconds are a double click.
const DOUBLE_CLICK_MILLIS: i64 = 400;

impl Interface {
    /// Takes the terminal and opens the notebook.
    ///
    /// # Errors
    /// See [`crate::open`].
    pub fn start(config: EngineConfig, project: Option<Project>, theme: Theme) -> Result<Self> {
        let screen = Screen::take()?;
        let (sender, messages) = sync_channel(256);
        let waker = sender.clone();
        // When the channel is full the loop is awake anyway.
        let session = Session::start(config, project, Arc::new(move || drop(waker.try_send(Message::Wake))))?;
        let keyboard = Arc::new(Mutex::new(()));
        read_keys(sender, Arc::clone(&keyboard))?;
        let (zones, last_click, over) = (Vec::new(), None, false);
        let (graphics, placed) = (None, Vec::new());
        let (splits, handles, dragged) = (Splits::default(), Vec::new(), None);
        Ok(Self {
            session,
            screen,
            theme,
            messages,
            keyboard,
            zones,
            splits,
            handles,
            dragged,
            graphics,
            placed,
            last_click,
            over,
        })
    }

    /// Runs until the person leaves.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn run(mut self) -> Result<()> {
        self.session.poll();
        while self.paint()? {}
        // For tests: the terminal must be given back whatever happens.
        assert!(self.session.config().variable("LAB_FAULT") != Some("paint:0"), "as LAB_FAULT says");
        while !self.over {
            let wait = if self.session.jobs().is_empty() { IDLE } else { BUSY };
            let mut dirty = !self.session.jobs().is_empty();
            match self.messages.recv_timeout(wait) {
                Ok(message) => dirty |= self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            // What has piled up is taken in at once: a held key must not lag behind.
            while let Ok(message) = self.messages.try_recv() {
                dirty |= self.handle(message);
            }
            dirty |= self.session.poll();
            for request in self.session.take_requests() {
                self.fulfil(request)?;
                dirty = true;
            }
            // A frame finds out how much room there is, and then other rows may be wanted.
            while dirty {
                dirty = self.paint()?;
            }
        }
        Ok(())
    }

    /// Paints a frame; true when it should be painted once more.
    fn paint(&mut self) -> Result<bool> {
        let graphics = self.graphics()?;
        let (session, theme, splits) = (&self.session, &self.theme, &self.splits);
        let (mut zones, mut wishes, mut placed, mut handles) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        self.screen.paint(|painted| {
            let area = painted.area();
            let mut paint = Paint {
                buffer: painted.buffer_mut(),
                theme,
                session,
                zones: &mut zones,
                wishes: &mut wishes,
                placed: &mut placed,
                graphics,
                cursor: None,
                splits,
                handles: &mut handles,
            };
            frame::paint(&mut paint, area);
            if let Some(cursor) = paint.cursor {
                painted.set_cursor_position(cursor);
            }
        })?;
        (self.zones, self.handles) = (zones, handles);
        let again = !wishes.is_empty() | self.put_pictures(placed, graphics)?;
        for wish in wishes {
            self.session.act(wish);
        }
        Ok(again && {
            self.session.poll();
            true
        })
    }

    /// How pictures are shown. The terminal is asked when there is one for the first time.
    fn graphics(&mut self) -> Result<Graphics> {
        if let Some(graphics) = self.graphics {
            return Ok(graphics);
        }
        let has_picture = self.session.run_parts.file.page().is_some_and(|page| page.image.is_some());
        if !has_picture || !picture::can_show(&self.theme) {
            return Ok(Graphics::Blocks);
        }
        let config = self.session.config();
        let named = config.variable("LAB_IMAGES").and_then(Graphics::named);
        // Between a multiplexer's panes nobody knows where pixels would come to lie.
        let is_inside = ["TMUX", "STY", "ZELLIJ"].iter().any(|name| config.variable(name).is_some());
        let graphics = match named {
            Some(named) => named,
            None if is_inside => Graphics::Blocks,
            None => {
                let keyboard = Arc::clone(&self.keyboard);
                let _keys = keyboard.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = self.screen.ask(picture::QUESTION, picture::is_whole)?;
                let config = self.session.config();
                picture::from_answer(&answer, &|name| config.variable(name).map(str::to_owned))
            }
        };
        self.graphics = Some(graphics);
        Ok(graphics)
    }

    /// Puts pictures on top of the frame where they are not there yet; true when a whole new frame is needed first.
    fn put_pictures(&mut self, placed: Vec<Placed>, graphics: Graphics) -> Result<bool> {
        if placed == self.placed {
            return Ok(false);
        }
        if !self.placed.is_empty() {
            self.placed.clear();
            self.screen.put(0, 0, picture::forget(graphics))?;
            self.screen.forget()?;
            return Ok(true);
        }
        let cell = self.screen.cell();
        for one in &placed {
            self.screen.put(one.area.x, one.area.y, &picture::sequence(graphics, one, cell))?;
        }
        self.placed = placed;
        Ok(false)
    }

    fn handle(&mut self, message: Message) -> bool {
        match message {
            Message::Wake => false,
            Message::Terminal(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                self.key(&key);
                true
            }
            Message::Terminal(Event::Mouse(mouse)) => self.mouse(&mouse),
            Message::Terminal(Event::Paste(text)) => {
                if self.session.dialog().is_some() {
                    self.session.act(Action::Dialog(DialogAction::Type(Typing::Insert(text))));
                }
                true
            }
            Message::Terminal(Event::Resize(..)) => {
                // The terminal is wiped then.
                self.placed.clear();
                true
            }
            Message::Terminal(_) => false,
        }
    }

    fn key(&mut self, key: &KeyEvent) {
        if key.code == KeyCode::Char('z') && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.suspend();
            return;
        }
        let action = match self.session.dialog() {
            Some(dialog) => crate::dialog::key(dialog, key).map(Action::Dialog),
            None => self.key_in_place(key),
        };
        match action {
            Some(action) => self.session.act(action),
            // A key that does nothing says why.
            None if self.session.dialog().is_none() => {
                let why = keys::name(key).and_then(|name| explain_key(&self.session, &name));
                why.into_iter().for_each(|why| self.session.say(Line::of(why, Tone::Muted)));
            }
            None => {}
        }
    }

    fn key_in_place(&self, key: &KeyEvent) -> Option<Action> {
        let name = keys::name(key)?;
        if let Some(id) = by_key(&self.session, &name) {
            return Some(Action::Do(id));
        }
        let motion = match name.as_str() {
            "Up" | "k" => Motion::By(-1),
            "Down" | "j" => Motion::By(1),
            "PageUp" | "Ctrl-B" => Motion::Page(-1),
            "PageDown" | "Ctrl-F" => Motion::Page(1),
            "Ctrl-U" => Motion::By(-10),
            "Ctrl-D" => Motion::By(10),
            "Home" => Motion::First,
            "End" | "G" => Motion::Last,
            "Shift-Up" if self.in_runs() => return Some(Action::Runs(RunsAction::Extend(-1))),
            "Shift-Down" if self.in_runs() => return Some(Action::Runs(RunsAction::Extend(1))),
            "Left" | "Backspace" => return Some(Action::Do(ActionId::Back)),
            "Right" => return Some(Action::Do(ActionId::Open)),
            _ => return None,
        };
        Some(Action::Move(motion))
    }

    fn in_runs(&self) -> bool {
        *self.session.route() == Route::Runs
    }

    fn mouse(&mut self, mouse: &MouseEvent) -> bool {
        let at = Position::new(mouse.column, mouse.row);
        let in_dialog = self.session.dialog().is_some();
        match mouse.kind {
            MouseEventKind::ScrollDown | MouseEventKind::ScrollUp => {
                let rows = if mouse.kind == MouseEventKind::ScrollDown { 3 } else { -3 };
                self.session.act(if in_dialog {
                    Action::Dialog(DialogAction::Move(Motion::By(rows)))
                } else {
                    Action::Scroll(rows)
                });
                true
            }
            MouseEventKind::Drag(MouseButton::Left) => {
                let Some(handle) = &self.dragged else { return false };
                self.splits.drag(handle, mouse.column);
                true
            }
            MouseEventKind::Up(MouseButton::Left) => {
                self.dragged = None;
                false
            }
            MouseEventKind::Down(MouseButton::Left) => {
                self.dragged =
                    self.handles.iter().find(|handle| handle.at.contains(at)).copied().filter(|_| !in_dialog);
                let now = self.session.moment().now.0;
                let is_double =
                    self.last_click.is_some_and(|(place, time)| place == at && now - time < DOUBLE_CLICK_MILLIS);
                self.last_click = Some((at, now));
                let hit = self.zones.iter().rev().find(|(zone, _)| zone.contains(at)).map(|(_, action)| action.clone());
                let moves = matches!(hit, Some(Action::Move(_)));
                let chooses = matches!(hit, Some(Action::Dialog(DialogAction::Move(Motion::To(_)))));
                if let Some(action) = hit {
                    self.session.act(action);
                }
                if is_double && chooses {
                    self.session.act(Action::Dialog(self.on_double_click()));
                } else if is_double && moves {
                    self.session.act(Action::Do(ActionId::Open));
                }
                true
            }
            _ => false,
        }
    }

    /// A choice is taken, one of several is checked, a completion is taken over.
    fn on_double_click(&self) -> DialogAction {
        match self.session.dialog() {
            Some(Dialog::Choose { several: true, .. }) => DialogAction::Toggle,
            Some(Dialog::Ask { .. }) => DialogAction::Complete,
            _ => DialogAction::Accept,
        }
    }

    fn fulfil(&mut self, request: Request) -> Result<()> {
        match request {
            Request::Quit => self.over = true,
            Request::Copy(text) => self.screen.copy(&text)?,
            Request::Open(path) => self.open(&path),
            Request::Edit(path) => drop(self.edit(&path)?),
            Request::EditCopy(path) => {
                self.edit(&path)?;
                // Its directory is that of nothing else; should it have been moved away, nothing is left to do.
                let _ = std::fs::remove_file(&path);
                path.parent().map(std::fs::remove_dir);
            }
            Request::EditText(text) => {
                if let Some(text) = self.edit_text(&text)? {
                    self.session.act(Action::Dialog(DialogAction::Edited(text)));
                }
            }
            // Only windows have them, and say so.
            Request::Panels(_) | Request::ResetPanels => {}
        }
        Ok(())
    }

    /// Opens with the system's program, which is none of our business from then on.
    fn open(&mut self, path: &Path) {
        let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        let mut command = Command::new(program);
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let shown = path.display().to_string();
        let line = match command.spawn() {
            Ok(_) => Line::of(format!("Opened {shown}"), Tone::Plain),
            Err(_) => Line::of(format!("No program here opens folders: {shown}"), Tone::Warn),
        };
        self.session.say(line);
    }

    fn edit(&mut self, path: &Path) -> Result<bool> {
        let config = self.session.config();
        let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| config.variable(name)).unwrap_or("vi").to_owned();
        // While the editor is there it alone reads the keyboard.
        let keyboard = Arc::clone(&self.keyboard);
        let _keys = keyboard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut words = editor.split_whitespace();
        let program = words.next().unwrap_or("vi");
        let mut command = Command::new(program);
        command.args(words).arg(path);
        let status = self.screen.lend(|| command.status())?;
        self.placed.clear();
        match status {
            Ok(status) => Ok(status.success()),
            Err(_) => {
                let words = format!("The editor could not be started: {editor}");
                self.session.complain(&Error::new(ErrorKind::Missing, words).hint("set $EDITOR"));
                Ok(false)
            }
        }
    }

    fn edit_text(&mut self, text: &str) -> Result<Option<String>> {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = PathBuf::from(self.session.config().variable("TMPDIR").unwrap_or("/tmp"));
        let path = folder.join(format!("lab-note-{}-{}.md", std::process::id(), self.session.moment().now.0));
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        if file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes())).is_err() {
            let error = Error::new(ErrorKind::Disk, format!("Could not write {}", path.display()));
            self.session.complain(&error.hint("set $TMPDIR to a folder that can be written"));
            return Ok(None);
        }
        let done = self.edit(&path)?;
        let text = std::fs::read_to_string(&path).ok().filter(|_| done);
        let _ = std::fs::remove_file(&path);
        Ok(text)
    }

    /// Stops as the shell expects it; goes on with `fg`.
    fn suspend(&mut self) {
        let keyboard = Arc::clone(&self.keyboard);
        let _keys = keyboard.lock().unwrap_or_else(PoisonError::into_inner);
        // Where there is no terminal any more the loop ends by itself.
        let _ = self.screen.lend(lab_engine::stop_for_shell);
        self.placed.clear();
    }
}

/// The one thread that this crate starts: nothing but reading keys can wait for the terminal.
fn read_keys(sender: SyncSender<Message>, keyboard: Arc<Mutex<()>>) -> Result<()> {
    let mut waits = 0;
    let read = move || loop {
        let event = {
            let _keys = keyboard.lock().unwrap_or_else(PoisonError::into_inner);
            match crossterm::event::poll(if waits < SHORT_WAITS { KEY_WAIT } else { LONG_KEY_WAIT }) {
                Ok(true) => Some(crossterm::event::read()),
                Ok(false) => None,
                Err(_) => return,
            }
        };
        waits = if event.is_some() { 0 } else { waits.saturating_add(1) };
        match event {
            Some(Ok(event)) => {
                if sender.send(Message::Terminal(event)).is_err() {
                    return;
                }
            }
            Some(Err(_)) => return,
            // Somebody may be waiting for the keyboard.
            None => std::thread::yield_now(),
        }
    };
    let started = std::thread::Builder::new().name("lab-keys".to_owned()).spawn(read);
    started.map(|_| ()).map_err(|error| Error::new(ErrorKind::Busy, "The system gives no more threads").because(error))
}
