//! What the system answers in its own time: a folder that a person picks, a notification. Asked without waiting; the
//! answer is looked for before each frame.

use std::cell::Cell;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// What has come of it.
pub enum Answer {
    /// A person has picked this folder.
    Folder(PathBuf),
    /// In this one a restored folder is to stand.
    Destination(PathBuf),
    /// Under this name something is to be saved.
    File(PathBuf),
    /// This picture belongs into a note.
    Picture(PathBuf),
    /// Nothing that matters.
    Nothing,
}

/// What is on its way.
pub struct Later {
    waker: Waker,
    pending: Vec<Pin<Box<dyn Future<Output = Answer>>>>,
    /// What the desktop says of light and dark, until it is taken.
    look: Rc<Cell<Option<egui::Theme>>>,
}

/// Paints the window again.
struct Painter(egui::Context);

impl Wake for Painter {
    fn wake(self: Arc<Self>) {
        self.0.request_repaint();
    }
}

impl Later {
    /// Nothing yet; answers paint this window again.
    pub fn new(context: egui::Context) -> Self {
        Self { waker: Waker::from(Arc::new(Painter(context))), pending: Vec::new(), look: Rc::default() }
    }

    /// Listens from now on whether the desktop is light or dark.
    #[cfg(target_os = "linux")]
    pub fn follow_look(&mut self) {
        let look = Rc::clone(&self.look);
        self.pending.push(Box::pin(async move {
            // A desktop that does not tell is as good as none.
            let _ = portal::follow(&look).await;
            Answer::Nothing
        }));
    }

    /// What the desktop has said of it since it was last asked.
    pub fn take_look(&self) -> Option<egui::Theme> {
        self.look.take()
    }

    /// Opens the system's dialog for a folder.
    pub fn pick_folder(&mut self, title: &str, answer: fn(PathBuf) -> Answer) {
        let picked = rfd::AsyncFileDialog::new().set_title(title).pick_folder();
        self.pending.push(Box::pin(async move {
            picked.await.map_or(Answer::Nothing, |folder| answer(folder.path().to_owned()))
        }));
    }

    /// Opens the system's dialog for a picture.
    pub fn pick_picture(&mut self) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Add a picture");
        let picked = dialog.add_filter("Pictures", &crate::app::PICTURES).pick_file();
        self.pending.push(Box::pin(async move {
            picked.await.map_or(Answer::Nothing, |file| Answer::Picture(file.path().to_owned()))
        }));
    }

    /// Opens the system's dialog for a file to be written; it asks before one is replaced.
    pub fn save_as(&mut self, name: &str) {
        let saved = rfd::AsyncFileDialog::new().set_title("Save as").set_file_name(name).save_file();
        self.pending.push(Box::pin(async move {
            saved.await.map_or(Answer::Nothing, |file| Answer::File(file.path().to_owned()))
        }));
    }

    /// Shows a notification of the system.
    pub fn notify(&mut self, words: &str) {
        let mut notification = notify_rust::Notification::new();
        notification.appname("lab").summary("A run has ended").body(words).icon("lab-desktop");
        self.pending.push(Box::pin(async move {
            // Where nobody shows notifications there is nobody to tell.
            let _ = notification.show_async().await;
            Answer::Nothing
        }));
    }

    /// Takes what has come.
    pub fn poll(&mut self) -> Vec<Answer> {
        let mut context = Context::from_waker(&self.waker);
        let mut answers = Vec::new();
        self.pending.retain_mut(|future| match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        answers
    }
}

/// Light or dark as the desktop has it: X11 and Wayland do not tell, the freedesktop portal does
/// (`org.freedesktop.portal.Settings`, `color-scheme`: 1 is dark, all else is light or no matter).
#[cfg(target_os = "linux")]
mod portal {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::pin::Pin;

    use zbus::export::futures_core::Stream;
    use zbus::zvariant::{OwnedValue, Value};
    use zbus::{Connection, Proxy};

    const NAMESPACE: &str = "org.freedesktop.appearance";
    const KEY: &str = "color-scheme";

    /// Puts what the desktop says into `look`, now and whenever it changes.
    pub async fn follow(look: &Cell<Option<egui::Theme>>) -> zbus::Result<()> {
        let session = Connection::session().await?;
        let path = ("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop");
        let settings = Proxy::new(&session, path.0, path.1, "org.freedesktop.portal.Settings").await?;
        let mut changes = settings.receive_signal("SettingChanged").await?;
        let now: OwnedValue = settings.call("Read", &(NAMESPACE, KEY)).await?;
        look.set(Some(theme(&now)));
        while let Some(change) = poll_fn(|context| Pin::new(&mut changes).poll_next(context)).await {
            let body = change.body();
            let Ok((namespace, key, value)) = body.deserialize::<(&str, &str, Value<'_>)>() else { continue };
            if (namespace, key) == (NAMESPACE, KEY) {
                look.set(Some(theme(&value)));
            }
        }
        Ok(())
    }

    /// What a number says that may be wrapped several times.
    fn theme(value: &Value<'_>) -> egui::Theme {
        match value {
            Value::Value(inner) => theme(inner),
            Value::U32(1) => egui::Theme::Dark,
            _ => egui::Theme::Light,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn one_is_dark_however_it_is_wrapped() {
            let wrapped = |number: u32| Value::Value(Box::new(Value::Value(Box::new(Value::U32(number)))));
            assert_eq!([0, 1, 2].map(|number| theme(&wrapped(number)) == egui::Theme::Dark), [false, true, false]);
            assert_eq!(theme(&Value::U32(1)), egui::Theme::Dark);
        }
    }
}
