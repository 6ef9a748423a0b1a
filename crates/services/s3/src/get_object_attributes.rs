//! GetObjectAttributes.

use api::Context;

use crate::S3;
use crate::error::Error;
use crate::generated::types as shapes;
use crate::limits;
use crate::list_objects::page_size;
use crate::version::{Object, ObjectPart};

const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

impl S3 {
    pub(crate) async fn attributes(
        &self,
        cx: &Context,
        input: shapes::GetObjectAttributesInput,
    ) -> Result<shapes::GetObjectAttributesOutput, Error> {
        let version_id = input.version_id.as_ref();
        let owner = input.expected_bucket_owner.as_ref();
        let found = self.find(cx, (&input.bucket, owner), &input.key, version_id).await?;
        let object = found.object(&input.key, version_id)?;
        let asked = asked(&input.object_attributes)?;
        let asks = |name: &str| asked.contains(&name);
        let object_parts = match object.parts {
            Some(count) if asks("ObjectParts") => Some(self.parts_shown(&input, object, count).await?),
            _ => None,
        };
        Ok(shapes::GetObjectAttributesOutput {
            last_modified: Some(found.seen.value.last_modified),
            version_id: found.version_id(),
            e_tag: asks("ETag").then(|| object.etag.clone()),
            checksum: asks("Checksum").then(|| checksum(object)),
            object_parts,
            storage_class: asks("StorageClass").then(|| object.about.storage_class()),
            object_size: i64::try_from(object.size).ok().filter(|_| asks("ObjectSize")),
            ..shapes::GetObjectAttributesOutput::default()
        })
    }

    async fn parts_shown(
        &self,
        input: &shapes::GetObjectAttributesInput,
        object: &Object,
        count: usize,
    ) -> Result<shapes::GetObjectAttributesParts, Error> {
        let parts = self.object_parts.get(&object.blob.id).await?.map(|parts| parts.value);
        let limit = page_size(input.max_parts, "x-amz-max-parts")?;
        let marker = input.part_number_marker.unwrap_or(0).clamp(0, limits::PART_NUMBER_MAX);
        let mut shown: Vec<ObjectPart> =
            parts.unwrap_or_default().into_iter().filter(|part| part.number > marker).collect();
        let is_truncated = shown.len() > limit;
        shown.truncate(limit);
        Ok(shapes::GetObjectAttributesParts {
            total_parts_count: i64::try_from(count).ok(),
            part_number_marker: Some(marker),
            next_part_number_marker: Some(shown.last().map_or(0, |part| part.number)),
            max_parts: i64::try_from(limit).ok(),
            is_truncated: Some(is_truncated),
            parts: Some(shown.iter().map(part).collect()),
        })
    }
}

/// The attributes that are asked for: a list, or one text with commas, as the header comes.
fn asked(attributes: &[String]) -> Result<Vec<&str>, Error> {
    let names: Vec<&str> = attributes.iter().flat_map(|names| names.split(',')).map(str::trim).collect();
    match names.iter().find(|name| !KNOWN.contains(name)) {
        None if !names.is_empty() => Ok(names),
        unknown => {
            let value = unknown.copied().unwrap_or_default();
            Err(Error::argument("Invalid attribute name specified.", "x-amz-object-attributes", value))
        }
    }
}

fn checksum(object: &Object) -> shapes::Checksum {
    let mut sum = object.sum.clone();
    // Here, and only here, AWS gives a composite checksum without the number of parts.
    if let Some((value, _)) = sum.value.split_once('-') {
        sum.value = value.to_owned();
    }
    let members = sum.members();
    shapes::Checksum {
        checksum_crc32: members.crc32,
        checksum_crc32_c: members.crc32c,
        checksum_crc64_nvme: members.crc64nvme,
        checksum_sha1: members.sha1,
        checksum_sha256: members.sha256,
        checksum_sha512: members.sha512,
        checksum_type: sum.kind_name(),
        ..shapes::Checksum::default()
    }
}

fn part(part: &ObjectPart) -> shapes::ObjectPart {
    let sum = part.sum.members();
    shapes::ObjectPart {
        part_number: Some(part.number),
        size: i64::try_from(part.size).ok(),
        checksum_crc32: sum.crc32,
        checksum_crc32_c: sum.crc32c,
        checksum_crc64_nvme: sum.crc64nvme,
        checksum_sha1: sum.sha1,
        checksum_sha256: sum.sha256,
        checksum_sha512: sum.sha512,
        ..shapes::ObjectPart::default()
    }
}
