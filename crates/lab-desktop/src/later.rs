//! What the system answers in its own time: a folder that a person picks, a notification. Asked without waiting; the
//! answer is looked for before each frame.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// What has come of it.
pub enum Answer {
    /// A person has picked this folder.
    Folder(PathBuf),
    /// Nothing that matters.
    Nothing,
}

/// What is on its way.
pub struct Later {
    waker: Waker,
    pending: Vec<Pin<Box<dyn Future<Output = Answer>>>>,
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
        Self { waker: Waker::from(Arc::new(Painter(context))), pending: Vec::new() }
    }

    /// Opens the system's dialog for a folder.
    pub fn pick_folder(&mut self) {
        let picked = rfd::AsyncFileDialog::new().set_title("Watch a folder").pick_folder();
        self.pending.push(Box::pin(async {
            picked.await.map_or(Answer::Nothing, |folder| Answer::Folder(folder.path().to_owned()))
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
