//! From lines to requests of PutLogEvents: whole lines, cut where they are too long, and as many as one request takes.

use types::Timestamp;

use crate::limits;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When the line began.
    pub timestamp: Timestamp,
    /// The line without its line feed; never empty.
    pub message: String,
}

/// Joins the pieces of lines, and drops empty ones, which CloudWatch Logs does not take.
#[derive(Debug, Default)]
pub struct Lines {
    open: Option<LogEvent>,
    done: Vec<LogEvent>,
}

impl Lines {
    /// Adds a piece; `goes_on` where the line does not end with it.
    pub fn push(&mut self, timestamp: Timestamp, piece: String, goes_on: bool) {
        match &mut self.open {
            Some(line) => line.message.push_str(&piece),
            None => self.open = Some(LogEvent { timestamp, message: piece }),
        }
        self.cut();
        if !goes_on {
            self.end();
        }
    }

    /// No further piece comes for the line that is open.
    pub fn end(&mut self) {
        self.done.extend(self.open.take().filter(|line| !line.message.is_empty()));
    }

    /// Whether no line is open.
    pub fn is_complete(&self) -> bool {
        self.open.is_none()
    }

    /// The lines that are done.
    pub fn take(&mut self) -> Vec<LogEvent> {
        std::mem::take(&mut self.done)
    }

    /// Cuts off as much of the open line as makes whole events.
    fn cut(&mut self) {
        let Some(line) = &mut self.open else { return };
        while line.message.len() > limits::LOG_EVENT_BYTES {
            let end = line.message.floor_char_boundary(limits::LOG_EVENT_BYTES);
            let rest = line.message.split_off(end);
            let message = std::mem::replace(&mut line.message, rest);
            self.done.push(LogEvent { timestamp: line.timestamp, message });
        }
    }
}

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

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn pieces_of_a_line_make_one_event_and_empty_lines_none() {
        let mut lines = Lines::default();
        lines.push(at(1), "one".to_owned(), true);
        assert!(!lines.is_complete());
        lines.push(at(2), " line".to_owned(), false);
        lines.push(at(3), String::new(), false);
        lines.push(at(4), "open".to_owned(), true);
        let done = vec![LogEvent { timestamp: at(1), message: "one line".to_owned() }];
        assert_eq!(lines.take(), done);
        lines.end();
        assert_eq!(lines.take().len(), 1);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let mut lines = Lines::default();
        let text = format!("x{}", "ä".repeat(limits::LOG_EVENT_BYTES));
        lines.push(at(1), text.clone(), false);
        let events = lines.take();
        assert_eq!(events.len(), 3);
        assert!(events.iter().all(|event| event.message.len() <= limits::LOG_EVENT_BYTES));
        assert_eq!(events.into_iter().map(|event| event.message).collect::<String>(), text);
    }

    #[test]
    fn requests_keep_within_their_limits() {
        let line = |seconds| LogEvent { timestamp: at(seconds), message: "x".to_owned() };
        assert_eq!(
            batches(vec![line(0); 25_000]).iter().map(Vec::len).collect::<Vec<_>>(),
            [10_000, 10_000, 5000]
        );
        assert_eq!(batches(vec![line(0), line(86_400)]).len(), 2);
        let big = LogEvent { timestamp: at(0), message: "x".repeat(300_000) };
        assert_eq!(batches(vec![big; 4]).len(), 2);
        assert_eq!(batches(vec![line(5), line(3)])[0][1].timestamp, at(5));
        assert!(batches(Vec::new()).is_empty());
    }
}
