#![expect(missing_docs, clippy::todo, unused_variables, reason = "signatures only, filled in next")]
use lab_model::{Hash, RunId, Time};
use crate::report::Finding;
use crate::{Notebook, Progress, Result, SealKey};
#[derive(Clone, PartialEq, Debug, Default)]
pub struct VerifyReport { pub findings: Vec<Finding>, pub notes: Vec<String>, pub packs: u64, pub records: u64, pub bytes: u64 }
#[derive(Clone, Debug)]
pub struct GcOptions { pub time: Time, pub pack_id: [u8; 16], pub grace_millis: u64, pub garbage_percent: u64, pub dry_run: bool }
#[derive(Clone, PartialEq, Debug, Default)]
pub struct GcReport { pub removed_records: u64, pub removed_bytes: u64, pub retired_packs: u64, pub deleted_packs: u64, pub freed_bytes: u64, pub trash_bytes: u64 }
#[derive(Clone, Debug)]
pub struct PurgeRequest { pub time: Time, pub pack_id: [u8; 16], pub runs: Vec<RunId>, pub records: Vec<Hash> }
#[derive(Clone, PartialEq, Debug, Default)]
pub struct PurgeReport { pub purged: Vec<Hash>, pub rewritten_packs: u64 }
impl Notebook {
    pub fn verify(&self, deep: bool, seal: Option<&SealKey>, progress: Progress<'_>) -> Result<VerifyReport> { todo!() }
    pub fn gc(&self, options: &GcOptions, progress: Progress<'_>) -> Result<GcReport> { todo!() }
    pub fn purge(&self, request: &PurgeRequest, progress: Progress<'_>) -> Result<PurgeReport> { todo!() }
}
