"""Logs metrics and parameters of a run that ``lab run`` keeps.

Lines of JSON are appended to the file that ``$LAB_METRICS`` names. Nothing here raises into the program.
"""
import atexit
import os
import sys
import threading
import time
from json.encoder import encode_basestring_ascii as _quote

__all__ = ["flush", "log", "param"]

_SECONDS = 1.0
_BYTES = 1 << 18

_lock = threading.Lock()
_lines = []
_size = 0
_flusher = None
_said = set()


def log(values=None, step=None, **more):
    """Logs values at a step: ``log(loss=0.3, step=7)`` or ``log({"val/loss": 0.3}, step=7)``.

    Without a step the values of a name are counted. Values that are no numbers are passed over.
    """
    try:
        if not _is_on():
            return
        parts = ['"time":%.3f' % time.time()]
        if step is not None:
            parts.append('"step":%d' % step)
        if values:
            _add("", values, parts)
        if more:
            _add("", more, parts)
        _write("{%s}\n" % ",".join(parts))
    except Exception as error:  # A training loop is worth more than its log.
        _say("could not log: %r" % (error,))


def param(values=None, **more):
    """Notes parameters: ``param(lr=0.1)`` or ``param({"lr": 0.1, "model": {"layers": 4}})``."""
    try:
        if not _is_on():
            return
        import json

        _write(json.dumps({"lab": "params", "params": {**(values or {}), **more}}, default=str) + "\n")
        flush()
    except Exception as error:
        _say("could not note parameters: %r" % (error,))


def flush():
    """Writes what is gathered, with one append."""
    global _size
    try:
        with _lock:
            if not _lines:
                return
            data = "".join(_lines).encode()
            _lines.clear()
            _size = 0
            _append(data)
    except Exception as error:
        _say("could not write: %r" % (error,))


def _is_on():
    if os.environ.get("LAB_METRICS"):
        return True
    _say("this is no run of `lab run`: nothing is logged")
    return False


def _add(prefix, values, parts):
    for name, value in values.items():
        kind = type(value)
        if kind is float or kind is int:
            # repr says NaN as `nan`, which is no word that JSON readers know.
            text = repr(value) if value - value == 0 else _word(value)
        elif isinstance(value, dict):
            _add("%s%s/" % (prefix, name), value, parts)
            continue
        else:
            text = _other(value)
            if text is None:
                _say("%s%s is no number: %s" % (prefix, name, kind.__name__))
                continue
        parts.append("%s:%s" % (_quote("%s%s" % (prefix, name) if prefix else str(name)), text))


def _word(value):
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def _other(value):
    """Truth values, and whatever can say itself as a float: NumPy scalars, tensors, Decimal."""
    if isinstance(value, (str, bytes)) or value is None:
        return None
    try:
        number = value.item() if hasattr(value, "item") else value
        number = float(number)
    except Exception:
        return None
    return repr(number) if number - number == 0 else _word(number)


def _write(line):
    global _flusher, _size
    with _lock:
        _lines.append(line)
        _size += len(line)
        is_full = _size >= _BYTES
        if _flusher is None:
            _flusher = threading.Thread(target=_flush_for_ever, name="lab-log", daemon=True)
            _flusher.start()
    if is_full:
        flush()


def _flush_for_ever():
    while True:
        time.sleep(_SECONDS)
        flush()


def _append(data):
    # Opened anew each time: the file may be another one after a fork or a change of the variable.
    file = os.open(os.environ["LAB_METRICS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(file, data):]
    finally:
        os.close(file)


def _say(words):
    if words not in _said:
        _said.add(words)
        try:
            print("lab:", words, file=sys.stderr)
        except Exception:
            pass


def _after_fork():
    """The parent writes what it had gathered; the child has no flusher yet, and perhaps a held lock."""
    global _lock, _flusher, _size
    _lock, _flusher, _size = threading.Lock(), None, 0
    _lines.clear()


atexit.register(flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
