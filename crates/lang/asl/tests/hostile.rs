//! Expressions that are written to take all time or all memory: each ends with an error that the machine can catch, in
//! bounded time, and the process goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use asl::{Execution, ExecutionSpec, MachineKind, Status, Wake, memory, parse, step};
use serde_json::json;
use types::Timestamp;

#[global_allocator]
static ALLOCATOR: memory::Metered = memory::Metered;

/// Within this, an expression is over: room for a busy machine and a build without optimisation.
const LONGEST: Duration = Duration::from_secs(20);

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// What each expression is about, the expression, and what its cause tells.
const CASES: &[(&str, &str, &str)] = &[
    (
        "a recursion too deep",
        "($f := function($n){ $n = 0 ? 0 : 1 + $f($n - 1) }; $f(200))",
        "Stack overflow",
    ),
    ("a range of as much as AWS takes", "$count([1..873782]) = 873782 ? $error('taken')", "taken"),
    ("a range of one more", "$count([1..873783])", "memory limit"),
    (
        "a text of as much as AWS takes",
        "($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 22)) = 4194304 ? $error('taken'))",
        "taken",
    ),
    (
        "a text of twice as much",
        "($p := function($s, $n) { $n = 0 ? $s : $p($s & $s, $n - 1) }; $length($p('x', 23)))",
        "memory limit",
    ),
    (
        "a shallow recursion",
        "($f := function($n){ $n = 0 ? 0 : 1 + $f($n - 1) }; $f(20) = 20 ? $error('taken'))",
        "taken",
    ),
    (
        "a recursion without an end",
        "($f := function(){ 1 + $f() }; $f())",
        "Stack overflow|evaluation timeout",
    ),
    ("a loop without an end", "($f := function(){ $f() }; $f())", "evaluation timeout"),
    (
        "two functions without an end",
        "($f := function($x){ $g($x) }; $g := function($x){ $f($x) }; $f(1))",
        "evaluation timeout",
    ),
    (
        "a recursion that branches",
        "($f := function($n){ $n = 0 ? 1 : $f($n - 1) + $f($n - 1) }; $f(24))",
        "evaluation timeout",
    ),
    ("padding", "$pad('x', 2e9)", "$pad"),
    ("padding in a chain", "'x' ~> $pad(2e9)", "$pad"),
    ("a range", "[1..1e7]", "memory limit"),
    ("a huge range", "[1..1e15]", "D2014"),
    ("ranges in a range", "[1..1000000].([1..1000000])", "memory limit|evaluation timeout"),
    (
        "ranges in a map",
        "$count($map([1..1000000], function($i){ [1..1000000] }))",
        "memory limit|evaluation timeout",
    ),
    (
        "a sum of ranges",
        "$sum($map([1..100000], function($i){ $sum([1..100000]) }))",
        "memory limit|evaluation timeout",
    ),
    ("a text that doubles", "($f := function($x){ $f($x & $x) }; $f('x'))", "memory limit"),
    (
        "a text that doubles in a reduction",
        "$reduce([1..60], function($x, $i){ $x & $x }, 'x')",
        "memory limit",
    ),
    (
        "an array that doubles",
        "($f := function($x){ $f([$x, $x]) }; $f([1]))",
        "memory limit|evaluation timeout",
    ),
    (
        "an array that doubles by appending",
        "($f := function($x){ $f($append($x, $x)) }; $f([1]))",
        "memory limit",
    ),
    (
        "an object that doubles, as text",
        "$string($reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1))",
        "memory limit",
    ),
    (
        "an object that doubles, joined to a text",
        "'' & $reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1)",
        "memory limit",
    ),
    (
        "an object that doubles, compared",
        "($x := $reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1); $y := $reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1); $x = $y)",
        "memory limit",
    ),
    (
        "an object that doubles, searched",
        "$reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1).**",
        "memory limit",
    ),
    (
        "an object that doubles, searched by a wildcard",
        "{'c': $reduce([1..60], function($x, $i){ [[$x], [$x]] }, [1])}.*",
        "memory limit|evaluation timeout",
    ),
    (
        "an object that doubles, transformed",
        "$reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1) ~> |$|{'c': 1}|",
        "memory limit",
    ),
    (
        "an object that doubles, as the result",
        "$reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1)",
        "too large",
    ),
    (
        "an object that doubles, by a function as a value",
        "($s := $string; $s($reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1)))",
        "memory limit",
    ),
    (
        "an object that doubles, mapped to text",
        "$map([$reduce([1..60], function($x, $i){ {'a': $x, 'b': $x} }, 1)], $string)",
        "memory limit",
    ),
    ("a deep object", "$reduce([1..5000], function($x, $i){ {'a': $x} }, 1)", "nested too deep"),
    (
        "a deep object as text",
        "$string($reduce([1..5000], function($x, $i){ {'a': $x} }, 1))",
        "memory limit",
    ),
    (
        "a comparator that is never true",
        "$sort([1..800000], function($a, $b){ false })",
        "evaluation timeout",
    ),
    (
        "a replacement that is large",
        "$replace($pad('', 200000, 'x'), 'x', $pad('y', 200000))",
        "memory limit",
    ),
    (
        "a replacement of a pattern that is large",
        "$replace($pad('', 200000, 'x'), /x/, $pad('y', 200000))",
        "memory limit",
    ),
    (
        "a replacement with groups",
        "$replace($pad('', 200000, 'x'), /(x*)/, $pad('', 200000, '$1'))",
        "memory limit",
    ),
    (
        "an open replacement",
        "($f := $replace(?, 'x', ?); $f($pad('', 200000, 'x'), $pad('y', 200000)))",
        "memory limit",
    ),
    (
        "a replacement as a value",
        "($f := $replace; $f($pad('', 200000, 'x'), 'x', $pad('y', 200000)))",
        "memory limit",
    ),
    ("a replacement in a chain", "$pad('', 200000, 'x') ~> $replace('x', $pad('y', 200000))", "memory limit"),
    ("a join", "$join($map([1..1000], function($i){ 'x' }), $pad('y', 200000))", "memory limit"),
    ("a join in a chain", "$map([1..1000], function($i){ 'x' }) ~> $join($pad('y', 200000))", "memory limit"),
    (
        "a match of everything",
        "$count($match($pad('', 262144, 'x') & $pad('', 262144, 'x'), /x/))",
        "memory limit",
    ),
    (
        "a pattern that would explode elsewhere",
        "$contains($pad('', 200000, 'a') & 'b', /^(a+)+$/) ? 1 : $error('no match')",
        "no match",
    ),
    ("a pattern of patterns", "$contains('a', /((((((a{100}){100}){100}){100}){100}){100})/)", ""),
    ("a pattern with many groups", "$split($pad('', 200000, 'a'), /(a?){200}/)", ""),
    ("roman numerals", "$formatInteger(1e15, 'I')", "D3137"),
    ("words", "$formatInteger(1e308, 'w')", ""),
    ("a wide picture", "$fromMillis(0, '[Y,2000000000]')", "D3137"),
    ("a wide picture to read", "$toMillis('1', '[Y,2000000000-2000000000]')", "D3137"),
    ("different elements of many", "$distinct([1..1000000])", "memory limit"),
    ("lists beside each other", "($a := [1..1000000]; $zip($a, $a, $a, $a, $a, $a))", "memory limit"),
    (
        "elements that are arrays",
        "($a := [1..1000000]; [$a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a, $a])",
        "memory limit|evaluation timeout",
    ),
    (
        "a base64 of a base64",
        "$reduce([1..2000], function($x, $i){ $base64encode($x) }, 'abc')",
        "memory limit|evaluation timeout",
    ),
    (
        "many kept texts",
        "$count($map([1..1000000], function($i){ $uppercase($pad('x', 200000)) }))",
        "memory limit|evaluation timeout",
    ),
    ("an expression in an expression", "$eval('1')", "T1006"),
    ("numbers that overflow", "$power(1e300, 1e300)", "D3061"),
    ("a rounding far away", "$round(1.5, 2147483647) & $round(1.5, -2147483648)", ""),
    ("a substring far away", "$substring('abc', 9e18, 9e18) & $substring('abc', -9e18, -9e18)", ""),
    ("a time far away", "$fromMillis(9e300)", ""),
    ("a time far away with a picture", "$fromMillis(9e18, '[Y0001]-[M01]')", ""),
    ("a base of a number", "$formatBase(1e308, 2)", ""),
    ("a partition into nothing", "$partition([1..10], 0)", "chunk"),
    ("a range by steps of nothing", "$range(1, 10, 0)", "range"),
    ("a range by steps of little", "$range(1, 2, 1e-300)", "range"),
    ("a split into many", "$count($split($pad('', 262144, 'a '), ''))", ""),
];

