"""What answers beside DRF, for the OpenAPI document: uploads, playback, health.

The applications that carry bytes are plain ASGI, so nothing can be derived from their code;
tests hold this page against what they answer.
"""

from typing import Any

Schema = dict[str, Any]

_SIGNED_IN: list[dict[str, list[str]]] = [{"bearer": []}, {"cookieAuth": []}]
_VERSION: Schema = {
    "name": "Tus-Resumable",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "const": "1.0.0"},
}


def _path(name: str, schema: Schema, description: str = "") -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": schema,
        "description": description,
    }


def _request_header(name: str, kind: str, description: str, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "schema": {"type": kind},
        "description": description,
    }


def _headers(**described: str) -> Schema:
    return {
        name.replace("_", "-"): {"schema": {"type": "string"}, "description": text}
        for name, text in described.items()
    }


_BYTES: Schema = {"application/offset+octet-stream": {"schema": {"format": "binary"}}}
_OFFSET = "How many bytes are stored."
_EXPIRES = "When the upload is swept if nobody comes back (RFC 9110 date)."

_UPLOAD_ID = _path("upload_id", {"type": "string", "format": "uuid"})
_UPLOAD_SHAPE: Schema = {
    "type": "object",
    "required": ["upload_id", "offset", "length", "status", "video_id"],
    "properties": {
        "upload_id": {"type": "string", "format": "uuid"},
        "offset": {"type": "integer"},
        "length": {"type": ["integer", "null"]},
        "status": {"type": "string"},
        "video_id": {"type": ["string", "null"], "format": "uuid"},
    },
}

_LINK = [
    _path("video_id", {"type": "string", "format": "uuid"}),
    _path("signature", {"type": "string"}, "`{expiry}.{epoch}.{mac}`, from `playlist_url`."),
]
_PLAN = _path("plan", {"type": "integer"})
_RUNG = _path("rung", {"type": "string"}, "`720p`, or `audio`.")
_MANIFEST = {"application/dash+xml": {"schema": {"type": "string"}}}
_BYTES_TO_SAVE = {"application/octet-stream": {"schema": {"format": "binary"}}}
_PLAYLIST: Schema = {"application/vnd.apple.mpegurl": {"schema": {"type": "string"}}}


def _delivered(summary: str, name: str, content: Schema, *parameters: Schema) -> Schema:
    return {
        "get": {
            "operationId": name,
            "tags": ["hls"],
            "summary": summary,
            "description": "Opened by the signed folder alone; no header is needed.",
            "security": [{}],
            "parameters": [*_LINK, *parameters],
            "responses": {"200": {"description": "The bytes.", "content": content}},
        }
    }


def _page(summary: str, name: str, content: str, *parameters: Schema) -> Schema:
    return {
        "get": {
            "operationId": name,
            "tags": ["docs"],
            "summary": summary,
            "security": [{}],
            "parameters": [*parameters],
            "responses": {"200": {"description": "It.", "content": {content: {"schema": {}}}}},
        }
    }


def _health(summary: str, name: str, content: str) -> Schema:
    return {
        "get": {
            "operationId": name,
            "tags": ["health"],
            "summary": summary,
            "security": [{}],
            "responses": {
                "200": {"description": "Well.", "content": {content: {"schema": {}}}},
                "503": {"description": "Not well.", "content": {content: {"schema": {}}}},
            },
        }
    }


