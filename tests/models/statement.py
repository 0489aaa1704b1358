"""Every statement of models/, for tests that walk all of them."""

import importlib
import itertools
import pkgutil
from collections.abc import Iterator

import models
from models import conversation, message
from models.prepared import Prepared

FLAGS = (False, True)


def every_statement() -> Iterator[tuple[str, Prepared]]:
    """All that is compiled once, by name; of those that depend on flags every form."""
    for module in pkgutil.iter_modules(models.__path__):
        if module.name != "migrations":
            for name, value in vars(importlib.import_module(f"models.{module.name}")).items():
                if isinstance(value, Prepared):
                    yield f"{module.name}.{name}", value
    for newest, unread, asked, kind, with_ in itertools.product(FLAGS, repeat=5):
        query = conversation.inbox(
            newest_first=newest, unread_only=unread, requests=asked, with_kind=kind, with_participant=with_
        )
        yield f"conversation.inbox-{newest:d}{unread:d}{asked:d}{kind:d}{with_:d}", query
    for unread, asked, kind, with_ in itertools.product(FLAGS, repeat=4):
        counted = conversation.inbox_count(unread_only=unread, requests=asked, with_kind=kind, with_participant=with_)
        yield f"conversation.inbox_count-{unread:d}{asked:d}{kind:d}{with_:d}", counted
    for here, sender, since, until in itertools.product(FLAGS, repeat=4):
        for files in (None, False, True):
            found = message.search(
                with_conversation=here, with_sender=sender, with_attachment=files, with_since=since, with_until=until
            )
            yield f"message.search-{here:d}{sender:d}{files}{since:d}{until:d}", found
