//! Reads Parallel states, and the machines inside states.

use super::fields::Fields;
use super::{Reader, SUB_MACHINE_FIELDS};
use crate::definition::StateId;
use crate::states::parallel::ParallelState;

pub(super) fn parallel(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<ParallelState> {
    if !fields.require(&["Branches"]) {
        return None;
    }
    let count = fields.elements("Branches")?.len();
    let branches: Vec<StateId> =
        fields.objects("Branches").iter().filter_map(|branch| inner_machine(reader, branch)).collect();
    (branches.len() == count).then_some(ParallelState { branches })
}

/// A branch, or an item processor: gives its first state.
pub(super) fn inner_machine(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<StateId> {
    fields.allow(&[&SUB_MACHINE_FIELDS]);
    let inner = reader.query_language(fields)?;
    let outer = std::mem::replace(&mut reader.language, inner);
    let start = reader.sub_machine(fields);
    reader.language = outer;
    start
}
