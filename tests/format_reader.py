#!/usr/bin/env python3
"""Reads a notebook without lab, from docs/format.md alone; needs the packages blake3 and zstandard.

    format_reader.py NOTEBOOK list
    format_reader.py NOTEBOOK restore SNAPSHOT_OR_RUN DESTINATION [--key FILE]

An id may be shortened. A run means the files as it began; RUN:end means the files as it ended.
Exit code 0: everything was restored; 1: something was not, standard error says what; 2: it cannot be done.
"""
import argparse, json, os, pathlib, struct, sys, zlib

from blake3 import blake3
import zstandard

CHUNK, RECIPE, TREE, SNAPSHOT, RUN_START, RUN_END, COMMIT, RETIRE = 1, 2, 3, 4, 5, 7, 13, 14
FILE, DIRECTORY, SYMLINK = 0, 1, 2
COPIED, SEALED, MISSING = 0, 1, 4
KEPT = ["copied", "sealed", "only hashed", "only sampled", "missing"]

class Damage(Exception):
    """Bytes are not what they should be."""

class Record:
    def __init__(self, path, offset, kind, encoding, raw_length, stored_length, identity, checksum):
        self.path, self.offset, self.kind, self.encoding = path, offset, kind, encoding
        self.raw_length, self.stored_length, self.id, self.checksum = raw_length, stored_length, identity, checksum

    def stored(self):
        with open(self.path, "rb") as pack:
            pack.seek(self.offset + 64)
            stored = pack.read(self.stored_length)
        if len(stored) != self.stored_length or zlib.crc32(stored) != self.checksum:
            raise Damage(f"record {self.id.hex()} in {self.path}")
        return stored

    def body(self, key=None):
        """The decoded body, checked against the id."""
        stored = self.stored()
        if self.encoding > 2:
            raise Damage(f"unknown encoding {self.encoding}")
        raw = stored if self.encoding == 0 else unseal(stored, self.id, key) if self.encoding == 2 else \
            zstandard.ZstdDecompressor().decompress(stored, max_output_size=self.raw_length)
        if len(raw) != self.raw_length or (self.kind != RECIPE and self.identity(raw, key) != self.id):
            raise Damage(f"record {self.id.hex()} in {self.path}")
        return raw

    def identity(self, raw, key):
        if self.encoding == 2:
            return blake3(raw, key=derive(key, "lab notebook v1 keyed hash")).digest()
        if self.kind == CHUNK:
            return blake3(raw).digest()
        if self.kind == TREE:
            return derive(raw, "lab notebook v1 tree")
        return derive(bytes([self.kind]) + raw, "lab notebook v1 record")

def derive(material, context):
    return blake3(material, derive_key_context=context).digest()

def header(path, offset, data):
    """The record header in 64 bytes, or None."""
    if len(data) < 64 or data[:4] != b"LREC" or zlib.crc32(data[:60]) != struct.unpack_from("<I", data, 60)[0]:
        return None
    kind, encoding, raw_length, stored_length = struct.unpack_from("<BBxxQQ", data, 4)
    return Record(path, offset, kind, encoding, raw_length, stored_length, data[24:56], struct.unpack_from("<I", data, 56)[0])

def read_pack(path):
    """The records of closed batches."""
    closed, pending = [], []
    size = os.path.getsize(path)
    with open(path, "rb") as pack:
        if pack.read(32) != b"LABPACK1" + bytes.fromhex(path.stem) + bytes(8):
            return closed
        offset = 32
        while offset + 64 <= size:
            pack.seek(offset)
            record = header(path, offset, pack.read(64))
            if record is None or offset + 64 + record.stored_length > size:
                print(f"damaged at byte {offset}: {path}", file=sys.stderr)
                offset = next_record(pack, path, offset + 1)
                continue
            pending.append(record)
            if record.kind == COMMIT and intact(record):
                closed.extend(pending)
                pending = []
            offset += 64 + record.stored_length
    return closed

def intact(record):
    try:
        return bool(record.body())
    except (Damage, zstandard.ZstdError):
        return False

def next_record(pack, path, offset):
    pack.seek(offset)
    rest = pack.read()
    place = rest.find(b"LREC")
    while place >= 0 and header(path, offset, rest[place:place + 64]) is None:
        place = rest.find(b"LREC", place + 1)
    return offset + place if place >= 0 else offset + len(rest)

