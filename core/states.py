"""State machines whose moves are guarded UPDATEs: of two racers exactly one wins."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Model

from core.errors import Conflict


class IllegalTransition(Conflict):
    """The row is no longer in a state (or with a token) from which this move is possible."""

    code = "illegal-transition"
    title = "This cannot be done in the present state."


@dataclass(frozen=True)
class StateMachine:
    """A graph of states: for each, the states that may follow it."""

    edges: Mapping[str, frozenset[str]]

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The states as Django field choices."""
        return [(state, state.replace("_", " ")) for state in self.edges]

    def sources_of(self, to: str) -> list[str]:
        """The states from which `to` can be reached in one move."""
        return [state for state, targets in self.edges.items() if to in targets]

    def move(
        self, obj: Model, to: str, *, unchanged: Collection[str] = (), **values: object
    ) -> None:
        """Set `obj.state` to `to`, and `values` with it, or raise IllegalTransition.

        The check and the write are one conditional UPDATE, so of two workers
        that race for the same row exactly one wins. Name in `unchanged` any
        field that must also still be what `obj` remembers: a fencing token.
        """
        here: str = obj.state  # type: ignore[attr-defined]  # every model with a machine has it
        if to in self.edges[here]:
            expected = {"state": here} | {name: getattr(obj, name) for name in unchanged}
            changes = {"state": to} | values
            if type(obj)._default_manager.filter(pk=obj.pk, **expected).update(**changes):
                for name, value in changes.items():
                    setattr(obj, name, value)
                return
        raise IllegalTransition(f"Cannot go from {here!r} to {to!r}.")
