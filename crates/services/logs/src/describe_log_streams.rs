//! `DescribeLogStreams`: a group's streams by name or by their last event.

use api::Context;
use store::Range;
use types::Timestamp;

use crate::error::Error;
use crate::generated::types::{DescribeLogStreamsInput, DescribeLogStreamsOutput};
use crate::group::Group;
use crate::group_identifier::group_name;
use crate::stream::{self, Stream};
use crate::{Logs, limits, page_token};

/// Streams of a page, and where the next one begins.
type Page = (Vec<Stream>, Option<String>);

/// How a page is cut out.
struct Cut {
    token: Option<String>,
    descending: bool,
    limit: usize,
}

impl Logs {
    pub(crate) async fn describe_streams(
        &self,
        cx: &Context,
        input: DescribeLogStreamsInput,
    ) -> Result<DescribeLogStreamsOutput, Error> {
        let by_time = input.order_by.as_deref() == Some("LastEventTime");
        if by_time && input.log_stream_name_prefix.is_some() {
            return Err(Error::OrderWithPrefix);
        }
        let name = group_name(cx, input.log_group_name, input.log_group_identifier)?;
        let group = self.group(cx, &name).await?.value;
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
        let cut = Cut {
            token: input.next_token.as_deref().map(page_token::decode).transpose()?,
            descending: input.descending.unwrap_or(false),
            limit: limit.unwrap_or(limits::DESCRIBE_ITEMS_DEFAULT),
        };
        let (page, next) = if by_time {
            self.streams_by_time(&group, cx.now, &cut).await?
        } else {
            let prefix = input.log_stream_name_prefix.unwrap_or_default();
            self.streams_by_name(&group, &prefix, &cut).await?
        };
        let mut streams = Vec::new();
        for stream in &page {
            streams.push(self.stream_answer(cx, &group, stream).await?);
        }
        let next_token = next.map(|next| page_token::encode(&next));
        Ok(DescribeLogStreamsOutput { log_streams: Some(streams), next_token })
    }

    async fn streams_by_name(&self, group: &Group, prefix: &str, cut: &Cut) -> Result<Page, Error> {
        let prefix = stream::key(group, prefix);
        let after = cut.token.as_deref().map(|name| stream::key(group, name));
        let range = Range {
            prefix: &prefix,
            after: after.as_deref(),
            limit: cut.limit + 1,
            descending: cut.descending,
        };
        let records = self.streams.list(range).await?;
        let mut streams: Vec<_> = records.into_iter().map(|record| record.value).collect();
        let is_more = streams.len() > cut.limit;
        streams.truncate(cut.limit);
        let last = streams.last().map(|stream| stream.name.clone());
        Ok((streams, if is_more { last } else { None }))
    }

    /// All streams are looked at for their last events. Those without any count as older than all others.
    async fn streams_by_time(&self, group: &Group, now: Timestamp, cut: &Cut) -> Result<Page, Error> {
        let mut streams = Vec::new();
        for record in self.streams.list(Range::prefix(&stream::key(group, ""))).await? {
            let last = self.last_event_time(group, &record.value, now).await?;
            let millis = last.map_or(-1, Timestamp::as_millis);
            // Let others run: there may be many streams.
            tokio::task::consume_budget().await;
            streams.push(((millis, record.value.name.clone()), record.value));
        }
        streams.sort_by(|(one, _), (other, _)| one.cmp(other));
        if cut.descending {
            streams.reverse();
        }
        if let Some(token) = &cut.token {
            let (millis, name) = token.split_once('/').ok_or(Error::InvalidToken)?;
            let after = (millis.parse::<i64>().map_err(|_| Error::InvalidToken)?, name.to_owned());
            streams.retain(|(key, _)| if cut.descending { *key < after } else { *key > after });
        }
        let is_more = streams.len() > cut.limit;
        streams.truncate(cut.limit);
        let last = streams.last().map(|((millis, name), _)| format!("{millis}/{name}"));
        Ok((streams.into_iter().map(|(_, stream)| stream).collect(), if is_more { last } else { None }))
    }
}
