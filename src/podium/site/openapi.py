"""What the OpenAPI document says beside the views: how every operation refuses, the limits, and the event streams."""

from __future__ import annotations

from typing import Any

_ERROR: dict[str, Any] = {
    "description": "A refusal in Codabench's shape: `detail`, `error` or a list of sentences by field, and beside it a "
    "`code` for programs and sometimes a `hint`. Some answers are a bare list; the header X-Error-Code has the code "
    "then.",
    "anyOf": [
        {
            "type": "object",
            "properties": {"detail": {}, "code": {"type": "string"}, "hint": {"type": "string"}},
            "additionalProperties": True,
        },
        {"type": "array", "items": {}},
        {"type": "string"},
    ],
}
_WORDS = {
    "400": "The request cannot be carried out as it is.",
    "403": "Not logged in, or not allowed.",
    "404": "Not there, or not for the caller.",
    "429": "Too many requests; Retry-After says how many seconds to wait.",
}
_HEADERS: dict[str, Any] = {
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."},
    "X-RateLimit-Limit": {"schema": {"type": "integer"}, "description": "Requests in a minute."},
    "X-RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "Requests left in this minute."},
    "X-RateLimit-Reset": {"schema": {"type": "integer"}, "description": "Seconds until the next minute begins."},
}
_METHODS = {"get", "post", "put", "patch", "delete"}


def describe_refusals(result: Any, **_: Any) -> Any:
    """Add the refusals that every operation may answer with; a hook of drf-spectacular."""
    result.setdefault("components", {}).setdefault("schemas", {})["Refusal"] = _ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    for path in result.get("paths", {}).values():
        for method, operation in path.items():
            if method not in _METHODS:
                continue
            for status, words in _WORDS.items():
                answer: dict[str, Any] = {"description": words, "content": content}
                if status == "429":
                    answer["headers"] = _HEADERS
                operation.setdefault("responses", {}).setdefault(status, answer)
    return result


_STREAMS: dict[str, tuple[str, str, str]] = {
    "/api/submissions/{id}/events/": (
        "submissions_events_retrieve",
        "submissions",
        "Status and output of a submission as server-sent events, from the start or from Last-Event-ID, until it has "
        "ended: `status`, `log`, `child`, `detailed_results`, `end`.",
    ),
    "/api/competitions/{id}/events/": (
        "competitions_events_retrieve",
        "competitions",
        "What happens in a competition as server-sent events, from now or from Last-Event-ID, as long as the caller "
        "may see it: `competition`, `phase`, `submission`, `leaderboard`, `end`. It begins with how things stand.",
    ),
}


def describe_streams(result: Any, **_: Any) -> Any:
    """Add the event streams, which are no views of the REST framework; a hook of drf-spectacular."""
    for path, (name, tag, words) in _STREAMS.items():
        parameters: list[dict[str, Any]] = [
            {"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}},
            {
                "in": "header",
                "name": "Last-Event-ID",
                "schema": {"type": "string"},
                "description": "The id of the last event that was read.",
            },
        ]
        if tag == "competitions":
            secret = {"in": "query", "name": "secret_key", "schema": {"type": "string"}}
            parameters.append({**secret, "description": "The key of a competition that is not published."})
        stream = {"text/event-stream": {"schema": {"type": "string"}}}
        result.setdefault("paths", {})[path] = {
            "get": {
                "operationId": name,
                "description": words,
                "parameters": parameters,
                "tags": [tag],
                "security": [{"cookieAuth": []}, {"tokenAuth": []}, {}],
                "responses": {"200": {"description": "Events, until either side ends.", "content": stream}},
            }
        }
    return result
