//! The window itself: how it starts, and what is remembered of it.

use std::process::{Command, Stdio};
use std::sync::Arc;

use lab_engine::{EngineConfig, Error, ErrorKind, Result, Seat, Wake};
use lab_model::Project;
use lab_view::session::Session;

use crate::App;
use crate::app::Outside;

/// Under this name the painter's own state is kept.
pub const OWN: &str = "lab";

/// The sign of the window, where the system shows one.
const ICON: &[u8] = include_bytes!("../../../assets/icon/png/256.png");

/// Opens the notebook in a window and stays until it is closed. Later starts come in through the seat.
///
/// # Errors
/// [`ErrorKind::Missing`] when there is no screen.
pub fn open(config: EngineConfig, project: Option<Project>, mut seat: Seat) -> Result<()> {
    let viewport = egui::ViewportBuilder::default()
        .with_title("lab")
        .with_app_id("lab-desktop")
        .with_icon(eframe::icon_data::from_png_bytes(ICON).unwrap_or_default())
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([720.0, 480.0]);
    let options = eframe::NativeOptions {
        viewport,
        // Beside the machine's key, since what is remembered is of this machine too; eframe knows the window's place
        // and writes the file on a thread of its own.
        persistence_path: config.key_file.parent().map(|state| state.join("desktop.ron")),
        ..eframe::NativeOptions::default()
    };
    let start = move |creation: &eframe::CreationContext<'_>| -> std::result::Result<Box<dyn eframe::App>, _> {
        crate::dress(&creation.egui_ctx);
        let waker = creation.egui_ctx.clone();
        let wake: Wake = Arc::new(move || waker.request_repaint());
        let arrivals = seat.listen(Arc::clone(&wake))?;
        let session = Session::start(config, project, wake)?;
        let mut app = App::for_session(session);
        if let Some(text) = creation.storage.and_then(|storage| storage.get_string(OWN)) {
            app.remember(&text);
        }
        app.reach(&creation.egui_ctx, arrivals, outside);
        Ok(Box::new(app))
    };
    eframe::run_native("lab-desktop", options, Box::new(start)).map_err(|error| {
        Error::new(ErrorKind::Missing, format!("No window could be opened: {error}"))
            .hint("`lab tui` shows the same in a terminal")
    })
}

/// Starts programs, which are none of our business from then on.
fn outside(what: Outside) {
    let mut command = match what {
        Outside::Open(path) => {
            let mut command = Command::new(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
            command.arg(path);
            command
        }
        Outside::Demo => {
            let Ok(program) = std::env::current_exe() else { return };
            let mut command = Command::new(program);
            command.arg("--demo");
            command
        }
    };
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
