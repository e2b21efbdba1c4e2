"""Answers of a sandbox: each one says `livemode: false`, as a header and as a member of its JSON object."""

from litestar.types import ASGIApp, Scope

from api.http.dispatch import Dispatch
from api.http.replies import Header, Reply
from api.http.request import ApiRequest

LIVEMODE: Header = (b"livemode", b"false")

_MEMBER = b'"livemode":false'
_JSON = (b"application/json", b"application/problem+json")
_AS_IT_IS = "/openapi.json"
"""End of the path of a document in a format of its own, which gets the header only."""


class SandboxDispatch(Dispatch):
    """Dispatch that marks answers after their entity tag is made."""

    async def _call(self, scope: Scope, request: ApiRequest) -> ASGIApp:
        reply = await super()._call(scope, request)
        return _marked(request, reply) if isinstance(reply, Reply) else reply

    def _error_reply(self, request: ApiRequest, error: Exception) -> Reply:
        return _marked(request, super()._error_reply(request, error))


def mark(reply: Reply) -> Reply:
    """Add `livemode` to the JSON object in the body, if there is one."""
    kinds = dict(reply.headers).get(b"content-type", b"").partition(b";")[0]
    if kinds in _JSON and reply.body.startswith(b"{"):
        comma = b"" if reply.body == b"{}" else b","
        reply.body = b"{" + _MEMBER + comma + reply.body[1:]
    return reply


def _marked(request: ApiRequest, reply: Reply) -> Reply:
    return reply if str(request.scope["path"]).endswith(_AS_IT_IS) else mark(reply)
