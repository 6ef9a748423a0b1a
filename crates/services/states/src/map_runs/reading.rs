//! Reads the items of a Map Run and makes them the inputs of children.

use std::collections::VecDeque;

use asl::map_run::{
    ChildInput, ChildInputs, ItemReader, ItemSource, MapRunSpec, Next, ReaderCall, ReaderResource,
    reader_failure,
};
use asl::{Failure, StateMachine};
use types::Timestamp;

use super::bucket::{Bucket, Opened};

/// What a Map Run still has to read. After a crash it is read from the start again, and what has a child is passed over.
pub(super) struct Reading {
    reader: Option<ItemReader>,
    inputs: ChildInputs,
    ready: VecDeque<ChildInput>,
    opened: Option<Opened>,
    /// Items before this one have children.
    from: u64,
    /// The version of the source's one object that was read before, if any was.
    etag: Option<String>,
}

impl Reading {
    pub(super) fn new(from: u64, etag: Option<String>) -> Self {
        Self {
            reader: None,
            inputs: ChildInputs::default(),
            ready: VecDeque::new(),
            opened: None,
            from,
            etag,
        }
    }

    /// The version of the source's one object, once it was opened.
    pub(super) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The next child's input; `None` behind the last.
    ///
    /// # Errors
    /// The failure of the Map Run where items cannot be read or selected.
    pub(super) async fn next(
        &mut self,
        spec: &MapRunSpec,
        machine: &StateMachine,
        bucket: &Bucket,
        now: Timestamp,
    ) -> Result<Option<ChildInput>, Failure> {
        while self.ready.is_empty() {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                none => none.insert(ItemReader::new(&spec.source)?),
            };
            match reader.advance()? {
                Next::Item(item) if item.index < self.from => {}
                Next::Item(item) => self.ready.extend(self.inputs.push(spec, machine, &item, now)?),
                Next::Call(call) => self.call(spec, bucket, call).await?,
                Next::Bytes => self.feed().await?,
                Next::End => {
                    self.ready.extend(self.inputs.finish(spec));
                    break;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    async fn call(&mut self, spec: &MapRunSpec, bucket: &Bucket, call: ReaderCall) -> Result<(), Failure> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        match call.operation {
            ReaderResource::ListObjectsV2 => reader.listed(&bucket.list(call.parameters).await?),
            ReaderResource::GetObject => {
                let opened = bucket.open(call.parameters).await?;
                if is_one_object(&spec.source) {
                    self.check(&opened)?;
                }
                self.opened = Some(opened);
            }
        }
        Ok(())
    }

    /// The source's one object must be the one that was read before. Objects that it names may be opened later.
    fn check(&mut self, opened: &Opened) -> Result<(), Failure> {
        match (&self.etag, &opened.etag) {
            (Some(before), Some(now)) if before != now && self.from > 0 => {
                Err(reader_failure("The object has changed while its items were being read."))
            }
            (None, Some(now)) => {
                self.etag = Some(now.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn feed(&mut self) -> Result<(), Failure> {
        let (Some(reader), Some(opened)) = (&mut self.reader, &mut self.opened) else {
            return Err(reader_failure("No object is open."));
        };
        match opened.next().await? {
            Some(chunk) => reader.chunk(chunk.as_ref()),
            None => {
                self.opened = None;
                reader.object_end();
            }
        }
        Ok(())
    }
}

/// Whether the source is one object with all items in it.
fn is_one_object(source: &ItemSource) -> bool {
    match source {
        ItemSource::Items(_) => false,
        ItemSource::Reader { resource, config, .. } => {
            *resource == ReaderResource::GetObject
                && config.input_type != Some(asl::map_run::InputType::Manifest)
        }
    }
}
