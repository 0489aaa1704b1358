"""Sign-up: the form of a new account, and what may be in it."""

import re
from dataclasses import dataclass, field

from services.account.host_user import USERNAME
from services.account.password import password_issue
from services.error import InvalidInput
from services.limit import Limits
from services.rejection import Issue, IssueReason
from services.text import name_issue

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,190}")


@dataclass(frozen=True, slots=True)
class SignUp:
    """The input of a sign-up; `remote` is the client's IP address."""

    username: str
    password: str | None = field(repr=False)  # None only from the operator: a bot that uses an API key
    display_name: str | None = None
    email: str | None = None
    device_name: str | None = None
    remote: str = ""
    external_id: str | None = None  # only the operator sets it

    def check(self, limits: Limits) -> None:
        """Raises InvalidInput with every issue."""
        issues: list[Issue | None] = []
        if not USERNAME.fullmatch(self.username):
            detail = "A username has 3 to 32 characters: the letters a to z, digits, `_`, `.` and `-`."
            reason, limit = IssueReason.MALFORMED, None
            if len(self.username) < 3:
                reason, limit = IssueReason.TOO_SHORT, 3
            elif len(self.username) > 32:
                reason, limit = IssueReason.TOO_LONG, 32
            issues.append(Issue(("username",), reason, detail, limit))
        if self.password is not None:
            issues.append(password_issue(self.password))
        if self.display_name is not None:
            issues.append(name_issue(("displayName",), self.display_name, limits.max_display_name_length))
        if self.email is not None and not _EMAIL.fullmatch(self.email):
            issues.append(Issue(("email",), IssueReason.MALFORMED, "This is not an email address."))
        if self.device_name is not None:
            issues.append(name_issue(("deviceName",), self.device_name, limits.max_display_name_length))
        if found := [issue for issue in issues if issue]:
            raise InvalidInput(found)
