//! Reads the items of a Map Run out of what its `ItemReader` names.
//!
//! A machine without IO: [`ItemReader::advance`] says what it wants, the caller gives it and asks again. However large an
//! object is, no more of it is held than the chunk that was given last and the item that is not complete yet.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    InputType, Item, ItemSource, ManifestType, ReadTransformation, ReaderConfig, ReaderResource,
    reader_failure,
};
use crate::context_object::STATE_DATA;
use crate::error_name::Failure;
use crate::limits::READER_ITEMS;

mod csv;
mod decompress;
mod json;
mod lines;
mod listing;
mod manifest;
mod object;

use object::OpenObject;

/// What an [`ItemReader`] gives or wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// The next item.
    Item(Item),
    /// Call S3. `ListObjectsV2` is answered with [`ItemReader::listed`]; the object that `GetObject` opens with
    /// [`ItemReader::chunk`]s, until [`ItemReader::object_end`].
    Call(ReaderCall),
    /// The next chunk of the object that is open, or its end.
    Bytes,
    /// There are no more items. An object may still be open, and need not be read to its end.
    End,
}

/// A call of S3, as the state machine's role.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderCall {
    /// Which operation.
    pub operation: ReaderResource,
    /// Its input.
    pub parameters: Value,
}

/// Reads items.
#[derive(Debug)]
pub struct ItemReader {
    config: ReaderConfig,
    /// What every call has: the owner of the bucket, where one is expected.
    owner: Option<Value>,
    /// Number of the next item, and of the first that is too much.
    next: u64,
    limit: u64,
    ready: VecDeque<Entry>,
    /// Of the entries that are ready.
    source: Arc<str>,
    listing: Option<listing::Listing>,
    /// Objects to open, in their order.
    objects: VecDeque<ObjectName>,
    open: Option<OpenObject>,
    /// What the objects are once a manifest named them; the configuration's type before.
    data: Option<object::Format>,
}

/// An item that has no number yet.
type Entry = (Option<String>, Value);

/// Names an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ObjectName {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

impl ItemReader {
    /// A reader of all the items of a source.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where the configuration can give no items.
    pub fn new(source: &ItemSource) -> Result<Self, Failure> {
        match source {
            ItemSource::Items(items) => Ok(Self::of_state_data(items.value())),
            ItemSource::Reader { resource, parameters, config } => {
                Self::of_s3(*resource, parameters.value(), config)
            }
        }
    }

    fn of_state_data(items: &Value) -> Self {
        let ready = match items {
            Value::Object(members) => {
                members.iter().map(|(key, value)| (Some(key.clone()), value.clone())).collect()
            }
            other => other.as_array().into_iter().flatten().map(|value| (None, value.clone())).collect(),
        };
        Self { ready, source: STATE_DATA.into(), limit: u64::MAX, ..Self::empty() }
    }

    fn of_s3(resource: ReaderResource, parameters: &Value, config: &ReaderConfig) -> Result<Self, Failure> {
        let bucket = text(parameters, "Bucket")?;
        let mut reader = Self {
            config: config.clone(),
            owner: parameters.get("ExpectedBucketOwner").cloned(),
            limit: limit(config.max_items)?,
            source: format!("s3://{bucket}").into(),
            ..Self::empty()
        };
        match resource {
            ReaderResource::ListObjectsV2 => reader.listing = Some(listing::Listing::new(parameters)),
            ReaderResource::GetObject => {
                let version_id = parameters.get("VersionId").and_then(Value::as_str).map(str::to_owned);
                let (bucket, key) = (bucket.to_owned(), text(parameters, "Key")?.to_owned());
                reader.objects.push_back(ObjectName { bucket, key, version_id });
            }
        }
        Ok(reader)
    }

