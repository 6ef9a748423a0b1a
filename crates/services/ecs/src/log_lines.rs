//! From what a driver reads of a container to the events of its stream: whole lines, lines that belong together, cut where
//! they are too long. As Docker's `awslogs` driver does it; nothing here reads, waits or delivers.
//!
//! Every event knows from where to read on once it is delivered. A reader that begins anew there, in whatever portions it
//! reads, makes the events that follow: none is lost and none is made twice.

use std::sync::Arc;

use container::{LogLine, LogPosition, LogStream};
use types::Timestamp;

use crate::limits;
use crate::multiline::Multiline;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When its first line began.
    pub timestamp: Timestamp,
    /// A line without its line feed, or lines that each end with one; never empty.
    pub message: String,
    /// From where to read on.
    pub after: Place,
}

/// A place in a container's output from which to read on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// What the driver is told.
    pub position: Arc<LogPosition>,
    /// How many pieces of lines after that have been delivered wholly.
    pub pieces: usize,
    /// How many events after those have been delivered, although a line that goes on began before them.
    pub events: usize,
}

/// Makes events of pieces.
#[derive(Debug, Default)]
pub struct Lines {
    multiline: Option<Multiline>,
    /// Pieces, and events after them, that were delivered before.
    pieces_delivered: usize,
    events_delivered: usize,
    chunks: u64,
    /// Where the last piece ended.
    end: Mark,
    /// Where the last line began before which none was open, and how many events were made of what follows, where a line
    /// has been open ever since.
    busy_since: Option<(Mark, usize)>,
    /// Of standard output and of standard error.
    open: [Option<OpenLine>; 2],
    group: Option<Group>,
    done: Vec<LogEvent>,
}

/// Where a piece begins or ends: so many pieces after the position at which its chunk was read.
#[derive(Clone, Debug, Default)]
struct Mark {
    chunk: u64,
    position: Arc<LogPosition>,
    pieces: usize,
}

/// A line whose end is yet to come.
#[derive(Debug)]
struct OpenLine {
    timestamp: Timestamp,
    text: String,
}

/// Lines that make one event.
#[derive(Debug)]
struct Group {
    timestamp: Timestamp,
    text: String,
    end: Mark,
}

impl Lines {
    /// Makes the events that follow `place`, each of one line, or of all lines up to the next one that `multiline` says
    /// begins an event.
    pub fn new(multiline: Option<Multiline>, place: &Place) -> Self {
        let (pieces_delivered, events_delivered) = (place.pieces, place.events);
        Self { multiline, pieces_delivered, events_delivered, ..Self::default() }
    }

    /// Adds what was read at `position`.
    pub fn read(&mut self, position: &LogPosition, pieces: Vec<LogLine>) {
        let position = Arc::new(position.clone());
        self.chunks += 1;
        let delivered = self.pieces_delivered.min(pieces.len());
        self.pieces_delivered -= delivered;
        for (before, piece) in pieces.into_iter().enumerate().skip(delivered) {
            let start = Mark { chunk: self.chunks, position: Arc::clone(&position), pieces: before };
            self.push(start, piece);
        }
    }

    /// No further piece comes.
    pub fn end(&mut self) {
        self.close(LogStream::Stdout);
        self.close(LogStream::Stderr);
        self.flush();
    }

    /// The lines that are here make an event; what belongs to them and comes too late makes the next.
    pub fn flush(&mut self) {
        let Some(Group { timestamp, text: message, end }) = self.group.take() else { return };
        if message.is_empty() {
            return;
        }
        let after = self.place_after(end);
        if self.events_delivered > 0 {
            self.events_delivered -= 1;
        } else {
            self.done.push(LogEvent { timestamp, message, after });
        }
    }

    /// Whether lines wait for others that belong to them.
    pub fn is_waiting(&self) -> bool {
        self.group.is_some()
    }

    /// The events that are done.
    pub fn take(&mut self) -> Vec<LogEvent> {
        std::mem::take(&mut self.done)
    }

    fn push(&mut self, start: Mark, piece: LogLine) {
        let LogLine { timestamp, stream, message, partial } = piece;
        self.end = Mark { pieces: start.pieces + 1, ..start.clone() };
        self.busy_since.get_or_insert((start, 0));
        match self.open_line(stream) {
            Some(line) => line.text.push_str(&message),
            open => *open = Some(OpenLine { timestamp, text: message }),
        }
        self.cut(stream);
        if !partial {
            self.close(stream);
        }
    }

