//! Tags of objects that are there already.

use api::Context;

use crate::S3;
use crate::error::Error;
use crate::get_object::Found;
use crate::history::{Change, Target};
use crate::tagging::Tags;
use crate::version::Content;

impl S3 {
    /// Gives an object other tags; answers the version's id.
    pub(crate) async fn tag(
        &self,
        cx: &Context,
        target: Target<'_>,
        version_id: Option<&String>,
        tags: Tags,
    ) -> Result<Option<String>, Error> {
        let _lock = self.locks.key(target.bucket, target.key).await;
        let found = self.tagged(cx, target, version_id).await?;
        let mut version = found.seen.value.clone();
        if let Content::Object(object) = &mut version.content {
            object.tags = tags;
        }
        let mut change = Change::default();
        let table = if found.is_older { &self.older } else { &self.current };
        table.replace(&mut change.batch, &found.seen, &version);
        self.commit(change).await?;
        Ok(found.version_id())
    }

    /// Finds the object whose tags are meant.
    pub(crate) async fn tagged(
        &self,
        cx: &Context,
        target: Target<'_>,
        version_id: Option<&String>,
    ) -> Result<Found, Error> {
        let found = self.find(cx, (target.bucket, target.expected_owner), target.key, version_id).await?;
        found.object(target.key, version_id)?;
        Ok(found)
    }
}