class Notebook:
    def __init__(self, directory, key):
        self.key, self.records, self.kinds = key, {}, {}
        packs = {path.stem: read_pack(path) for path in sorted((directory / "packs").glob("*.pack"))}
        retired = set()
        for record in (record for records in packs.values() for record in records if record.kind == RETIRE):
            retired.update(pack["pack"] for pack in json.loads(record.body())["packs"])
        for name, records in packs.items():
            if name in retired:
                continue
            for record in records:
                if self.records.setdefault(record.id, record) is record:
                    self.kinds.setdefault(record.kind, []).append(record)

    def nouns(self, kind):
        return [(record.id, json.loads(record.body())) for record in self.kinds.get(kind, [])]

    def body(self, identity, *kinds):
        record = self.records.get(identity)
        if record is None or record.kind not in kinds:
            raise Damage(f"record {identity.hex()} is missing")
        return record.body(self.key)

    def runs(self):
        """Starts and ends by run: where several speak of one, the one that counts."""
        starts, ends = {}, {}
        for identity, start in self.nouns(RUN_START):
            rank = (start["time"], identity)
            starts[start["run"]] = max(starts.get(start["run"], (rank, start)), (rank, start), key=lambda pair: pair[0])
        for identity, end in self.nouns(RUN_END):
            rank = (end["status"] != "lost", end["time"], identity)
            ends[end["run"]] = max(ends.get(end["run"], (rank, end)), (rank, end), key=lambda pair: pair[0])
        return {run: (start, ends.get(run, (None, None))[1]) for run, (_, start) in starts.items()}

    def find(self, text):
        """The one snapshot that is meant."""
        wanted, _, which = text.partition(":")
        found = {identity for identity, _ in self.nouns(SNAPSHOT) if identity.hex().startswith(wanted)}
        for run, (start, end) in self.runs().items():
            if run.startswith(wanted):
                state = (end["snapshot"] if which == "end" and end else None) or start["snapshot"]
                found.update([bytes.fromhex(state)] if state else [])
        if len(found) != 1:
            sys.exit(f"{len(found)} snapshots are called {text}")
        return json.loads(self.body(found.pop(), SNAPSHOT))

    def chunks(self, content, identity):
        """The bytes of a file, piece by piece, checked."""
        if content == SEALED or identity not in self.records or self.records[identity].kind == CHUNK:
            yield self.body(identity, CHUNK)
            return
        recipe, whole = self.body(identity, RECIPE), blake3()
        for place in range(0, len(recipe), 36):
            chunk = self.body(recipe[place:place + 32], CHUNK)
            if len(chunk) != struct.unpack_from("<I", recipe, place + 32)[0]:
                raise Damage(f"a piece of {identity.hex()}")
            whole.update(chunk)
            yield chunk
        if whole.digest() != identity:
            raise Damage(f"the whole of {identity.hex()}")

def entries(tree):
    """The entries of a tree as dictionaries."""
    version, count = struct.unpack_from("<BI", tree)
    if version != 1:
        raise Damage("a tree of an unknown version")
    place, last = 5, None
    for _ in range(count):
        length, = struct.unpack_from("<H", tree, place)
        name = tree[place + 2:place + 2 + length]
        place += 2 + length
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name or (last is not None and name <= last):
            raise Damage(f"a tree with the name {name!r}")
        last = name
        kind, _role, content, flags, mode, seconds, nanos = struct.unpack_from("<BBBBHqI", tree, place)
        place += 18
        entry = {"name": name, "kind": kind, "content": content, "sparse": flags & 1, "mode": mode,
                 "mtime": seconds * 10**9 + nanos, "hash": None}
        if kind == FILE:
            entry["size"], = struct.unpack_from("<Q", tree, place)
            place += 8
            if content != MISSING:
                entry["hash"] = tree[place:place + 32]
                place += 32
        elif kind == DIRECTORY:
            entry["hash"] = tree[place:place + 32]
            place += 32
        elif kind == SYMLINK:
            length, = struct.unpack_from("<H", tree, place)
            entry["target"] = tree[place + 2:place + 2 + length]
            place += 2 + length
        yield entry

def write_file(path, chunks, sparse):
    with open(path, "xb") as file:
        for chunk in chunks:
            while chunk:
                size = 4096 - file.tell() % 4096 if sparse else len(chunk)
                if sparse and size == 4096 and chunk[:size] == bytes(4096):
                    file.seek(size, os.SEEK_CUR)
                else:
                    file.write(chunk[:size])
                chunk = chunk[size:]
        file.truncate(file.tell())

