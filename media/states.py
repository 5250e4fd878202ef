"""The lives of an upload, a media file, a plan, a job and a server.

An upload:

    receiving ──▶ finished
        ├──▶ terminated     by its owner
        └──▶ expired        nobody came back in time

A media file:

    uploading ──▶ in_queue ──▶ processing ──▶ completed
        │            │  ▲           │             │
        │            │  └── again ──┼─────────────┘
        ▼            ▼              ▼
      failed, cancelled ◀───────────┘      both may be queued again

A plan:

    coming ──▶ active ──▶ retired      another one is active
      ├──▶ failed
      └──▶ cancelled

    beside ──▶ retired                   a second ladder of the active plan
      └──▶ spoiled

A job:

    queued ──▶ running ──▶ done
       ▲          │
       ├─ again ──┼──▶ failed
       │          └──▶ cancelled ◀── queued
       └─ retried by a person: failed, cancelled

A server (a remote worker), which an admin moves as they like:

    active ◀──▶ draining      finishes what it has, gets nothing more
       ▲            ▲
       └──▶ disabled ◀──┘     its jobs are taken away, its requests refused
"""

from core.states import StateMachine

UPLOAD = StateMachine(
    {
        "receiving": frozenset({"finished", "terminated", "expired"}),
        "finished": frozenset(),
        "terminated": frozenset(),
        "expired": frozenset(),
    }
)

MEDIA = StateMachine(
    {
        "uploading": frozenset({"in_queue", "failed", "cancelled"}),
        "in_queue": frozenset({"processing", "failed", "cancelled"}),
        "processing": frozenset({"completed", "failed", "cancelled", "in_queue"}),
        "completed": frozenset({"in_queue"}),
        "failed": frozenset({"in_queue"}),
        "cancelled": frozenset({"in_queue"}),
    }
)

PLAN = StateMachine(
    {
        "coming": frozenset({"active", "failed", "cancelled"}),
        "active": frozenset({"retired"}),
        "retired": frozenset(),
        "failed": frozenset(),
        "cancelled": frozenset(),
        "beside": frozenset({"retired", "spoiled"}),
        "spoiled": frozenset(),
    }
)

JOB = StateMachine(
    {
        "queued": frozenset({"running", "cancelled"}),
        "running": frozenset({"done", "queued", "failed", "cancelled"}),
        "done": frozenset(),
        "failed": frozenset({"queued"}),
        "cancelled": frozenset({"queued"}),
    }
)

SERVER = StateMachine(
    {
        "active": frozenset({"draining", "disabled"}),
        "draining": frozenset({"active", "disabled"}),
        "disabled": frozenset({"active", "draining"}),
    }
)
