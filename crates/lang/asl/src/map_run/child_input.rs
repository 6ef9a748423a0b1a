//! Items become the inputs of child executions: one each, or in batches.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::Timestamp;

use super::{Item, MapRunSpec, reader_failure};
use crate::definition::StateMachine;
use crate::error_name::Failure;
use crate::limits::PAYLOAD_BYTES;
use crate::payload::Payload;

/// `ItemBatcher`, evaluated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch`.
    pub max_items: Option<u64>,
    /// `MaxInputBytesPerBatch`.
    pub max_input_bytes: Option<u64>,
    /// `BatchInput`.
    pub input: Option<Payload>,
}

/// The input of one child.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildInput {
    /// The input.
    pub payload: Payload,
    /// How many items are in it.
    pub items: u64,
}

/// Gathers items until the next child's input is complete.
#[derive(Clone, Debug, Default)]
pub struct ChildInputs {
    batch: Vec<Payload>,
    /// Bytes of the whole input that the batch would be.
    bytes: usize,
}

impl ChildInputs {
    /// Takes the next item, and gives the inputs that are complete with it: none, one, or, where the item fits into no
    /// batch with others, two.
    ///
    /// # Errors
    /// The failure of the Map Run where the item cannot be selected, or is too large for any child.
    pub fn push(
        &mut self,
        spec: &MapRunSpec,
        machine: &StateMachine,
        item: &Item,
        now: Timestamp,
    ) -> Result<Vec<ChildInput>, Failure> {
        let selected = spec.select(machine, item, now)?;
        if selected.exceeds_limit() {
            let cause =
                format!("The item at index {} exceeds the limit of {PAYLOAD_BYTES} bytes.", item.index);
            return Err(reader_failure(cause));
        }
        match &spec.batcher {
            None => Ok(vec![ChildInput { payload: selected, items: 1 }]),
            Some(batcher) => Ok(self.add(batcher, selected)),
        }
    }

    /// There are no more items: the input of the last child.
    pub fn finish(&mut self, spec: &MapRunSpec) -> Option<ChildInput> {
        self.complete(spec.batcher.as_ref()?)
    }

    /// The inputs that selected items are put into.
    pub(crate) fn batches(batcher: &ItemBatcher, items: Vec<Payload>) -> impl Iterator<Item = ChildInput> {
        let mut inputs = Self::default();
        let mut complete: Vec<ChildInput> =
            items.into_iter().flat_map(|item| inputs.add(batcher, item)).collect();
        complete.extend(inputs.complete(batcher));
        complete.into_iter()
    }

    fn add(&mut self, batcher: &ItemBatcher, item: Payload) -> Vec<ChildInput> {
        let mut complete = Vec::new();
        let bytes = item.text().len();
        if !self.batch.is_empty() && self.bytes + 1 + bytes > batcher.bytes() {
            complete.extend(self.complete(batcher));
        }
        self.bytes =
            if self.batch.is_empty() { batcher.frame_bytes() + bytes } else { self.bytes + 1 + bytes };
        self.batch.push(item);
        if batcher.max_items.is_some_and(|most| self.batch.len() as u64 >= most) {
            complete.extend(self.complete(batcher));
        }
        complete
    }

    fn complete(&mut self, batcher: &ItemBatcher) -> Option<ChildInput> {
        let batch = std::mem::take(&mut self.batch);
        let items = batch.len() as u64;
        (items > 0).then(|| ChildInput { payload: batcher.child_input(&batch), items })
    }
}

impl ItemBatcher {
    /// Bytes of a whole input at most.
    fn bytes(&self) -> usize {
        let wanted = self.max_input_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        wanted.unwrap_or(PAYLOAD_BYTES).min(PAYLOAD_BYTES)
    }

    /// Bytes of an input that has no items.
    fn frame_bytes(&self) -> usize {
        self.child_input(&[]).text().len()
    }

    /// `{"BatchInput": …, "Items": […]}`.
    fn child_input(&self, items: &[Payload]) -> Payload {
        let mut input = Map::new();
        if let Some(batch_input) = &self.input {
            input.insert("BatchInput".to_owned(), batch_input.value().clone());
        }
        let items = items.iter().map(|item| item.value().clone()).collect();
        input.insert("Items".to_owned(), Value::Array(items));
        Payload::new(Value::Object(input))
    }
}