#[test]
fn hostile_expressions_end_with_an_error() {
    let mut wrong = Vec::new();
    for (name, expression, told) in CASES {
        let begun = Instant::now();
        let [status, error, cause] = run(expression);
        let time = begun.elapsed();
        println!("{name}: {time:?} {status} {cause}");
        // Without a word to look for, only the time counts.
        let is_told = told.split('|').any(|told| cause.contains(told));
        let is_error = told.is_empty() || error == "States.QueryEvaluationError";
        if !is_told || !is_error || time > LONGEST {
            wrong.push(format!("{name}: {time:?} {status} {error}: {cause}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Runs one state; gives the execution's status, error and cause.
fn run(expression: &str) -> [String; 3] {
    let definition = json!({
        "QueryLanguage": "JSONata", "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Output": format!("{{% {expression} %}}"), "End": true}},
    });
    let machine = match parse(&definition.to_string()) {
        Ok(machine) => Arc::new(machine),
        Err(diagnostics) => return ["refused".into(), String::new(), format!("{diagnostics:?}")],
    };
    let mut execution = Execution::new(machine, spec());
    step(&mut execution, Wake::Start, START, &mut Vec::new());
    match execution.status() {
        Status::Failed(failure) => {
            let error = failure.error.as_ref().map(|name| name.to_string()).unwrap_or_default();
            ["FAILED".into(), error, failure.cause.clone().unwrap_or_default()]
        }
        other => [other.as_str().to_owned(), String::new(), String::new()],
    }
}

fn spec() -> ExecutionSpec {
    ExecutionSpec {
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input: "{}".into(),
        start_time: START,
        seed: 5,
        kind: MachineKind::Standard,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}
