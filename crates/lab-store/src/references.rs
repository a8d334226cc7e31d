//! What a record needs: the ids of the records that it names.

use lab_model::{Content, Edit, Hash, RestoreRecord, RunEnd, RunStart, Snapshot, Tree};

use crate::{RecordKind, decode};

/// The records that this one names and cannot do without; `None` when the body cannot be understood.
pub(crate) fn references(kind: RecordKind, body: &[u8]) -> Option<Vec<Hash>> {
    Some(match kind {
        RecordKind::Recipe => decode::recipe(body)?.into_iter().map(|(id, _)| id).collect(),
        RecordKind::Tree => {
            let tree = Tree::decode(body).ok()?;
            tree.entries.iter().filter_map(|entry| entry.tree.or_else(|| kept(&entry.content))).collect()
        }
        RecordKind::Snapshot => vec![serde_json::from_slice::<Snapshot>(body).ok()?.root],
        RecordKind::RunStart => {
            let start: RunStart = serde_json::from_slice(body).ok()?;
            start.inputs.iter().filter_map(|input| kept(&input.content)).chain(start.snapshot).collect()
        }
        RecordKind::RunEnd => {
            let end: RunEnd = serde_json::from_slice(body).ok()?;
            let series = end.series.iter().map(|series| series.record);
            let outputs = end.outputs.iter().filter_map(|output| kept(&output.content));
            let notebook = end.notebook.iter().filter_map(|notebook| kept(&notebook.as_run));
            series.chain(outputs).chain(notebook).chain(end.log.records.iter().copied()).chain(end.snapshot).collect()
        }
        RecordKind::Restore => {
            let restore: RestoreRecord = serde_json::from_slice(body).ok()?;
            [restore.before, restore.target].into_iter().chain(restore.of).collect()
        }
        RecordKind::Edit => serde_json::from_slice::<Edit>(body).ok()?.needs,
        RecordKind::Chunk
        | RecordKind::RunFacts
        | RecordKind::Series
        | RecordKind::Log
        | RecordKind::Project
        | RecordKind::Commit
        | RecordKind::Retire => Vec::new(),
    })
}

fn kept(content: &Content) -> Option<Hash> {
    content.hash().filter(|_| content.is_restorable())
}
