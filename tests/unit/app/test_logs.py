import json
import logging

from app.logs import JsonFormatter, scan_in_hand


def line(message: str, *args: object, error: Exception | None = None) -> dict[str, str]:
    record = logging.LogRecord(
        "app", logging.WARNING, __file__, 1, message, args, (type(error), error, None) if error else None
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text, "a collector would take one record for several"
    parsed: dict[str, str] = json.loads(text)
    return parsed


def test_a_record_is_one_line_of_json() -> None:
    logged = line("step %s\nis done", "scan")
    assert (logged["level"], logged["logger"], logged["message"]) == ("WARNING", "app", "step scan\nis done")


def test_a_line_names_the_scan_in_hand() -> None:
    token = scan_in_hand.set("some-id")
    assert line("done")["task_id"] == "some-id"
    scan_in_hand.reset(token)
    assert "task_id" not in line("done")


def test_an_exception_is_part_of_its_line() -> None:
    assert "ValueError: no" in line("failed", error=ValueError("no"))["exception"]
