"""The operator's commands about the storage; each answers with lines for a terminal."""

from services.service import Services


async def adopt(services: Services) -> list[str]:
    """Links the storage to this database, whatever it was linked to before."""
    await services.storage_link.adopt()
    days = services.limits.quarantine_seconds / 86_400
    return [
        f"{services.storage.name} belongs to this database now, and to no other.",
        f"Files that nothing in this database refers to are deleted after {days:g} days.",
    ]
