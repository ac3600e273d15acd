"""Less work for Great Expectations inside one checkpoint run; its answers stay the same.

Most of the time of a run on a small batch goes into asking pure questions again: an expectation writes its whole configuration out for
each of its arguments (over two thousand times for nine expectations), and the checkpoint compares itself with what the context stored,
several times over, although the context is ours and nothing changes it. Here the first answer is remembered. Names of
Great Expectations' own methods stand here and nowhere else; where a version has others, a run is only slower.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

_ARGUMENTS = ("_get_domain_kwargs", "_get_success_kwargs", "_get_runtime_kwargs", "_get_success_kwarg", "_get_result_format")
"""Methods of an expectation that read its configuration and change nothing."""


_PLAIN = frozenset({str, int, float, bool, type(None)})
_Answers = dict[int, tuple[Any, Any]]


class Quick:
    """What is remembered for one checkpoint, from run to run."""

    def __init__(self) -> None:
        self._fresh: _Answers = {}
        self._ids: dict[str, Any] = {}

    @contextmanager
    def run(self) -> Iterator[None]:
        """Let a run of the checkpoint inside the block remember what cannot change; not for threads side by side."""
        from great_expectations import Checkpoint, ValidationDefinition
        from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
        from great_expectations.core.id_dict import IDDict
        from great_expectations.expectations import expectation

        with ExitStack() as stack:
            stack.enter_context(_configuration_once(expectation.Expectation))
            for kind in (Checkpoint, ValidationDefinition):
                stack.enter_context(_replaced(kind, "is_fresh", lambda method: _first_answer(method, self._fresh)))
            stack.enter_context(_replaced(ExpectationSuiteValidationResult, "to_json_dict", lambda method: _first_answer(method, {})))
            stack.enter_context(_replaced(IDDict, "to_id", self._same_id))
            stack.enter_context(_replaced(expectation, "camel_to_snake", functools.cache))
            yield

    def _same_id(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Give dictionaries that are written alike their id without hashing them again."""

        @functools.wraps(method)
        def to_id(arguments: Any, *keys: Any, **named: Any) -> Any:
            if keys or named or not all(map(_is_plain, arguments.values())):
                return method(arguments, *keys, **named)
            written = repr(arguments)
            if written not in self._ids:
                self._ids[written] = method(arguments)
            return self._ids[written]

        return to_id


def _is_plain(value: Any) -> bool:
    return type(value) in _PLAIN or (type(value) is list and all(type(item) in _PLAIN for item in value))


@contextmanager
def _configuration_once(kind: Any) -> Iterator[None]:
    """Write an expectation's configuration out once while its arguments are put together."""
    current: list[tuple[Any, Any]] = []
    original = kind.__dict__.get("configuration")
    if not isinstance(original, property) or original.fget is None:
        yield
        return
    write_out = original.fget

    def configuration(self: Any) -> Any:
        return current[-1][1] if current and current[-1][0] is self else write_out(self)

    def reading(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def read(self: Any, *arguments: Any, **named: Any) -> Any:
            if current and current[-1][0] is self:
                return method(self, *arguments, **named)
            current.append((self, write_out(self)))
            try:
                return method(self, *arguments, **named)
            finally:
                current.pop()

        return read

    with ExitStack() as stack:
        stack.enter_context(_replaced(kind, "configuration", lambda _: property(configuration)))
        for name in _ARGUMENTS:
            stack.enter_context(_replaced(kind, name, reading))
        yield


def _first_answer(method: Callable[[Any], Any], answers: _Answers) -> Callable[[Any], Any]:
    @functools.wraps(method)
    def answer(self: Any) -> Any:
        if id(self) not in answers:
            answers[id(self)] = (self, method(self))  # the object is kept, so that no other gets its number
        return answers[id(self)][1]

    return answer


@contextmanager
def _replaced(owner: Any, name: str, change: Callable[[Any], Any]) -> Iterator[None]:
    """Change an attribute of a class or module for the block; nothing happens where it does not have it itself."""
    original = vars(owner).get(name)
    if original is None:
        yield
        return
    setattr(owner, name, change(original))
    try:
        yield
    finally:
        setattr(owner, name, original)
