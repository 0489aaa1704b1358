"""Error codes, statuses, WebSocket close codes and log entries are documented."""

import ast
import re

from server.manual.error_table import TOP, error_tables
from services.error import RequestError, SottoError
from tests.contract.document import ROOT
from tests.contract.source import calls, log_lines, refusals, value_of

ERRORS = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
OPERATE = (ROOT / "docs/operate.md").read_text(encoding="utf-8")


def rows_of(text: str) -> list[list[str]]:
    """The cells of all tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def all_below(kind: type[SottoError]) -> list[type[SottoError]]:
    """The classes under this one."""
    return [each for kid in kind.__subclasses__() for each in (kid, *all_below(kid))]


def test_every_code_of_a_service_is_documented() -> None:
    """In the table of refusals, and if they fail a query, in the table of top-level codes."""
    listed = {row[0].strip("`") for lines in error_tables().values() for row in rows_of("\n".join(lines))}

    assert {each.code for each in all_below(SottoError) if each is not RequestError} - listed == set()


def test_every_refusal_that_is_written_out_is_documented_with_its_status() -> None:
    """Every code has a row that lists its status."""
    rows = {row[0].strip("`"): row[2].split(", ") for row in rows_of("\n".join(error_tables()["top-level codes"]))}

    assert {(status, code) for status, code in refusals() if str(status) not in rows.get(code, [])} == set()
    assert len(refusals()) >= 15


def test_no_code_is_documented_that_nothing_says() -> None:
    """Removed codes are removed from the tables."""
    classes = {each.code for each in all_below(SottoError)}
    text = "".join(
        path.read_text(encoding="utf-8") for room in ("gql", "server") for path in (ROOT / room).rglob("*.py")
    )
    said = {code for code in TOP if text.replace(f'    "{code}": Code(', "").count(f'"{code}"')}
    failures = set(re.findall(r"^    ([A-Z_]+) = ", (ROOT / "services/rejection.py").read_text(), re.MULTILINE))

    assert set(TOP) - classes - said - failures == set()


def test_every_code_that_closes_a_socket_is_documented() -> None:
    """Our own close codes, and those of the exception classes."""
    ends = ERRORS.split("## Ends of a WebSocket")[1].split("##")[0]
    listed = {int(code) for code in re.findall(r"\b(\d{4})\b(?=[^|]*\|)", ends)}
    ours = {value for call in calls("close") for each in call.args if isinstance(value := value_of(each), int)}
    theirs = {4400, 4401, 4403, 4406, 4408, 4409, 4429}  # Strawberry's protocol, some of them by way of its own calls

    assert ours | theirs | {each.close_code for each in all_below(SottoError)} <= listed
    assert {1011, 4429} <= ours


def test_every_line_of_the_log_is_documented_with_its_level_and_fields() -> None:
    """In the tables of docs/operate.md: event, level, fields."""
    rows = {row[0].strip("`"): row for row in rows_of(OPERATE.split("## The log")[1])}
    rows |= {name: row for key, row in rows.items() for name in re.findall(r"[^`,]+", key) if name.strip()}
    missing = []
    for level, event, fields in log_lines():
        row = rows.get(event, ["", "", ""])
        missing += [f"{event}: {level}"] if level not in row[1] else []
        missing += [
            f"{event}: {field}" for field in sorted(fields) if f"`{field}`" not in row[2] and event != "request"
        ]

    assert missing == []
    assert len({event for _level, event, _fields in log_lines()}) > 30


def test_every_event_that_is_documented_is_logged() -> None:
    """Removed log entries are removed from the table."""
    section = OPERATE.split("### Requests and streams")[1]
    listed = {row[0].strip("`") for row in rows_of(section)} - {"event", "---"}

    assert listed - {event for _level, event, _fields in log_lines()} == set()


def test_every_issue_about_a_bound_names_it() -> None:
    """`limit` of TOO_SHORT, TOO_LONG and TOO_MANY is what the schema promises; a reason that varies carries it too."""
    issues = [(call, call.args[1]) for call in calls("Issue")]
    bounded = [
        call
        for call, reason in issues
        if not isinstance(reason, ast.Attribute) or reason.attr in {"TOO_SHORT", "TOO_LONG", "TOO_MANY"}
    ]

    assert len(bounded) >= 14
    assert [ast.unparse(call) for call in bounded if len(call.args) < 4] == []
