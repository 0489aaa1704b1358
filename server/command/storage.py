"""The operator's commands for the storage; each returns its output, one string per line."""

from services.service import Services


async def adopt(services: Services) -> list[str]:
    """Links the storage to this database, even if it was linked to another one."""
    await services.storage_link.adopt()
    days = services.limits.quarantine_seconds / 86_400
    return [
        f"{services.storage.name} now belongs to this database only.",
        f"Files that this database does not reference are deleted after {days:g} days.",
    ]
