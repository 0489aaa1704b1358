"""The HTTP application: its routes, and what happens to every request."""

import ipaddress
import re
import secrets
import time
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from aiohttp import web

from gql.error import BAD_REQUEST, HttpRefusal, mask_refusal, refusal_of
from gql.wire.expectation import postpone
from gql.wire.log import REMOTE
from gql.wire.option import ViewOptions
from gql.wire.schema import build_schema
from gql.wire.view import View
from pubsub.memory import MemoryPubSub
from server.explorer import Explorer
from server.file import FileHandler
from server.header import ResponseHeaders
from server.jwks import fetch_keys
from server.log import log_request
from server.page import EXPLORER, ChatPage, PageInfo
from server.proxy import remote_of
from server.readiness import Readiness
from server.refusal import refuse
from server.route import DirectRoute, Handler
from server.schema import SchemaPages
from server.setting.settings import Settings
from server.trusted import trusted_documents_of
from server.upload import TusHandler
from services.error import NotFound, SottoError
from services.guard import GuardedDatabase
from services.limit import Limits
from services.service import Services
from storage.url import storage_for

# RFC 3986 §3.2.2, without the characters that no host name has. RFC 9112 §3.2: any other Host must be refused; links to
# files are built from it. HTTP/1.0 requests may have none.
_HOST = re.compile(r"([a-z0-9._~%-]{0,255}|\[[0-9a-f:.]{2,45}\])(:[0-9]{0,5})?", re.ASCII | re.IGNORECASE)


def limits_of(settings: Settings) -> Limits:
    """The settings that the services read; the fields of Limits that have no setting keep their defaults."""
    names = [each.name for each in fields(Limits) if hasattr(settings, each.name)]
    return Limits(**{name: getattr(settings, name) for name in names})


async def open_services(settings: Settings, *, checks_storage: bool = True) -> Services:
    """Opens the configured database and storage, and raises their errors. See `Services.open`."""
    storage = storage_for(settings.storage_url, settings.files_path)
    issuers = [issuer.to_service() for issuer in settings.issuers]
    database, limits = GuardedDatabase(settings.database_path, MemoryPubSub()), limits_of(settings)
    return await Services.open(database, storage, limits, issuers, fetch_keys, checks_storage=checks_storage)


class Health:
    """`/healthz`: the process is running. `/readyz`: it can serve requests and is not shutting down."""

    def __init__(self, services: Services) -> None:
        self._readiness = Readiness(services)
        self.is_stopping = False

    async def live(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def ready(self, _request: web.Request) -> web.Response:
        """200, with a list of limitations; or 503, with a reason for each component that failed."""
        verdict = await self._readiness.verdict()
        reasons = ["the server is stopping", *verdict.reasons] if self.is_stopping else verdict.reasons
        status = "unavailable" if reasons else "limited" if verdict.limited else "ok"
        body = {"status": status, "reasons": reasons, "limited": verdict.limited}
        return web.json_response(body, status=503 if reasons else 200, headers={"Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class App:
    """The application, and the parts that the process uses while it runs."""

    web: web.Application
    direct: DirectRoute
    view: View
    health: Health
    page: PageInfo


def build_app(settings: Settings, services: Services) -> App:
    """Builds the application for these settings; does not listen yet. Raises StartError for a bad manifest."""
    schema = build_schema(
        introspection=settings.introspection, limits=settings.query_limits, has_plans=settings.compiled_plans
    )
    explorer = Explorer(EXPLORER)
    options = ViewOptions(
        max_json_bytes=settings.max_json_bytes,
        max_inline_request_bytes=settings.max_inline_request_bytes,
        max_attachments=settings.max_attachments,
        body_timeout_seconds=settings.body_timeout_seconds,
        allowed_origins=settings.allowed_origins,
        persisted_queries=settings.persisted_queries,
        trusted_documents=trusted_documents_of(settings.trusted_documents, schema),
        page=explorer.page if settings.has_explorer else None,
        public_url=settings.public_url,
        max_sockets_per_user=settings.max_sockets,
    )
    view = View(schema, services, options)
    health = Health(services)
    files = FileHandler(
        services.download, may_redirect=settings.presigned_downloads, is_for_other_origins=bool(view.origins)
    )
    requests = _requests_from(settings)
    app = web.Application(middlewares=[requests, _errors], client_max_size=settings.max_json_bytes)
    headers = ResponseHeaders(settings.public_url, view.origins)
    app.on_response_prepare.append(headers.add)
    graphql = app.router.add_route("*", "/graphql", view.__call__, expect_handler=postpone)  # aiohttp needs a function
    direct = DirectRoute(app, graphql, partial(requests, handler=partial(_errors, handler=view)), headers)
    app.router.add_get("/files/{token}", files.download)
    app.router.add_get("/files/{token}/{filename}", files.download)
    uploads = TusHandler(services, view, settings.body_timeout_seconds)
    app.router.add_route("OPTIONS", "/uploads", uploads.options)
    app.router.add_route("OPTIONS", "/uploads/{id}", uploads.options)
    app.router.add_route("HEAD", "/uploads/{id}", uploads.head)
    app.router.add_route("PATCH", "/uploads/{id}", uploads.patch, expect_handler=postpone)
    app.router.add_route("DELETE", "/uploads/{id}", uploads.delete)
    app.router.add_get("/healthz", health.live)
    app.router.add_get("/readyz", health.ready)
    if settings.has_explorer:
        explorer.add_to(app.router)
    page = PageInfo(explorer=settings.has_explorer and explorer.is_built)
    app.router.add_get("/page.json", page.get)
    if settings.has_chat_page:
        ChatPage().add_to(app.router)
    else:
        app.router.add_get("/", _explore if settings.has_explorer else _greet)
    if settings.introspection:
        SchemaPages(schema).add_to(app.router)
    return App(app, direct, view, health, page)


async def _explore(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/graphql"})


async def _greet(_request: web.Request) -> web.Response:
    return web.json_response({"name": "Sotto", "graphql": "/graphql"})


def _requests_from(settings: Settings) -> Any:
    """Logs each request once, refuses malformed Host headers and answers CORS preflights."""
    trusted = [ipaddress.ip_network(each) for each in settings.trusted_proxies]

    @web.middleware
    async def requests(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        request[REMOTE] = remote_of(request, trusted)
        response: web.StreamResponse | None = None
        try:
            if not _HOST.fullmatch(request.headers.get("Host", "")):
                message = "The `Host` header is malformed: send a host name or an IP address, with an optional port."
                response = refuse(HttpRefusal(400, BAD_REQUEST, message))
            elif request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                response = web.Response(status=204)
            else:
                response = await handler(request)
        finally:
            log_request(request, response, began)
        return response

    return requests


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns exceptions outside GraphQL into responses of the same shape."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        code = NotFound.code if error.status == 404 else BAD_REQUEST
        return refuse(HttpRefusal(error.status, code, error.reason, headers))
    except NotFound as error:
        return refuse(refusal_of(error, 404))
    except SottoError as error:
        return refuse(refusal_of(error))
    except ConnectionError:
        raise  # the client disconnected
    except Exception as error:  # noqa: BLE001 - masked for the client, logged in full
        return refuse(mask_refusal(error, secrets.token_hex(8)))