    fn open_line(&mut self, stream: LogStream) -> &mut Option<OpenLine> {
        let [stdout, stderr] = &mut self.open;
        match stream {
            LogStream::Stdout => stdout,
            LogStream::Stderr => stderr,
        }
    }

    /// Cuts off as much of the open line as makes whole events.
    fn cut(&mut self, stream: LogStream) {
        while let Some(line) = self.open_line(stream)
            && line.text.len() > limits::LOG_EVENT_BYTES
        {
            let rest = line.text.split_off(line.text.floor_char_boundary(limits::LOG_EVENT_BYTES));
            let text = std::mem::replace(&mut line.text, rest);
            let timestamp = line.timestamp;
            self.make_way(timestamp, &text);
            self.join(timestamp, text);
            self.flush_single();
        }
    }

    fn close(&mut self, stream: LogStream) {
        let Some(line) = self.open_line(stream) else { return };
        let (timestamp, mut text) = (line.timestamp, std::mem::take(&mut line.text));
        // What is flushed here ended before this line did: it is still open.
        self.make_way(timestamp, &text);
        *self.open_line(stream) = None;
        if self.open.iter().all(Option::is_none) {
            self.busy_since = None;
        }
        if self.multiline.is_some() && text.len() < limits::LOG_EVENT_BYTES {
            text.push('\n');
        }
        self.join(timestamp, text);
        self.flush_single();
    }

    /// Ends the event before a line that does not belong to it, that came too late, or that it has no room for.
    fn make_way(&mut self, timestamp: Timestamp, line: &str) {
        let (Some(group), Some(multiline)) = (&self.group, &self.multiline) else { return };
        if group.text.len() + line.len() >= limits::LOG_EVENT_BYTES
            || timestamp.since(group.timestamp) >= limits::LOG_FLUSH_INTERVAL
            || multiline.begins(line)
        {
            self.flush();
        }
    }

    fn join(&mut self, timestamp: Timestamp, text: String) {
        let end = self.end.clone();
        match &mut self.group {
            Some(group) => {
                group.text.push_str(&text);
                group.end = end;
            }
            None => self.group = Some(Group { timestamp, text, end }),
        }
    }

    /// Without a pattern no line belongs to another.
    fn flush_single(&mut self) {
        if self.multiline.is_none() {
            self.flush();
        }
    }

    /// From where to read on after an event that ends at `end`: where no line was open, so that all comes as it came.
    fn place_after(&mut self, end: Mark) -> Place {
        let (from, events) = match &mut self.busy_since {
            Some((start, events)) if start.place() < end.place() => {
                *events += 1;
                (start.clone(), *events)
            }
            _ => (end, 0),
        };
        Place { position: from.position, pieces: from.pieces, events }
    }
}

