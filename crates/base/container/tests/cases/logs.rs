//! What containers write.

use container::{DriverError, LogLine, LogPosition, LogStream};

use super::Add;
use crate::support::{Target, all_lines, complete, messages, shell};

pub fn add<'a>(target: &'a Target, add: Add<'_, 'a>) {
    add("each_stream_in_order", Box::pin(each_stream_in_order(target)));
    add("read_again_from_any_position", Box::pin(read_again_from_any_position(target)));
    add("all_of_many_lines", Box::pin(all_of_many_lines(target)));
    add("long_and_broken_lines", Box::pin(long_and_broken_lines(target)));
}

async fn each_stream_in_order(target: &Target) {
    let driver = target.open().await;
    let script = "for i in 1 2 3 4 5; do echo out $i; sleep 0.02; echo err $i >&2; sleep 0.02; done";
    driver.launch(shell("streams", script)).await.unwrap();
    let lines = all_lines(&*driver, "streams").await;
    // Two pipes: the order within each is certain, the order between them only as good as the reader is quick.
    for (stream, word) in [(LogStream::Stdout, "out"), (LogStream::Stderr, "err")] {
        let own: Vec<LogLine> = lines.iter().filter(|line| line.stream == stream).cloned().collect();
        let expected: Vec<String> = (1..=5).map(|i| format!("{word} {i}")).collect();
        assert_eq!(messages(&own), expected);
        assert!(own.is_sorted_by_key(|line| line.timestamp));
    }
    for line in &lines {
        assert_eq!(line.stream == LogStream::Stderr, line.message.starts_with("err"), "{line:?}");
        assert!(!line.partial && line.timestamp.as_millis() > 1_700_000_000_000, "{line:?}");
    }
    driver.remove("streams").await.unwrap();
}

async fn read_again_from_any_position(target: &Target) {
    let driver = target.open().await;
    driver.launch(shell("again", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.03; done")).await.unwrap();
    let mut read: Vec<(LogPosition, Vec<String>)> = Vec::new();
    let mut from = LogPosition::default();
    loop {
        let chunk = driver.read_logs("again", from.clone()).await.unwrap();
        read.push((from, chunk.lines.into_iter().map(|line| line.message).collect()));
        from = chunk.next;
        if chunk.ended {
            break;
        }
    }
    let whole: Vec<String> = read.iter().flat_map(|(_, lines)| lines.clone()).collect();
    assert_eq!(whole, ["1", "2", "3", "4", "5", "6"]);
    // Another driver object, as after a restart, and from every position that was ever given.
    let driver = target.open().await;
    for (index, (position, _)) in read.iter().enumerate() {
        let kept = LogPosition::from_text(position.as_str());
        let rest: Vec<&String> = read[index..].iter().flat_map(|(_, lines)| lines).collect();
        let mut lines = Vec::new();
        let mut from = kept;
        loop {
            let chunk = driver.read_logs("again", from).await.unwrap();
            lines.extend(chunk.lines);
            from = chunk.next;
            if chunk.ended {
                break;
            }
        }
        assert_eq!(messages(&lines), rest, "from {position:?}");
    }
    for bad in ["x", "-1", "99999999999999999999999"] {
        let answer = driver.read_logs("again", LogPosition::from_text(bad)).await;
        assert!(matches!(answer, Err(DriverError::InvalidLogPosition(_))), "{bad}: {answer:?}");
    }
    driver.remove("again").await.unwrap();
}

async fn all_of_many_lines(target: &Target) {
    let driver = target.open().await;
    let (code, lines) = complete(&*driver, shell("many", "seq 1 50000; printf last")).await;
    assert_eq!((code, lines.len()), (0, 50_001));
    assert!(lines.iter().take(50_000).enumerate().all(|(index, line)| *line == (index + 1).to_string()));
    assert_eq!(lines[50_000], "last");
}

async fn long_and_broken_lines(target: &Target) {
    let driver = target.open().await;
    let script = "head -c 40000 /dev/zero | tr '\\0' x 2>/dev/null || head -c 40000 /dev/zero; echo; printf 'a\\377b\\n\\n\\ttab\\r\\n'";
    let script = script.replace("tr ", "/bin/busybox tr ");
    driver.launch(shell("long", &script)).await.unwrap();
    let lines = all_lines(&*driver, "long").await;
    let long: String = lines
        .iter()
        .take_while(|line| line.message.starts_with('x'))
        .map(|line| line.message.as_str())
        .collect();
    assert_eq!(long.len(), 40_000);
    assert!(lines[0].partial && lines[1].partial && !lines[2].partial);
    assert_eq!(messages(&lines)[3..], ["a\u{fffd}b", "", "\ttab\r"]);
    driver.remove("long").await.unwrap();
}
