"""The operator's commands by name."""

from collections.abc import Awaitable, Callable

from server.command import report, storage, user

Command = Callable[..., Awaitable[list[str]]]

ADOPT = "storage adopt"  # the only command that accepts the storage of another database

COMMANDS: dict[str, Command] = {
    "user add": user.add_user,
    "user list": user.list_users,
    "user password": user.change_password,
    "user suspend": user.suspend_user,
    "user restore": user.restore_user,
    "user deactivate": user.deactivate_user,
    "user trust": user.trust_user,
    "user session": user.open_session,
    "key create": user.create_key,
    "key list": user.list_keys,
    "key revoke": user.revoke_key,
    "report list": report.list_reports,
    "report save": report.save_report,
    "report resolve": report.resolve_report,
    ADOPT: storage.adopt,
}