impl Mark {
    fn place(&self) -> (u64, usize) {
        (self.chunk, self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(stream: LogStream, seconds: i64, message: impl Into<String>, partial: bool) -> LogLine {
        LogLine { timestamp: Timestamp::from_seconds(seconds), stream, message: message.into(), partial }
    }

    fn out(message: &str) -> LogLine {
        piece(LogStream::Stdout, 1, message, false)
    }

    fn dated() -> Option<Multiline> {
        Some(Multiline::new("^[0-9]").unwrap_or_else(|error| panic!("{error}")))
    }

    /// The events of all `pieces`, of which so many are read at once. A position is the number of pieces before it.
    fn events(
        multiline: Option<Multiline>,
        from: &Place,
        pieces: &[LogLine],
        at_once: usize,
    ) -> Vec<LogEvent> {
        let mut lines = Lines::new(multiline, from);
        let mut events = Vec::new();
        let mut position = from.position.as_str().parse().unwrap_or(0);
        for chunk in pieces.get(position..).unwrap_or_default().chunks(at_once) {
            lines.read(&LogPosition::from_text(position.to_string()), chunk.to_vec());
            events.append(&mut lines.take());
            position += chunk.len();
        }
        lines.end();
        events.append(&mut lines.take());
        events
    }

    fn messages(multiline: Option<Multiline>, pieces: &[LogLine]) -> Vec<String> {
        events(multiline, &Place::default(), pieces, 100).into_iter().map(|event| event.message).collect()
    }

    #[test]
    fn pieces_of_a_line_make_one_event_and_empty_lines_none() {
        let part = |stream, message: &str| piece(stream, 1, message, true);
        let pieces = [
            part(LogStream::Stdout, "one"),
            part(LogStream::Stderr, "two"),
            out(" line"),
            out(""),
            piece(LogStream::Stderr, 2, " lines", false),
            part(LogStream::Stdout, "open"),
        ];
        assert_eq!(messages(None, &pieces), ["one line", "two lines", "open"]);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let text = format!("x{}", "ä".repeat(limits::LOG_EVENT_BYTES));
        for multiline in [None, dated()] {
            let cut = messages(multiline.clone(), &[out(&text), out("y")]);
            assert_eq!(cut.len(), if multiline.is_some() { 3 } else { 4 });
            assert!(cut.iter().all(|message| message.len() <= limits::LOG_EVENT_BYTES));
            assert_eq!(cut.concat().replace('\n', ""), text.clone() + "y");
        }
    }

    #[test]
    fn lines_belong_to_the_one_that_begins() {
        let cases: [(&[&str], &[&str]); 5] = [
            (&["1 a", " b", "2 c"], &["1 a\n b\n", "2 c\n"]),
            (&[" before", "1 a"], &[" before\n", "1 a\n"]),
            (&["1 a", "", "b", ""], &["1 a\n\nb\n\n"]),
            (&[""], &["\n"]),
            (&[], &[]),
        ];
        for (lines, expected) in cases {
            let pieces: Vec<_> = lines.iter().map(|line| out(line)).collect();
            assert_eq!(messages(dated(), &pieces), expected);
        }
    }

    #[test]
    fn an_event_has_room_for_so_much() {
        let line = "x".repeat(100_000);
        let lengths: Vec<_> = messages(dated(), &[out("1"), out(&line), out(&line), out(&line)])
            .iter()
            .map(String::len)
            .collect();
        assert_eq!(lengths, [200_004, 100_001]);
    }

    #[test]
    fn lines_are_waited_for_so_long() {
        let at = |seconds, line: &str| piece(LogStream::Stdout, seconds, line, false);
        assert_eq!(
            messages(dated(), &[at(1, "1"), at(5, "a"), at(6, "b"), at(7, "c")]),
            ["1\na\n", "b\nc\n"]
        );
        let mut lines = Lines::new(dated(), &Place::default());
        lines.read(&LogPosition::default(), vec![at(1, "1"), at(1, "a")]);
        assert!(lines.take().is_empty() && lines.is_waiting());
        lines.flush();
        let after = Place { pieces: 2, ..Place::default() };
        let event = LogEvent { timestamp: Timestamp::from_seconds(1), message: "1\na\n".to_owned(), after };
        assert_eq!(lines.take(), [event]);
        assert!(!lines.is_waiting());
    }

    fn any_piece() -> impl Strategy<Value = LogLine> {
        let text = prop_oneof![
            8 => "[0-9ab]{0,3}",
            1 => (limits::LOG_EVENT_BYTES - 3..3 * limits::LOG_EVENT_BYTES).prop_map(|length| "ä".repeat(length / 2)),
        ];
        (any::<bool>(), 0..3_i64, text, any::<bool>()).prop_map(|(error, seconds, text, partial)| {
            piece(if error { LogStream::Stderr } else { LogStream::Stdout }, 3 * seconds, text, partial)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn whoever_reads_on_after_an_event_makes_the_others(
            pieces in prop::collection::vec(any_piece(), 0..12), first in 1..5_usize, then in 1..5_usize
        ) {
            let all = events(None, &Place::default(), &pieces, first);
            for (at, event) in all.iter().enumerate() {
                let rest = events(None, &event.after, &pieces, then);
                let texts = |events: &[LogEvent]| events.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
                prop_assert_eq!(texts(&rest), texts(all.get(at + 1..).unwrap_or_default()));
            }
        }

        #[test]
        fn whoever_reads_on_after_an_event_of_lines_makes_the_others(
            pieces in prop::collection::vec(any_piece(), 0..12), first in 1..5_usize, then in 1..5_usize
        ) {
            let pieces: Vec<_> =
                pieces.into_iter().map(|one| LogLine { stream: LogStream::Stdout, ..one }).collect();
            let all = events(dated(), &Place::default(), &pieces, first);
            for (at, event) in all.iter().enumerate() {
                let rest = events(dated(), &event.after, &pieces, then);
                let texts = |events: &[LogEvent]| events.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
                prop_assert_eq!(texts(&rest), texts(all.get(at + 1..).unwrap_or_default()));
            }
        }
    }
}
