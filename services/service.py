"""All services of a running server, made together and closed together."""

from collections.abc import Sequence
from contextlib import suppress

from models import secret
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
from services.file.completion import Completion
from services.file.direct_upload import DirectUploadFetcher
from services.file.download import DownloadService
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


class Services:
    """The services that `gql` and `server` use."""

    def __init__(
        self, database: GuardedDatabase, storage: Storage, limits: Limits, signer: Signer, issuers: Issuers
    ) -> None:
        """The database and the storage must be open."""
        self.database, self.storage, self.limits = database, storage, limits
        self.pubsub = database.pubsub
        self.cost = CostService(limits)

        self.user = user = UserService(database, signer, limits)
        self.relation = RelationService(database, user, signer, limits)
        self.block = BlockService(database, user, signer)
        self.setting = SettingService(database, user.policy)

        key_holders, host_users = KeyHolders(database, user, limits), HostUsers(database, issuers, limits)
        self.authenticator = Authenticator(database, self.pubsub, host_users, key_holders, limits)
        self.account = AccountService(database, self.authenticator, limits)
        self.device = DeviceService(database, self.authenticator)
        self.api_key = ApiKeyService(database, self.authenticator, limits)

        pictures = PictureDecoder()
        inspector = FileInspector(storage, pictures, limits)
        self.attachment = AttachmentService(database, storage, inspector, limits)
        self.download = DownloadService(database, storage, signer, limits)
        self.upload = self._build_upload(inspector)

        self.message = message = MessageService(database, user, signer)
        self.conversation = conversation = ConversationService(database, user, message, signer)
        self.send = SendService(database, user, message, self.attachment, limits)
        self.edit = EditService(database, user, message, signer, limits)
        self.deletion = DeletionService(database, storage, message, limits)
        self.reaction = ReactionService(database, user, message, signer, limits)
        self.receipt = ReceiptService(database, conversation, limits)
        self.request = RequestService(database, user, conversation)
        self.preference = PreferenceService(database, conversation)
        self.report = ReportService(database, message, limits)

        self.presence = PresenceService(database, self.pubsub, user, conversation, self.setting, limits)
        self.stream = self._build_stream(signer)
        self.storage_link = StorageLink(database, storage)
        self.sweeper = self._build_sweeper(pictures)

    def _build_upload(self, inspector: FileInspector) -> UploadService:
        direct_uploads = DirectUploadFetcher(self.database, self.storage, self.limits)
        completion = Completion(self.database, self.storage, self.attachment, inspector, direct_uploads)
        return UploadService(self.database, self.storage, direct_uploads, completion, self.limits)

    def _build_stream(self, signer: Signer) -> StreamService:
        return StreamService(
            database=self.database,
            pubsub=self.pubsub,
            authenticator=self.authenticator,
            users=self.user,
            conversations=self.conversation,
            presence=self.presence,
            resolver=EventResolver(self.user, self.message, self.conversation, self.setting),
            signer=signer,
            limits=self.limits,
        )

    def _build_sweeper(self, pictures: PictureDecoder) -> Sweeper:
        return Sweeper(
            database=self.database,
            storage=StorageSweeper(self.database, self.storage, self.storage_link, self.upload.parts, self.limits),
            uploads=self.upload,
            thumbnailer=Thumbnailer(self.database, self.storage, pictures),
            limits=self.limits,
            others=(self.deletion.sweep, self.receipt.merge, self.database.renew_mark),
        )

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
            signer = Signer(await database.write(secret.get_or_put, "signing"))
        except BaseException:
            await database.close()
            raise
        return cls(database, storage, limits, signer, Issuers(issuers, fetch))

    async def close(self, seconds: float | None = None) -> None:
        """Stops the sweeper, finishes pending writes and closes the database, if possible within `seconds`."""
        await self.sweeper.stop()
        self.account.close()
        await self.database.close(seconds)