PATHS: dict[str, Schema] = {
    "/api/uploads/": {
        "options": {
            "operationId": "uploads_options",
            "tags": ["uploads"],
            "summary": "What of tus 1.0 is spoken here",
            "security": [{}],
            "responses": {
                "204": {
                    "description": "Versions, extensions and limits.",
                    "headers": _headers(
                        Tus_Version="`1.0.0`",
                        Tus_Extension="The extensions.",
                        Tus_Max_Size="The largest upload, in bytes.",
                        Tus_Checksum_Algorithm="The checksums.",
                    ),
                }
            },
        },
        "post": {
            "operationId": "uploads_create",
            "tags": ["uploads"],
            "summary": "Begin an upload; its first bytes may come along",
            "security": _SIGNED_IN,
            "parameters": [
                _VERSION,
                _request_header("Upload-Length", "integer", "How long the file is."),
                _request_header("Upload-Defer-Length", "integer", "`1`: told later."),
                _request_header(
                    "Upload-Metadata", "string", "filename, filetype, title, visibility (base64)."
                ),
                _request_header("Upload-Checksum", "string", "Of the bytes that come along."),
            ],
            "requestBody": {"content": _BYTES},
            "responses": {
                "201": {
                    "description": "Begun.",
                    "headers": _headers(
                        Location="Where the bytes go.",
                        Upload_Offset=_OFFSET,
                        Upload_Expires=_EXPIRES,
                    ),
                }
            },
        },
    },
    "/api/uploads/{upload_id}": {
        "parameters": [_UPLOAD_ID],
        "head": {
            "operationId": "uploads_offset",
            "tags": ["uploads"],
            "summary": "How far the upload has come",
            "security": _SIGNED_IN,
            "parameters": [_VERSION],
            "responses": {
                "200": {
                    "description": "In the headers.",
                    "headers": _headers(
                        Upload_Offset=_OFFSET,
                        Upload_Length="How long the file will be.",
                        Upload_Expires=_EXPIRES,
                    ),
                }
            },
        },
        "get": {
            "operationId": "uploads_read",
            "tags": ["uploads"],
            "summary": "The same as JSON",
            "security": _SIGNED_IN,
            "responses": {
                "200": {
                    "description": "The upload.",
                    "content": {"application/json": {"schema": _UPLOAD_SHAPE}},
                }
            },
        },
        "patch": {
            "operationId": "uploads_append",
            "tags": ["uploads"],
            "summary": "Send bytes from the offset on",
            "security": _SIGNED_IN,
            "parameters": [
                _VERSION,
                _request_header("Upload-Offset", "integer", "Where they belong.", required=True),
                _request_header("Upload-Length", "integer", "Where it was deferred."),
                _request_header("Upload-Checksum", "string", "`{algorithm} {base64}`."),
            ],
            "requestBody": {"required": True, "content": _BYTES},
            "responses": {
                "204": {
                    "description": "Stored.",
                    "headers": _headers(Upload_Offset=_OFFSET, Upload_Expires=_EXPIRES),
                }
            },
        },
        "delete": {
            "operationId": "uploads_terminate",
            "tags": ["uploads"],
            "summary": "Give the upload up",
            "security": _SIGNED_IN,
            "parameters": [_VERSION],
            "responses": {"204": {"description": "Gone."}},
        },
    },
    "/api/uploads/{upload_id}/tail": {
        "parameters": [_UPLOAD_ID],
        "put": {
            "operationId": "uploads_tail",
            "tags": ["uploads"],
            "summary": "Send the end of the file ahead, so that encoding can begin",
            "security": _SIGNED_IN,
            "parameters": [
                _VERSION,
                _request_header("Upload-Offset", "integer", "Where it begins.", required=True),
            ],
            "requestBody": {"required": True, "content": _BYTES},
            "responses": {"204": {"description": "Taken, or of no use any more."}},
        },
    },
    "/hls/{video_id}/{signature}/master.m3u8": _delivered(
        "The multivariant playlist", "hls_master", _PLAYLIST
    ),
    "/hls/{video_id}/{signature}/manifest.mpd": _delivered(
        "The same as a DASH manifest", "dash_manifest", _MANIFEST
    ),
    "/hls/{video_id}/{signature}/poster.jpg": _delivered(
        "The poster", "hls_poster", {"image/jpeg": {"schema": {"format": "binary"}}}
    ),
    "/hls/{video_id}/{signature}/waveform.json": _delivered(
        "What sound looks like",
        "hls_waveform",
        {"application/json": {"schema": {"type": "object"}}},
    ),
    "/hls/{video_id}/{signature}/storyboard.vtt": _delivered(
        "Where each small still is", "hls_storyboard", {"text/vtt": {"schema": {"type": "string"}}}
    ),
    "/hls/{video_id}/{signature}/storyboard-{number}.jpg": _delivered(
        "A sheet of small stills",
        "hls_storyboard_sheet",
        {"image/jpeg": {"schema": {"format": "binary"}}},
        _path("number", {"type": "integer"}),
    ),
    "/hls/{video_id}/{signature}/{plan}/{rung}/index.m3u8": _delivered(
        "All planned segments of a rendition", "hls_variant", _PLAYLIST, _PLAN, _RUNG
    ),
    "/hls/{video_id}/{signature}/{plan}/{rung}/iframes.m3u8": _delivered(
        "The first pictures of all segments of a complete rendition",
        "hls_iframes",
        _PLAYLIST,
        _PLAN,
        _RUNG,
    ),
    "/hls/{video_id}/{signature}/{plan}/{rung}/init.mp4": _delivered(
        "The init segment of a rendition",
        "hls_init",
        {"video/mp4": {"schema": {"format": "binary"}}},
        _PLAN,
        _RUNG,
    ),
    "/hls/{video_id}/{signature}/{plan}/{rung}/{number}.m4s": _delivered(
        "A segment; a missing one is made first",
        "hls_segment",
        {"video/mp4": {"schema": {"format": "binary"}}},
        _PLAN,
        _RUNG,
        _path("number", {"type": "integer"}),
    ),
    "/hls/{video_id}/{signature}/{plan}/downloads/{rung}.mp4": _delivered(
        "A rendition with the sound, to be saved",
        "hls_download",
        {"video/mp4": {"schema": {"format": "binary"}}},
        _PLAN,
        _RUNG,
    ),
    "/hls/{video_id}/{signature}/source": _delivered(
        "The file as it was uploaded, to be saved", "hls_source", _BYTES_TO_SAVE
    ),
    "/api/schema/": _page("This document", "schema", "application/json"),
    "/api/asyncapi.yaml": _page("The messages of the live socket", "asyncapi", "application/yaml"),
    "/api/docs/": _page("This document, to be browsed", "docs", "text/html"),
    "/problems/{code}/": _page(
        "What an error means, for people", "problem", "text/html", _path("code", {"type": "string"})
    ),
    "/livez": _health("The process answers", "livez", "text/plain"),
    "/readyz": _health("Traffic may be sent here", "readyz", "text/plain"),
    "/health": _health("Each dependency by name", "health", "application/json"),
}