def restore(notebook, snapshot, destination):
    """Makes the files; gives what could not be restored, in words."""
    missing, late = [], []
    os.makedirs(destination, mode=0o700, exist_ok=True)
    base = os.fsencode(destination)
    late.append((base, snapshot["root_mode"], snapshot["root_mtime"][0] * 10**9 + snapshot["root_mtime"][1]))
    stack = [(base, bytes.fromhex(snapshot["root"]))]
    while stack:
        directory, tree = stack.pop()
        for entry in entries(notebook.body(tree, TREE)):
            path = os.path.join(directory, entry["name"])
            if entry["kind"] == DIRECTORY:
                os.mkdir(path, 0o700)
                late, stack = late + [(path, entry["mode"], entry["mtime"])], stack + [(path, entry["hash"])]
            elif entry["kind"] == SYMLINK:
                os.symlink(entry["target"], path)
                os.utime(path, ns=(entry["mtime"], entry["mtime"]), follow_symlinks=False)
            elif entry["kind"] != FILE:
                missing.append(f"{path!r}: only named")
            elif entry["content"] not in (COPIED, SEALED):
                missing.append(f"{path!r}: {KEPT[entry['content']]}")
            elif entry["content"] == SEALED and notebook.key is None:
                missing.append(f"{path!r}: sealed, and no key was given")
            else:
                try:
                    write_file(path, notebook.chunks(entry["content"], entry["hash"]), entry["sparse"])
                except (Damage, zstandard.ZstdError) as error:
                    missing.append(f"{path!r}: damaged: {error}")
                os.chmod(path, entry["mode"])
                os.utime(path, ns=(entry["mtime"], entry["mtime"]))
    for path, mode, mtime in reversed(late):
        os.chmod(path, mode)
        os.utime(path, ns=(mtime, mtime))
    return missing

def rounds(state):
    state = list(state)
    quarters = [(i, 4 + (i + turn) % 4, 8 + (i + 2 * turn) % 4, 12 + (i + 3 * turn) % 4) for turn in (0, 1) for i in range(4)]
    for a, b, c, d in quarters * 10:
        for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            word = state[z] ^ state[x]
            state[z] = (word << bits | word >> 32 - bits) & 0xFFFFFFFF
    return state

def setup(key, counter_and_nonce):
    return struct.unpack("<16I", b"expand 32-byte k" + key + counter_and_nonce)

def keystream(key, nonce, counter):
    state = setup(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(state), state)))

def poly1305(key, message):
    r, s = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, int.from_bytes(key[16:], "little")
    total = 0
    for place in range(0, len(message), 16):
        total = (total + int.from_bytes(message[place:place + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((total + s) & ((1 << 128) - 1)).to_bytes(16, "little")

def unseal(stored, identity, machine_key):
    if machine_key is None:
        raise Damage("sealed, and no key was given")
    inner = rounds(setup(derive(machine_key, "lab notebook v1 seal"), identity[:16]))
    key, nonce = struct.pack("<8I", *inner[:4], *inner[12:]), bytes(4) + identity[16:24]
    cipher, tag = stored[:-16], stored[-16:]
    padded = b"".join(part + bytes(-len(part) % 16) for part in (identity, cipher))
    if poly1305(keystream(key, nonce, 0)[:32], padded + struct.pack("<QQ", len(identity), len(cipher))) != tag:
        raise Damage("sealed under another key")
    stream = b"".join(keystream(key, nonce, 1 + block) for block in range((len(cipher) + 63) // 64))
    return bytes(a ^ b for a, b in zip(cipher, stream))

def main():
    parser = argparse.ArgumentParser(description="Reads a notebook without lab.")
    parser.add_argument("notebook", type=pathlib.Path)
    parser.add_argument("action", choices=["list", "restore"])
    parser.add_argument("what", nargs="?")
    parser.add_argument("destination", nargs="?")
    parser.add_argument("--key", type=pathlib.Path)
    arguments = parser.parse_args()
    notebook = Notebook(arguments.notebook, arguments.key.read_bytes() if arguments.key else None)
    if arguments.action == "list":
        for run, (start, end) in sorted(notebook.runs().items(), key=lambda item: (item[1][0]["time"], item[0])):
            print(run, start["time"], end["status"] if end else "open", start["snapshot"], start["name"])
        for identity, snapshot in sorted(notebook.nouns(SNAPSHOT), key=lambda item: (item[1]["time"], item[0])):
            print("snapshot", identity.hex(), snapshot["time"])
        return 0
    if not arguments.what or not arguments.destination:
        parser.error("restore needs a snapshot or run, and a destination")
    missing = restore(notebook, notebook.find(arguments.what), arguments.destination)
    print(*missing, sep="\n", file=sys.stderr, end="\n" if missing else "")
    return 1 if missing else 0

if __name__ == "__main__":
    sys.exit(main())
