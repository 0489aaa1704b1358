"""All services of a running server, made together and closed together."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from models import secret
from pubsub.base import PubSub
from services.account.account import AccountService
from services.account.api_key import ApiKeyService
from services.account.authentication import Authenticator
from services.account.device import DeviceService
from services.account.host_user import HostUsers
from services.account.issuer import Issuers, IssuerSettings
from services.account.key_holder import KeyHolders
from services.account.key_ring import Fetch
from services.cost import CostService
from services.cursor import Signer
from services.file.attachment import AttachmentService
from services.file.inspection import FileInspector
from services.file.picture import PictureDecoder
from services.file.storage_link import StorageLink
from services.file.storage_sweep import StorageSweeper
from services.file.upload import UploadService
from services.guard import GuardedDatabase
from services.limit import Limits
from services.live.presence import PresenceService
from services.live.resolved_event import EventResolver
from services.live.stream import StreamService
from services.message.conversation import ConversationService
from services.message.deletion import DeletionService
from services.message.edit import EditService
from services.message.message import MessageService
from services.message.preference import PreferenceService
from services.message.reaction import ReactionService
from services.message.receipt import ReceiptService
from services.message.report import ReportService
from services.message.request import RequestService
from services.message.send import SendService
from services.message.thumbnail import Thumbnailer
from services.person.block import BlockService
from services.person.relation import RelationService
from services.person.setting import SettingService
from services.person.user import UserService
from services.sweep import Sweeper
from storage.base import Storage, StorageFull


@dataclass(frozen=True, slots=True)
class Services:
    """The services that `gql` and `server` use."""

    database: GuardedDatabase
    storage: Storage
    pubsub: PubSub
    limits: Limits
    authenticator: Authenticator
    account: AccountService
    device: DeviceService
    api_key: ApiKeyService
    user: UserService
    conversation: ConversationService
    message: MessageService
    send: SendService
    edit: EditService
    deletion: DeletionService
    reaction: ReactionService
    receipt: ReceiptService
    request: RequestService
    preference: PreferenceService
    relation: RelationService
    setting: SettingService
    presence: PresenceService
    report: ReportService
    block: BlockService
    attachment: AttachmentService
    upload: UploadService
    stream: StreamService
    sweeper: Sweeper
    cost: CostService
    storage_link: StorageLink

    @classmethod
    async def open(
        cls,
        database: GuardedDatabase,
        storage: Storage,
        limits: Limits,
        issuers: Sequence[IssuerSettings] = (),
        fetch: Fetch | None = None,
        *,
        checks_storage: bool = True,
    ) -> "Services":
        """Opens the database and the storage; raises their errors and then leaves nothing open.

        A full storage is opened too: sending text, reading and deleting still work. `checks_storage` refuses a storage
        that belongs to another database (StorageMismatch). `fetch` gets the content of a URL, for issuers that publish
        their keys.
        """
        await database.open()
        try:
            with suppress(StorageFull):
                await storage.open()
            if checks_storage:
                await StorageLink(database, storage).check()
            signer = Signer(await database.write(secret.get_or_put, "seal"))
        except BaseException:
            await database.close()
            raise
        return cls.build(database, storage, limits, signer, Issuers(issuers, fetch))

    @classmethod
    def build(
        cls,
        database: GuardedDatabase,
        storage: Storage,
        limits: Limits,
        signer: Signer,
        issuers: Issuers,
    ) -> "Services":
        """Creates the services; the database and the storage must be open."""
        pubsub = database.pubsub
        user = UserService(database, signer, limits)
        host_users = HostUsers(database, issuers, limits)
        authenticator = Authenticator(database, pubsub, host_users, KeyHolders(database, user, limits), limits)
        message = MessageService(database, user, signer)
        conversation = ConversationService(database, user, message, signer)
        pictures = PictureDecoder()
        inspector = FileInspector(storage, pictures, limits)
        attachment = AttachmentService(database, storage, signer, inspector, limits)
        upload = UploadService(database, storage, attachment, inspector, limits)
        thumbnailer = Thumbnailer(database, storage, pictures)
        setting = SettingService(database, user.policy)
        presence = PresenceService(database, pubsub, user, conversation, setting, limits)
        link = StorageLink(database, storage)
        storage_sweeper = StorageSweeper(database, storage, link, upload.parts, limits)
        resolver = EventResolver(user, message, conversation, setting)
        deletion = DeletionService(database, storage, message, limits)
        receipt = ReceiptService(database, conversation)
        services = cls(
            database,
            storage,
            pubsub,
            limits,
            authenticator,
            AccountService(database, authenticator, limits),
            DeviceService(database, authenticator),
            ApiKeyService(database, authenticator, limits),
            user,
            conversation,
            message,
            SendService(database, user, message, attachment, limits),
            EditService(database, user, message, signer, limits),
            deletion,
            ReactionService(database, user, message, limits),
            receipt,
            RequestService(database, conversation),
            PreferenceService(database, conversation),
            RelationService(database, user, signer),
            setting,
            presence,
            ReportService(database, limits),
            BlockService(database, user, signer),
            attachment,
            upload,
            StreamService(database, pubsub, authenticator, user, conversation, presence, resolver, signer, limits),
            Sweeper(database, storage_sweeper, upload, thumbnailer, limits),
            CostService(limits),
            link,
        )
        services.sweeper.also(deletion.sweep, receipt.merge, database.renew_mark)
        return services

    async def close(self, seconds: float | None = None) -> None:
        """Stops the sweeper, finishes pending writes and closes the database, if possible within `seconds`."""
        await self.sweeper.stop()
        self.account.close()
        await self.database.close(seconds)
