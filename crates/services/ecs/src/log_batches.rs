//! From events to requests of PutLogEvents: as many as one request takes.

use types::Timestamp;

use crate::limits;
use crate::log_lines::LogEvent;

/// Groups events into requests within CloudWatch Logs' limits, in an order that it takes.
///
/// Within a request times may not go back: a line that claims to be older than the one before gets that one's time.
pub fn batches(events: Vec<LogEvent>) -> Vec<Vec<LogEvent>> {
    let mut batches: Vec<Vec<LogEvent>> = Vec::new();
    let (mut bytes, mut first, mut last) = (0, Timestamp::MIN, Timestamp::MIN);
    for mut event in events {
        event.timestamp = event.timestamp.max(last);
        last = event.timestamp;
        let size = event.message.len() + limits::LOG_EVENT_OVERHEAD_BYTES;
        match batches.last_mut() {
            Some(batch)
                if bytes + size <= limits::LOG_REQUEST_BYTES
                    && batch.len() < limits::LOG_REQUEST_EVENTS
                    && last.since(first) < limits::LOG_REQUEST_SPAN =>
            {
                bytes += size;
                batch.push(event);
            }
            _ => {
                (bytes, first) = (size, last);
                batches.push(vec![event]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_lines::Place;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn requests_keep_within_their_limits() {
        let event =
            |seconds, message: String| LogEvent { timestamp: at(seconds), message, after: Place::default() };
        let line = |seconds| event(seconds, "x".to_owned());
        assert_eq!(
            batches(vec![line(0); 25_000]).iter().map(Vec::len).collect::<Vec<_>>(),
            [10_000, 10_000, 5000]
        );
        assert_eq!(batches(vec![line(0), line(86_400)]).len(), 2);
        let big = event(0, "x".repeat(300_000));
        assert_eq!(batches(vec![big; 4]).len(), 2);
        assert_eq!(batches(vec![line(5), line(3)])[0][1].timestamp, at(5));
        assert!(batches(Vec::new()).is_empty());
    }
}
