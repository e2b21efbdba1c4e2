"""What the API says about itself: the meaning of each problem, OpenAPI, and pages to read it in."""

import msgspec
from litestar import Controller, get
from litestar.types import ASGIApp

from api.problems import status_of
from api.rejections import NotFound, every_rejection
from api.replies import Reply
from api.request import ApiRequest
from api.routes import PUBLIC, route


class ProblemType(msgspec.Struct, frozen=True):
    type: str
    code: str
    title: str
    status: int


class DocumentController(Controller):
    path = "/"
    tags = ("Documents",)

    @get("/problems/{code:str}", opt=route(PUBLIC, "What a problem means", gives=ProblemType))
    async def problem(self, request: ApiRequest) -> ASGIApp:
        kind = _PROBLEMS.get(request.path_params["code"])
        if kind is None:
            raise NotFound
        return Reply(200, msgspec.json.encode(kind))


_PROBLEMS = {
    kind.code: ProblemType(f"/problems/{kind.code}", kind.code, kind.title, status_of(kind))
    for kind in every_rejection()
}
