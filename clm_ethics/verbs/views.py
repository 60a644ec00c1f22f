"""A view: what one purpose may see of one customer, now. It gives a value only when asked for one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import Denied, FieldWithheld, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..policy import Decision, Reason, Remedy


class View:
    """The answer of ``read``: falsy when denied; values by ``view["field"]``.

    It is not a mapping: ``repr``, ``str``, logging, pickling and JSON never show a value. A
    field that is withheld, not listed or absent raises ``FieldWithheld``. Lists come as tuples
    of read-only mappings, each with its ``at`` (aware, UTC).

    Attributes:
        decision: the explained decision.
        withheld: per field that may not be seen, the reason.
        partly: per list of which only some items may be seen, the reason.
    """

    __slots__ = ("_values", "decision", "partly", "withheld")

    def __init__(self, decision: Decision, values: Mapping[str, Any], withheld: Mapping[str, Reason]) -> None:
        self.decision = decision
        self.withheld: Mapping[str, Reason] = MappingProxyType(dict(withheld))
        self.partly: Mapping[str, Reason] = MappingProxyType(dict(decision.partly))
        self._values = dict(values)

    def __bool__(self) -> bool:
        """Tell whether the purpose was allowed."""
        return bool(self.decision)

    def __getitem__(self, field: str) -> Any:
        """Return a field's value; ``FieldWithheld`` says why there is none."""
        try:
            return self._values[field]
        except KeyError:
            raise self._why(field) from None

    def __contains__(self, field: object) -> bool:
        """Tell whether a field's value may be had."""
        return field in self._values

    def get(self, field: str, default: Any = None) -> Any:
        """Return a field's value, or *default* if it may not be had."""
        return self._values.get(field, default)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that may be had."""
        return tuple(self._values)

    def reveal(self) -> dict[str, Any]:
        """Return every value that may be had, as a plain dictionary: what becomes of it is the caller's."""
        return dict(self._values)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it was allowed or denied."""
        return self.decision.reasons

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What would change a denial."""
        return self.decision.remedies

    def require(self) -> View:
        """Return the view if it is a yes, otherwise raise ``Denied``."""
        if not self:
            raise Denied(self.decision, place=self.decision.purpose)
        return self

    def explain(self) -> str:
        """Say in plain words what may be seen, what not, and why."""
        return self.decision.explain()

    def __repr__(self) -> str:
        """Show names only."""
        if not self:
            return f"<View {self.decision.purpose}: denied ({', '.join(self.decision.codes)})>"
        return f"<View {self.decision.purpose}: {', '.join(self._values) or 'nothing'}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "a view holds personal data and cannot be pickled", remedy="take the values that you need"
        )

    def _why(self, field: str) -> FieldWithheld:
        reason = self.withheld.get(field)
        if reason is not None:
            return FieldWithheld(field, reason.code, remedy=reason.text)
        if not self:
            return FieldWithheld(field, self.decision.codes[0], remedy="the purpose itself is denied")
        return FieldWithheld(
            field, "field.unlisted", remedy="the purpose does not list it, or it was not asked for"
        )