    fn empty() -> Self {
        Self {
            config: ReaderConfig::default(),
            owner: None,
            next: 0,
            limit: 0,
            ready: VecDeque::new(),
            source: "".into(),
            listing: None,
            objects: VecDeque::new(),
            open: None,
            data: None,
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// `States.ItemReaderFailed`: what was read is not what the configuration says.
    pub fn advance(&mut self) -> Result<Next, Failure> {
        loop {
            if self.next >= self.limit {
                return Ok(Next::End);
            }
            if let Some((key, value)) = self.ready.pop_front() {
                let index = self.next;
                self.next += 1;
                return Ok(Next::Item(Item { index, key, value, source: Arc::clone(&self.source) }));
            }
            match self.open.take() {
                Some(open) if open.wants_bytes() => {
                    self.open = Some(open);
                    return Ok(Next::Bytes);
                }
                Some(open) => self.read_on(open)?,
                None => match self.next_call()? {
                    Some(call) => return Ok(Next::Call(call)),
                    None => return Ok(Next::End),
                },
            }
        }
    }

    /// What `ListObjectsV2` answered.
    pub fn listed(&mut self, answer: &Value) {
        let Some(listing) = &mut self.listing else { return };
        if self.config.transformation == ReadTransformation::LoadAndFlatten {
            self.objects.extend(listing.objects(answer));
        } else {
            self.ready.extend(listing::items(answer).map(|item| (None, item)));
        }
        if !listing.goes_on(answer) {
            self.listing = None;
        }
    }

    /// The next bytes of the object that is open.
    pub fn chunk(&mut self, bytes: &[u8]) {
        if let Some(open) = &mut self.open {
            open.give(bytes);
        }
    }

    /// The object that is open has no more bytes.
    pub fn object_end(&mut self) {
        if let Some(open) = &mut self.open {
            open.end();
        }
    }

    /// Makes entries of what is there of an object.
    fn read_on(&mut self, mut open: OpenObject) -> Result<(), Failure> {
        open.read(&mut self.ready)?;
        if let Some(manifest) = open.manifest() {
            return self.follow(manifest?);
        }
        self.source = open.source();
        if !open.is_over() {
            self.open = Some(open);
        }
        Ok(())
    }

    /// A manifest was read: its files come next.
    fn follow(&mut self, manifest: manifest::Manifest) -> Result<(), Failure> {
        self.objects.extend(manifest.files);
        self.data = Some(match manifest.headers {
            Some(headers) => object::Format::inventory(headers)?,
            None => object::Format::of(self.config.input_type, &self.config)?,
        });
        Ok(())
    }

    /// Objects that are known come before the next page of the listing.
    fn next_call(&mut self) -> Result<Option<ReaderCall>, Failure> {
        let Some(object) = self.objects.pop_front() else {
            return Ok(self.listing.as_ref().map(|listing| ReaderCall {
                operation: ReaderResource::ListObjectsV2,
                parameters: listing.parameters(),
            }));
        };
        let format = match (&self.data, self.manifest_type()) {
            (Some(format), _) => format.clone(),
            (None, Some(kind)) => object::Format::Manifest(kind),
            (None, None) => object::Format::of(self.config.input_type, &self.config)?,
        };
        self.open = Some(OpenObject::new(&object, format));
        Ok(Some(self.get_object(object)))
    }

    /// What kind of manifest the first object is, if it is one.
    fn manifest_type(&self) -> Option<ManifestType> {
        let implied =
            (self.config.input_type == Some(InputType::Manifest)).then_some(ManifestType::S3Inventory);
        self.config.manifest_type.or(implied)
    }

    fn get_object(&self, object: ObjectName) -> ReaderCall {
        let mut parameters = Map::new();
        parameters.insert("Bucket".to_owned(), object.bucket.into());
        parameters.insert("Key".to_owned(), object.key.into());
        if let Some(version) = object.version_id {
            parameters.insert("VersionId".to_owned(), version.into());
        }
        if let Some(owner) = &self.owner {
            parameters.insert("ExpectedBucketOwner".to_owned(), owner.clone());
        }
        ReaderCall { operation: ReaderResource::GetObject, parameters: Value::Object(parameters) }
    }
}

/// `MaxItems`; nothing and 0 are AWS's own limit.
fn limit(max_items: i64) -> Result<u64, Failure> {
    match u64::try_from(max_items) {
        Ok(0) => Ok(READER_ITEMS),
        Ok(limit) => Ok(limit.min(READER_ITEMS)),
        Err(_) => Err(reader_failure("field MaxItems must be positive")),
    }
}

fn text<'a>(parameters: &'a Value, name: &str) -> Result<&'a str, Failure> {
    let value = parameters.get(name).and_then(Value::as_str);
    value.ok_or_else(|| reader_failure(format!("The parameter '{name}' of the ItemReader must be a string.")))
}
