//! `GetLogEvents`: one stream, page by page in both directions.

use api::Context;
use types::Timestamp;

use crate::error::Error;
use crate::generated::types::{GetLogEventsInput, GetLogEventsOutput, OutputLogEvent};
use crate::group_identifier::group_name;
use crate::position::{Direction, Position};
use crate::sequence::ingestion_time;
use crate::{Logs, limits};

impl Logs {
    pub(crate) async fn get_events(
        &self,
        cx: &Context,
        input: GetLogEventsInput,
    ) -> Result<GetLogEventsOutput, Error> {
        let name = group_name(cx, input.log_group_name, input.log_group_identifier)?;
        let group = self.group(cx, &name).await?.value;
        let stream = self.stream(&group, &input.log_stream_name).await?.value;
        let window = group.window(cx.now, input.start_time, input.end_time.map(Timestamp::from_millis));
        let (direction, position) = match input.next_token {
            Some(token) => read_token(&token).ok_or(Error::InvalidToken)?,
            None if input.start_from_head == Some(true) => (Direction::Forward, Position::at(window.from)),
            None => (Direction::Backward, Position::at(window.to)),
        };
        let limit =
            input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(limits::PAGE_EVENTS_MAX);
        let mut page = self.page(&stream.id, position, direction, window, limit).await?;
        if direction == Direction::Backward {
            page.reverse();
        }
        // At an end the token stays the same; that is how a reader notices.
        let (before, behind) = match (page.first(), page.last()) {
            (Some(first), Some(last)) => (Position::before(first), Position::behind(last)),
            _ => (position, position),
        };
        let events = page.into_iter().map(|entry| OutputLogEvent {
            timestamp: Some(entry.time.as_millis()),
            message: Some(String::from_utf8_lossy(&entry.payload).into_owned()),
            ingestion_time: Some(ingestion_time(entry.sequence)),
        });
        Ok(GetLogEventsOutput {
            events: Some(events.collect()),
            next_forward_token: Some(token('f', behind)),
            next_backward_token: Some(token('b', before)),
        })
    }
}

/// `f/` or `b/`, 56 digits, `/s`.
fn token(direction: char, position: Position) -> String {
    format!("{direction}/{}/s", position.digits())
}

fn read_token(token: &str) -> Option<(Direction, Position)> {
    let (direction, digits) = match token.split_once('/')? {
        ("f", rest) => (Direction::Forward, rest),
        ("b", rest) => (Direction::Backward, rest),
        _ => return None,
    };
    Some((direction, Position::from_digits(digits.strip_suffix("/s")?)?))
}
