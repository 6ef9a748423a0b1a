//! The fields that rules name, as a tree of their keys: what of an event is worth keeping while it is read.

use crate::postings::BytesMap;

/// No node, or no field.
pub(crate) const NONE: u32 = u32::MAX;

/// The node of the whole event.
pub(crate) const ROOT: u32 = 0;

/// The named fields.
#[derive(Clone, Debug)]
pub(crate) struct FieldTree {
    nodes: Vec<Node>,
    free_nodes: Vec<u32>,
    free_fields: Vec<u32>,
    fields: usize,
}

#[derive(Clone, Debug)]
struct Node {
    children: BytesMap<u32>,
    /// The field that ends here.
    field: u32,
    /// How often a rule names this field.
    named: usize,
}

impl Default for Node {
    fn default() -> Self {
        Self { children: BytesMap::default(), field: NONE, named: 0 }
    }
}

impl Default for FieldTree {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], free_nodes: Vec::new(), free_fields: Vec::new(), fields: 0 }
    }
}

impl FieldTree {
    /// One more than the largest number of a field.
    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    /// The field of a dotted name, added if it is new. It stays until it is released as often as it was named.
    pub(crate) fn name(&mut self, name: &str) -> u32 {
        let mut node = ROOT;
        for key in name.split('.') {
            node = match self.child(node, key.as_bytes()) {
                NONE => self.add_child(node, key.as_bytes()),
                child => child,
            };
        }
        let (free, fields) = (&mut self.free_fields, &mut self.fields);
        let Some(node) = self.nodes.get_mut(node as usize) else { return NONE };
        node.named += 1;
        if node.field == NONE {
            node.field = free.pop().unwrap_or_else(|| {
                *fields += 1;
                u32::try_from(*fields - 1).unwrap_or(NONE)
            });
        }
        node.field
    }

    /// Takes one naming back; a field that no rule names is not kept from events any more.
    pub(crate) fn release(&mut self, name: &str) {
        let mut path = vec![];
        let mut node = ROOT;
        for key in name.split('.') {
            path.push((node, key.as_bytes()));
            node = self.child(node, key.as_bytes());
        }
        self.unname(node);
        while let Some((parent, key)) = path.pop()
            && self.is_unused(node)
        {
            self.free_nodes.push(node);
            if let Some(parent) = self.nodes.get_mut(parent as usize) {
                parent.children.remove(key);
            }
            node = parent;
        }
    }

    /// The node of `key` below `node`, or [`NONE`]. A key with dots is the same as objects in each other.
    #[inline]
    pub(crate) fn child_of_key(&self, node: u32, key: &[u8], has_dot: bool) -> u32 {
        if has_dot { self.child_of_dotted(node, key) } else { self.child(node, key) }
    }

    #[inline]
    fn child(&self, node: u32, key: &[u8]) -> u32 {
        self.nodes.get(node as usize).and_then(|node| node.children.get(key)).copied().unwrap_or(NONE)
    }

    fn child_of_dotted(&self, node: u32, key: &[u8]) -> u32 {
        key.split(|byte| *byte == b'.').fold(node, |node, part| self.child(node, part))
    }

    /// The field that ends at a node, or [`NONE`].
    #[inline]
    pub(crate) fn field(&self, node: u32) -> u32 {
        self.nodes.get(node as usize).map_or(NONE, |node| node.field)
    }

    /// Whether fields go on below a node.
    #[inline]
    pub(crate) fn has_children(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|node| !node.children.is_empty())
    }

    fn add_child(&mut self, parent: u32, key: &[u8]) -> u32 {
        let child = self.free_nodes.pop().unwrap_or_else(|| {
            self.nodes.push(Node::default());
            u32::try_from(self.nodes.len() - 1).unwrap_or(NONE)
        });
        if let Some(parent) = self.nodes.get_mut(parent as usize) {
            parent.children.insert(key, child);
        }
        child
    }

    fn unname(&mut self, node: u32) {
        let Some(node) = self.nodes.get_mut(node as usize) else { return };
        node.named = node.named.saturating_sub(1);
        if node.named == 0 && node.field != NONE {
            self.free_fields.push(std::mem::replace(&mut node.field, NONE));
        }
    }

    fn is_unused(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|node| node.field == NONE && node.children.is_empty())
    }
}
