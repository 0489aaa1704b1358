"""The tables of Sotto as Peewee models with foreign keys, for the stock server."""

from peewee import (
    AutoField,
    BigIntegerField,
    BlobField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

database = SqliteDatabase(None)


class Table(Model):
    """The base of all tables."""

    class Meta:
        database = database
        legacy_table_names = False


class User(Table):
    id = BigIntegerField(primary_key=True)
    username = TextField()
    username_key = TextField()
    display_name = TextField()
    state = IntegerField()


class Session(Table):
    token_hash = BlobField(primary_key=True)
    user = ForeignKeyField(User)
    expires_at = BigIntegerField()


class Conversation(Table):
    id = BigIntegerField(primary_key=True)
    kind = IntegerField()
    last_seq = BigIntegerField()


class Direct(Table):
    user_lo = BigIntegerField()
    user_hi = BigIntegerField()
    conversation = ForeignKeyField(Conversation)

    class Meta:
        primary_key = CompositeKey("user_lo", "user_hi")


class Member(Table):
    user = ForeignKeyField(User)
    conversation = ForeignKeyField(Conversation)
    last_seq = BigIntegerField()
    read_seq = BigIntegerField()
    delivered_seq = BigIntegerField()
    floor_seq = BigIntegerField()
    seen_seq = BigIntegerField()
    unread = IntegerField()
    activity = BigIntegerField()
    is_archived = IntegerField()
    request_state = IntegerField()

    class Meta:
        primary_key = CompositeKey("user", "conversation")


class Message(Table):
    id = BigIntegerField(primary_key=True)
    sender = ForeignKeyField(User)
    created_at = BigIntegerField()
    kind = IntegerField(default=0)
    body = TextField()
    attachments = IntegerField(default=0)
    client_message_id = TextField(null=True)
    revision = IntegerField(default=1)


class Attachment(Table):
    message = ForeignKeyField(Message)
    position = IntegerField()
    filename = TextField()
    mime_type = TextField()
    byte_size = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message", "position")


class Reaction(Table):
    message = ForeignKeyField(Message)
    user = ForeignKeyField(User)
    emoji = TextField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message", "user", "emoji")


class Hidden(Table):
    user = ForeignKeyField(User)
    message = ForeignKeyField(Message)

    class Meta:
        primary_key = CompositeKey("user", "message")


class Block(Table):
    blocker = ForeignKeyField(User, backref="blocks")
    blocked = ForeignKeyField(User, backref="blocked_by")

    class Meta:
        primary_key = CompositeKey("blocker", "blocked")


class Event(Table):
    user = ForeignKeyField(User)
    n = BigIntegerField()
    kind = IntegerField(default=0)
    subject_id = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("user", "n")


class Job(Table):
    n = AutoField()
    kind = IntegerField(default=0)
    ref = BigIntegerField()


class Idempotency(Table):
    key = TextField()
    user = ForeignKeyField(User)
    request_hash = BlobField()
    result = TextField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("key", "user")
