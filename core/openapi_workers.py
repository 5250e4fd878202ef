"""What remote workers talk to, for the OpenAPI document; docs/remote-workers.md explains it.

The application is plain ASGI, so nothing can be derived from its code.
"""

from typing import Any

Schema = dict[str, Any]

_SIGNED = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "schema": {"type": "string"},
        "description": text,
    }
    for name, text in (
        ("X-Worker-Server", "The id of the server."),
        ("X-Worker-Timestamp", "Seconds since 1970."),
        ("X-Worker-Nonce", "32 hexadecimal digits, used once."),
        ("X-Worker-Signature", "HMAC-SHA256 over method, path, time, nonce and body, in hex."),
    )
]
_JSON: Schema = {"application/json": {"schema": {"type": "object"}}}
_LINK = [
    {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
    for name, kind in (("job_id", "string"), ("token", "integer"), ("signature", "string"))
]


def _signed(summary: str, name: str, *parameters: Schema, **answers: str) -> Schema:
    return {
        "post": {
            "operationId": f"worker_{name}",
            "tags": ["worker"],
            "summary": summary,
            "security": [{}],
            "parameters": [*parameters, *_SIGNED],
            "requestBody": {"required": True, "content": _JSON},
            "responses": {
                "200": {"description": "Taken.", "content": _JSON},
                **{
                    status.removeprefix("http_"): {"description": text}
                    for status, text in answers.items()
                },
            },
        }
    }


def _by_link(summary: str, name: str, content: Schema) -> Schema:
    return {
        "get": {
            "operationId": f"worker_{name}",
            "tags": ["worker"],
            "summary": summary,
            "security": [{}],
            "parameters": _LINK,
            "responses": {"200": {"description": "It.", "content": content}},
        }
    }


_BYTES: Schema = {"application/octet-stream": {"schema": {"format": "binary"}}}
_PUT: Schema = {
    "tags": ["worker"],
    "security": [{}],
    "requestBody": {"required": True, "content": _BYTES},
    "responses": {"204": {"description": "Stored."}},
}
_DIGEST: Schema = {
    "name": "Content-Digest",
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "`sha-256=:{base64}:` (RFC 9530).",
}
_VIDEO: Schema = {
    "name": "video_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}
_SEGMENT = [
    {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
    for name, kind in (("rung", "string"), ("number", "integer"))
]
_OBJECTS = "/worker/objects/{job_id}/{token}/{signature}"

PATHS: dict[str, Schema] = {
    "/worker/claim": _signed(
        "Ask for a job; held until there is one", "claim", http_204="There was none in time."
    ),
    "/worker/heartbeat": _signed("Keep jobs, and hear what is new of them", "heartbeat"),
    "/worker/callback": _signed("Report about a job", "callback"),
    "/worker/callback/{video_id}": _signed("The same, naming the video", "callback_video", _VIDEO),
    "/worker/source/{job_id}/{token}/{signature}": _by_link(
        "The source of a job, with Range", "source", _BYTES
    ),
    "/worker/plan/{job_id}/{token}/{signature}": _by_link("The plan of a job", "plan", _JSON),
    f"{_OBJECTS}/{{rung}}/{{number}}.m4s": {
        "put": {
            **_PUT,
            "operationId": "worker_put_segment",
            "summary": "Store a segment of a job",
            "parameters": [*_LINK, *_SEGMENT, _DIGEST],
        }
    },
    f"{_OBJECTS}/poster.jpg": {
        "put": {
            **_PUT,
            "operationId": "worker_put_poster",
            "summary": "Store the poster",
            "parameters": [*_LINK, _DIGEST],
        }
    },
}
