"""`callcenter doctor` on a real hotline: well, and with parts missing."""

from tests.onebox import RunningHotline


def test_a_well_hotline_has_nothing_wrong(hotline: RunningHotline) -> None:
    answer = hotline.command("doctor")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "✗" not in answer.stdout


def test_a_missing_node_and_redis_are_named_with_what_to_do(hotline: RunningHotline) -> None:
    with hotline.without("node", "redis"):
        answer = hotline.command("doctor")
    assert answer.returncode == 1
    wrong = [line for line in answer.stdout.splitlines() if "✗" in line]
    assert {part for part in ("Redis", "call steps") for line in wrong if part in line} == {"Redis", "call steps"}
    assert "callcenter node" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_a_database_without_the_schema_is_told_to_migrate(hotline: RunningHotline) -> None:
    answer = hotline.command("doctor", CALLCENTER_DATABASE_URL=hotline.database_url.rpartition("/")[0] + "/postgres")
    assert answer.returncode == 1
    assert "callcenter migrate" in answer.stdout


def test_a_wrong_setting_is_one_line(hotline: RunningHotline) -> None:
    answer = hotline.command("doctor", CALLCENTER_WEB_PORT="eighty")
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: CALLCENTER_WEB_PORT:")
    assert "Traceback" not in answer.stderr
