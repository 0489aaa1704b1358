"""Every statement of models/, for tests that walk all of them."""

import importlib
import itertools
import pkgutil
from collections.abc import Iterator

import models
from models import former_index, inbox, search_list
from models.prepared import Prepared

FLAGS = (False, True)


def every_statement() -> Iterator[tuple[str, Prepared]]:
    """All that is compiled once, by name; of those that depend on flags every form."""
    for module in pkgutil.iter_modules(models.__path__):
        if module.name != "migrations":
            for name, value in vars(importlib.import_module(f"models.{module.name}")).items():
                if isinstance(value, Prepared):
                    yield f"{module.name}.{name}", value
    for folder, unread, kind, with_ in itertools.product(inbox.Folder, (None, False, True), FLAGS, FLAGS):
        form = {"folder": folder, "is_unread": unread, "with_kind": kind, "with_participant": with_}
        for words in (0, 2):
            name = f"{folder.name}-{unread}{kind:d}{with_:d}{words}"
            for newest in FLAGS:
                yield f"inbox.page-{newest:d}-{name}", inbox.page(newest_first=newest, words=words, **form)
            yield f"inbox.count-{name}", inbox.count(words=words, **form)
    yield from _searches()


def _searches() -> Iterator[tuple[str, Prepared]]:
    for here in FLAGS:
        yield f"search_list.conversations-{here:d}", search_list.conversations(with_conversation=here)
    for sender, since, until in itertools.product(FLAGS, repeat=3):
        for files in (None, False, True):
            form = {"with_sender": sender, "with_attachment": files, "with_since": since, "with_until": until}
            name = f"{sender:d}{files}{since:d}{until:d}"
            for here in FLAGS:
                yield f"search_list.newest-{here:d}{name}", search_list.newest(in_range=here, **form)
                yield f"former_index.search-{here:d}{name}", former_index.search(with_conversation=here, **form)
