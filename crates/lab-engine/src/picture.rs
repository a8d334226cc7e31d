//! Pictures that notes show: kept with the note, and read back.

use std::io::Read;
use std::path::{Path, PathBuf};

use lab_model::{Change, Content, Edit, Hash, Target, Time, note};
use lab_store::{CHUNK_LIMIT, Encoder, Record};

use crate::{Engine, EngineConfig, Error, ErrorKind, Reader, Result};

/// How files begin that notes can show: PNG (RFC 2083, section 3.1) and JPEG (ISO 10918-1, marker SOI).
const BEGINNINGS: [&[u8]; 2] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"];

/// The bytes of a file, when it is a picture that a note can show; `None` when it is none.
///
/// # Errors
/// [`ErrorKind::Disk`] when it cannot be read, [`ErrorKind::Usage`] when it is larger than 4 MiB.
pub fn picture_file(path: &Path) -> Result<Option<Vec<u8>>> {
    let failed = |source| Error::disk("read", path, source);
    // What is no file may wait for ever when it is opened.
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).map_err(failed)?;
    file.by_ref().take(16).read_to_end(&mut bytes).map_err(failed)?;
    if !BEGINNINGS.iter().any(|beginning| bytes.starts_with(beginning)) {
        return Ok(None);
    }
    file.take(CHUNK_LIMIT as u64).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > CHUNK_LIMIT {
        let name = lab_model::display_bytes(path.as_os_str().as_encoded_bytes());
        let error = Error::new(ErrorKind::Usage, format!("The picture is larger than 4 MiB: {name}"));
        return Err(error.hint("make it smaller, or write a link to it instead of showing it"));
    }
    Ok(Some(bytes))
}

/// Where a picture without a file waits until the note that shows it is written; `name` tells it from others.
pub fn waiting_picture(config: &EngineConfig, name: u64) -> PathBuf {
    config.notebook.join("cache").join(format!("pasted-{name}.png"))
}

/// An edit that is to be written, with what belongs to it.
pub(crate) struct WithPictures {
    /// The edit.
    pub edit: Edit,
    /// Its pictures.
    pub records: Vec<Record>,
    /// Files that were only waiting for it.
    pub waited: Vec<PathBuf>,
}

impl Engine {
    /// The edit, and the pictures in files that its note shows: these are kept, and the note names them by their
    /// hashes. A link that leads to no picture stays as it is.
    pub(crate) fn with_pictures(
        &self,
        time: Time,
        target: Target,
        change: Change,
        encoder: &mut Encoder,
    ) -> Result<WithPictures> {
        let mut with = WithPictures { edit: Edit::new(time, target, change), records: Vec::new(), waited: Vec::new() };
        let Change::Note { text, .. } = &mut with.edit.change else { return Ok(with) };
        let (mut written, mut from) = (String::with_capacity(text.len()), 0);
        for link in note::pictures(text) {
            let hash = match note::kept(link.source) {
                // A note that is written anew shows what it has shown.
                Some(hash) => self.index()?.contains(&hash)?.then_some(hash),
                None => self.picture_at(&with.edit.target, link.source)?.map(|(path, bytes)| {
                    let record = encoder.chunk(&bytes);
                    let hash = record.id();
                    with.records.push(record);
                    with.waited.extend(path.starts_with(self.config.notebook.join("cache")).then_some(path));
                    hash
                }),
            };
            let Some(hash) = hash else { continue };
            written.push_str(&text[from..link.range.start]);
            written.push_str(&note::kept_link(link.words, &hash));
            from = link.range.end;
            with.edit.needs.push(hash);
        }
        written.push_str(&text[from..]);
        *text = written;
        Ok(with)
    }

    /// A picture that a note names: from the working directory, else from the project's.
    fn picture_at(&self, target: &Target, source: &str) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let name = Path::new(source.strip_prefix("file://").unwrap_or(source));
        let path = self.config.cwd.join(name);
        if let Some(found) = picture_file(&path)? {
            return Ok(Some((path, found)));
        }
        let index = self.index()?;
        let id = match target {
            Target::Project(project) => Some(project.clone()),
            Target::Run(run) => index.run(run)?.map(|row| row.start.project),
        };
        let Some(project) = index.projects()?.into_iter().find(|project| Some(&project.id) == id.as_ref()) else {
            return Ok(None);
        };
        let path = PathBuf::from(project.root).join(name);
        Ok(picture_file(&path)?.map(|found| (path, found)))
    }
}

impl Reader {
    /// The bytes of a picture that a note shows.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the notebook does not have it (any more).
    pub fn picture(&self, picture: &Hash) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.store().copy_content(&Content::Copied(*picture), None, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }
}
