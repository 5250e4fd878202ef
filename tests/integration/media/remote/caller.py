"""A remote worker that tests drive by hand: it signs as a worker does, and may lie."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from media.models import Server
from media.remote.signing import Key, sign
from media.services import servers
from media.worker_app import WorkerApp
from tests.asgi import Answer, ask
from tests.factories.jobs import make_owner
from users.models import Role, User


def make_admin() -> User:
    admin = make_owner("root")
    User.objects.filter(pk=admin.pk).update(role=Role.ADMIN)
    admin.refresh_from_db()
    return admin


def make_server(name: str = "one", **fields: Any) -> tuple[Server, Key]:
    return servers.add_server(actor=make_admin(), name=name, **fields)


@dataclass
class Caller:
    """Talks to the application as the worker of `key`."""

    app: WorkerApp
    key: Key
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def call(
        self, verb: str, shape: object = None, *, key: Key | None = None, late: float = 0
    ) -> Answer:
        body = json.dumps({} if shape is None else shape).encode()
        path = f"/worker/{verb}"
        headers = sign(key or self.key, method="POST", path=path, body=body, now=time.time() - late)
        self.sent.append((path, headers, body))
        return await ask(self.app, path, method="POST", headers=headers, body=body)

    async def again(self, number: int = -1) -> Answer:
        """The very bytes of an earlier request."""
        path, headers, body = self.sent[number]
        return await ask(self.app, path, method="POST", headers=headers, body=body)

    async def claim(self, **asked: Any) -> dict[str, Any]:
        answer = await self.call("claim", asked)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.body)
        return found

    async def report(self, job: dict[str, Any], sequence: int, event: str, **told: Any) -> Answer:
        return await self.call("callback", told_of(job, sequence, event, **told))

    async def put(self, path: str, data: bytes, **headers: str) -> Answer:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        given = {
            "content-length": str(len(data)),
            "content-digest": f"sha-256=:{digest}:",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await ask(self.app, path, method="PUT", headers=given, body=data)

    async def get(self, path: str, **headers: str) -> Answer:
        return await ask(self.app, path, headers=headers)


def told_of(job: dict[str, Any], sequence: int, event: str, **told: Any) -> dict[str, Any]:
    about = {"job": job["job"], "token": job["token"], "sequence": sequence, "event": event}
    return {**about, **told}


def code_of(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["code"]
