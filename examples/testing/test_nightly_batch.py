"""What the nightly batch does, night after night: each test takes seconds, whatever it lets pass."""


def test_it_runs_every_night_at_a_quarter_past_two(stack):
    happened = stack.advance("24h")
    fired = [(one["time"], one["schedule"].rsplit("/", 1)[1]) for one in happened if one["event"] == "Schedule"]
    assert fired == [("2026-11-21T02:15:00.000Z", "NightlyRule")]
    assert [execution["status"] for execution in stack.executions()] == ["SUCCEEDED"]
    assert "42 orders collected" in stack.output()


def test_on_mondays_there_is_a_report_of_the_week(stack):
    stack.advance("2d18h")
    assert "the week in one line" in stack.output()
    assert len(stack.executions()) == 4  # Saturday, Sunday, Monday, and the week's.
