//! `lab lineage`: where inputs come from, where outputs went, what is stale.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use lab_engine::{Error, ErrorKind, Reader, Result};
use lab_model::FilePath;
use lab_view::lineage;

use crate::context::Context;
use crate::select;

/// The arguments of `lab lineage`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Runs are linked by the bytes that one wrote and another one read, wherever the file is now.")]
pub struct Lineage {
    /// The run, or a file
    #[arg(default_value = "@", value_name = "RUN|FILE", value_hint = clap::ValueHint::AnyPath)]
    what: String,
}

impl Lineage {
    /// Prints the lineage.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let error = match select::run(context, &reader, &self.what) {
            Ok(row) => {
                context.print(&lineage::load(&reader, &lineage::Key { run: row.start.run })?)?;
                return Ok(0);
            }
            Err(error) => error,
        };
        match self.file(context, &reader)? {
            Some(page) => context.print(&page)?,
            None => return Err(error),
        }
        Ok(0)
    }

    /// The page of a file; `None` when nothing speaks for `what` being one.
    fn file(&self, context: &Context, reader: &Reader) -> Result<Option<lineage::FileLineagePage>> {
        let place = context.config()?.cwd.join(&self.what);
        let is_there = place.exists();
        if !is_there && !self.what.contains(['/', '.']) {
            return Ok(None);
        }
        let project = context.project()?.ok_or_else(|| {
            Error::new(ErrorKind::Missing, "This directory belongs to no project").hint("change into one")
        })?;
        // Also of a file that is gone, as long as its directory is there.
        let real =
            place.canonicalize().ok().or_else(|| Some(place.parent()?.canonicalize().ok()?.join(place.file_name()?)));
        let path = FilePath::new(real.as_deref().unwrap_or(&place).as_os_str().as_bytes(), root_of(&project.root));
        let key = lineage::FileKey { path, project, moment: context.moment()? };
        lineage::load_file(reader, &key).map(Some)
    }
}

fn root_of(root: &str) -> &[u8] {
    Path::new(root).as_os_str().as_bytes()
}
