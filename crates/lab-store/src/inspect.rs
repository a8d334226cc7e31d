//! A close look at single records.

use lab_model::{Hash, RunId};

use crate::decode::{self, Decoder};
use crate::record::{Encoding, Header};
use crate::references::references;
use crate::{Flaw, RecordKind, SealKey};

/// What one record says of others: offset, id, kind, the ids it names, the run it is about.
pub(crate) type Learnt = (u64, Hash, RecordKind, Vec<Hash>, Option<RunId>);

/// Looks into each record of a pack.
pub(crate) struct Inspector<'a> {
    deep: bool,
    seal: Option<&'a SealKey>,
    decoder: Decoder,
    pub learnt: Vec<Learnt>,
    pub sealed_unchecked: u64,
}

impl<'a> Inspector<'a> {
    pub fn new(deep: bool, seal: Option<&'a SealKey>) -> Self {
        Self { deep, seal, decoder: Decoder::default(), learnt: Vec::new(), sealed_unchecked: 0 }
    }

    pub fn inspect(&mut self, header: &Header, offset: u64, stored: &[u8]) -> Option<Flaw> {
        if header.encoding == Encoding::Sealed {
            return self.inspect_sealed(header, stored);
        }
        if header.kind == RecordKind::Chunk && !self.deep {
            return None;
        }
        let raw = match self.decoder.decode(header, stored) {
            Ok(raw) => raw,
            Err(flaw) => return Some(flaw),
        };
        if !decode::is_identical(header, &raw, None) {
            return Some(Flaw::Identity);
        }
        let Some(named) = references(header.kind, &raw) else { return Some(Flaw::Body) };
        let run = match header.kind {
            RecordKind::RunStart => serde_json::from_slice(&raw).ok().map(|start: lab_model::RunStart| start.run),
            RecordKind::RunEnd => serde_json::from_slice(&raw).ok().map(|end: lab_model::RunEnd| end.run),
            RecordKind::RunFacts => serde_json::from_slice(&raw).ok().map(|facts: lab_model::RunFacts| facts.run),
            _ => None,
        };
        if !named.is_empty() || run.is_some() {
            self.learnt.push((offset, header.id, header.kind, named, run));
        }
        None
    }

    fn inspect_sealed(&mut self, header: &Header, stored: &[u8]) -> Option<Flaw> {
        if header.kind != RecordKind::Chunk {
            return Some(Flaw::Body);
        }
        match self.seal.and_then(|key| key.open(&header.id, stored)) {
            Some(raw) if decode::is_identical(header, &raw, self.seal) => None,
            Some(_) => Some(Flaw::Identity),
            None => {
                self.sealed_unchecked += 1;
                None
            }
        }
    }
}
