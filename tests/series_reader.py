#!/usr/bin/env python3
"""Reads the metrics of a run without lab, from docs/format.md alone; see format_reader.py.

    series_reader.py NOTEBOOK RUN [KEY]

Prints one line of JSON for each point: key, step, time in milliseconds since 1970, value.
"""
import json, pathlib, struct, sys

from format_reader import Damage, Notebook

SERIES = 8
MARK = b"\xff\xff\xff\xff\x02"

def varint(data, place):
    value, shift = 0, 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place

def signed(data, place):
    value, place = varint(data, place)
    return (value >> 1) ^ -(value & 1), place

def wrapped(value):
    return (value + 2**63) % 2**64 - 2**63

def integers(column, count):
    values, place, value, difference = [], 0, 0, 0
    for _ in range(count):
        change, place = signed(column, place)
        difference = wrapped(difference + change)
        value = wrapped(value + difference)
        values.append(value)
    return values

def floats(column, count):
    encoding, column = column[0], column[1:]
    if encoding == 2:
        values, place, whole, scale = [], 1, 0, float(10 ** column[0])
        for _ in range(count):
            change, place = signed(column, place)
            whole += change
            values.append(whole / scale)
        return values
    width, form = {0: (8, "<d"), 1: (4, "<f")}[encoding]
    if len(column) != width * count:
        raise Damage("a column of values")
    return [struct.unpack(form, column[row::count])[0] for row in range(count)]

def decode(body):
    """Key, steps, times, values."""
    if not body.startswith(MARK):
        length, = struct.unpack_from("<I", body)
        count, = struct.unpack_from("<Q", body, 4 + length)
        words = struct.unpack_from(f"<{2 * count}q{count}d", body, 12 + length)
        return body[4:4 + length].decode(), words[:count], words[count:2 * count], words[2 * count:]
    length, place = varint(body, len(MARK))
    key, place = body[place:place + length].decode(), place + length
    count, place = varint(body, place)
    columns = []
    for _ in range(3):
        length, place = varint(body, place)
        columns.append(body[place:place + length])
        place += length
    return key, integers(columns[0], count), integers(columns[1], count), floats(columns[2], count)

def main():
    notebook = Notebook(pathlib.Path(sys.argv[1]), None)
    ends = [end for run, (_, end) in notebook.runs().items() if run.startswith(sys.argv[2]) and end]
    if len(ends) != 1:
        sys.exit(f"{len(ends)} ended runs are called {sys.argv[2]}")
    for series in ends[0]["series"]:
        if len(sys.argv) < 4 or series["key"] == sys.argv[3]:
            key, *columns = decode(notebook.body(bytes.fromhex(series["record"]), SERIES))
            for step, time, value in zip(*columns):
                print(json.dumps({"key": key, "step": step, "time": time, "value": value}))

if __name__ == "__main__":
    main()
