#!/usr/bin/env python3
"""Write a tree with every file name, kind, mode and time that breaks careless programs; compare two trees exactly.

    tests/hostile_tree.py DIR [--kinds names,deep,…] [--sparse-bytes N]
    tests/hostile_tree.py --compare A B [--ignore-special] [--limit N]
    tests/hostile_tree.py --remove DIR

Each kind lies in a folder of its own name at the top of DIR. The same call writes the same tree again, byte for byte
and to the nanosecond. What this machine or its file system refuses is named on standard error and left out.

--compare prints one line per difference (kind, bytes, mode, time of change to the nanosecond, link target, and holes
that were filled) and exits with 1 if there is any. --ignore-special passes over FIFOs, sockets and devices. The two
roots themselves are not compared. Paths of any depth and length are fine: nothing here recurses, and no long path is
ever opened.
"""

import argparse
import errno
import hashlib
import os
import random
import socket
import stat
import sys

FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MIB = 1 << 20
# The second that everything without a time of its own was changed in.
SECOND = 1_600_000_000


# --- Walking ---------------------------------------------------------------------------------------------------------


def walk(root):
    """Yield (path, name, folder descriptor, stat, error) of everything below `root`, a folder after its contents.

    Only one folder is open at a time, so a path may be deeper than the limit on descriptors and longer than PATH_MAX.
    """
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        stack = [(b"", b"", iter(names_in(current)))]
        while True:
            path, name, names = stack[-1]
            inner = next(names, None)
            if inner is None:
                stack.pop()
                if not stack:
                    return
                current = replaced(current, os.open("..", FLAGS, dir_fd=current))
                yield path, name, current, os.stat(name, dir_fd=current, follow_symlinks=False), None
                continue
            place = os.path.join(path, inner)
            info = os.stat(inner, dir_fd=current, follow_symlinks=False)
            if not stat.S_ISDIR(info.st_mode):
                yield place, inner, current, info, None
                continue
            try:
                below = open_folder(inner, current)
            except OSError as error:
                yield place, inner, current, info, error
                continue
            current = replaced(current, below)
            stack.append((place, inner, iter(names_in(current))))
    finally:
        os.close(current)


def open_folder(name, folder):
    """Open a folder to list and to enter; one that can only be listed (mode 0400) is an error as well."""
    descriptor = os.open(name, FLAGS, dir_fd=folder)
    try:
        os.stat(b".", dir_fd=descriptor)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def replaced(old, new):
    os.close(old)
    return new


def names_in(folder):
    return sorted(map(os.fsencode, os.listdir(folder)))


# --- Comparing -------------------------------------------------------------------------------------------------------

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
SPECIAL = ("fifo", "socket", "device")


def describe(root, ignore_special):
    """Path -> what is there, as a dictionary of comparable values."""
    found = {}
    for path, name, folder, info, error in walk(root):
        kind = KINDS[stat.S_IFMT(info.st_mode)]
        if ignore_special and kind in SPECIAL:
            continue
        entry = {"kind": kind, "mtime": info.st_mtime_ns, "allocated": info.st_blocks * 512}
        if kind != "link":
            entry["mode"] = f"{stat.S_IMODE(info.st_mode):04o}"
        if error is not None:
            entry["error"] = errno.errorcode.get(error.errno)
        elif kind == "link":
            entry["target"] = os.readlink(name, dir_fd=folder)
        elif kind == "file":
            entry["size"] = info.st_size
            try:
                entry["bytes"] = digest(name, folder)
            except OSError as failure:
                entry["error"] = errno.errorcode.get(failure.errno)
        found[path] = entry
    return found


def digest(name, folder):
    """The hash of a file's bytes; a hole is not read but counted, so that a sparse terabyte takes no time."""
    state = hashlib.blake2b(digest_size=16)
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        zeros = 0  # zero bytes that were met and not yet hashed, be they a hole or written
        while True:
            data = os.read(file, MIB)
            if data.count(0) == len(data) and data:
                zeros += len(data)
                zeros += skip_hole(file)
                continue
            if zeros:
                state.update(b"%d zero bytes" % zeros)
                zeros = 0
            if not data:
                return state.hexdigest()
            state.update(data)
    finally:
        os.close(file)


def skip_hole(file):
    """Jump to the next whole MiB that may hold data; returns the number of bytes passed over."""
    here = os.lseek(file, 0, os.SEEK_CUR)
    try:
        data = os.lseek(file, here, os.SEEK_DATA)
    except OSError:  # no data any more
        data = os.lseek(file, 0, os.SEEK_END)
        return max(data - here, 0)
    # Reads stay aligned to whole MiB, so that the same bytes are always seen in the same blocks.
    place = max(here, data - data % MIB)
    os.lseek(file, place, os.SEEK_SET)
    return place - here


def compare(left, right, ignore_special):
    """Lines that say what differs."""
    ours, theirs = describe(left, ignore_special), describe(right, ignore_special)
    lines, alone = [], set()
    for path in sorted(set(ours) | set(theirs)):
        a, b = ours.get(path), theirs.get(path)
        shown = shorten(ascii(os.fsdecode(path)))
        if a is None or b is None:
            alone.add(path)
            # What lies in a folder that one side lacks is not told again.
            if os.path.dirname(path) not in alone:
                lines.append(f"{shown}: only in {'B' if a is None else 'A'} ({(a or b)['kind']})")
            continue
        for field in ("kind", "mode", "size", "bytes", "target", "mtime", "error"):
            if a.get(field) != b.get(field):
                lines.append(f"{shown}: {field} {shorten(str(a.get(field)))} != {shorten(str(b.get(field)))}")
        # File systems differ in how they allocate; only a hole that was filled is worth a word.
        few, many = sorted((a["allocated"], b["allocated"]))
        if a["kind"] == "file" and many > 2 * few + MIB:
            lines.append(f"{shown}: holes, {a['allocated']} != {b['allocated']} bytes allocated")
    return lines


def shorten(text):
    return text if len(text) <= 200 else f"{text[:90]}…{text[-90:]}"


# --- Writing ---------------------------------------------------------------------------------------------------------


class Folder:
    """An open folder to write into; names are bytes."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def folder(self, name):
        try:
            os.mkdir(name, dir_fd=self.descriptor)
        except FileExistsError:
            pass
        return Folder(os.open(name, FLAGS, dir_fd=self.descriptor))

    def file(self, name, data=b"content\n", mode=0o644):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600, dir_fd=self.descriptor)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(descriptor, mode)

    def link(self, name, target):
        os.symlink(target, name, dir_fd=self.descriptor)

    def attempt(self, what, work):
        """Do what this machine may refuse, and say so if it does."""
        try:
            work()
        except (OSError, OverflowError) as error:
            print(f"left out: {what}: {error}", file=sys.stderr)


def names(folder, _options):
    for byte in range(1, 256):
        if byte != ord("/"):
            folder.attempt(f"byte {byte:02x} in a name", lambda byte=byte: folder.file(b"byte_" + bytes([byte])))
    for name in (
        b"line\nbreak", b"return\rname", b"tab\tname", b"\n", b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\x07bell",
        b" leading", b"trailing ", b" ", b"two  spaces",
        b"-rf", b"--help", b"-", b"--", b"*", b"?", b"[a-z]", b"{a,b}",
        b"~", b"~root", b"$HOME", b"$(id)", b"`id`", b"'", b'"', b"\\", b"a\\b", b"\\n", b"%s%n%d", b"#comment",
        b"!negated", b"&", b"|", b";", b"<", b">", b":", b"C:", b"a:b", b"@", b"@-1", b"=", b"key=value",
        b"...", b"....", b".hidden",
        b"ends.", b"con", b"nul", b"aux.txt", b"lpt1", b"desktop.ini", b"None", b"null", b"0", b"-1", b"1e5",
        b"\xff\xfe", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf", b"caf\xe9", b"mix\xc3\xa9d\xff",
        "zero\u200bwidth".encode(), "right\u202etoleft.exe".encode(), "\u2066isolate\u2069".encode(),
        "\u00e9 composed".encode(), "e\u0301 composed".encode(), "\ufeffmark".encode(), "\u3000".encode(),
        "\U0001f427.txt".encode(), "\u2028line".encode(), "日本語".encode(), "ﬁ".encode(), "\u0130".encode(),
    ):
        folder.attempt(f"the name {name!r}", lambda name=name: folder.file(name, b"name: " + name))
    with folder.folder(b"folder \xff\n of bad names") as inner:
        inner.file(b"inside")


def case(folder, _options):
    for name in (b"README", b"Readme", b"readme", b"stra\xc3\x9fe", b"STRASSE", "ſ".encode(), b"s", b"S"):
        folder.attempt(f"the name {name!r}", lambda name=name: folder.file(name, b"I am " + name))
    for name in (b"Folder", b"folder"):
        with folder.folder(name) as inner:
            inner.attempt("case pairs of folders", lambda inner=inner, name=name: inner.file(b"file", name))


def long(folder, _options):
    folder.file(b"n" * 255)
    folder.file("あ".encode() * 85)
    folder.file(b"\xff" * 255)
    folder.file(b"\n" * 255)
    with folder.folder(b"d" * 255) as inner:
        inner.file(b"f" * 255)
    for index in range(1500):
        folder.file(b"many_%04d" % index, b"%d\n" % index)


def deep(folder, _options):
    """1,000 levels, 6,000 bytes of path, with a file at every hundredth and at the end."""
    current = Folder(os.dup(folder.descriptor))
    for level in range(1000):
        below = current.folder(b"l%04d" % level)
        os.close(current.descriptor)
        current = below
        if level % 100 == 99:
            current.file(b"file", b"level %d\n" % level)
    current.link(b"link", b"file")
    os.close(current.descriptor)
    inner = Folder(os.dup(folder.descriptor))
    for letter in b"abcdefghijklmnopqrst":  # 20 long names: past PATH_MAX at the 17th
        below = inner.folder(bytes([letter]) * 250)
        os.close(inner.descriptor)
        inner = below
    inner.file(b"file")
    os.close(inner.descriptor)


def links(folder, _options):
    folder.file(b"real")
    with folder.folder(b"real_folder") as inner:
        inner.file(b"inside")
        inner.link(b"up", b"..")
        inner.link(b"up_and_down", b"../real")
    for name, target in (
        (b"to_file", b"real"), (b"to_folder", b"real_folder"), (b"to_folder_slash", b"real_folder/"),
        (b"dangling", b"nowhere"),
        (b"absolute", b"/etc/hostname"), (b"absolute_nowhere", b"/no/such/place"), (b"to_root", b"/"),
        (b"self", b"self"),
        (b"loop_a", b"loop_b"), (b"loop_b", b"loop_a"), (b"dot", b"."),
        (b"outside", b"../../../../../../etc/passwd"),
        (b"chain_1", b"to_file"), (b"chain_2", b"chain_1"), (b"bad_target", b"\xff\xfe\n"), (b"bad_name_\xff", b"real"),
        (b"spaces", b"  a  b  "), (b"dashes", b"-rf"), (b"long_target", b"x/" * 2000),
        (b"through", b"to_folder/inside"),
        (b"not_normal", b"./real_folder/..//real"), (b"looks_like_code.py", b"real"), (b"proc", b"/proc/self/exe"),
    ):
        folder.attempt(f"the link {name!r}", lambda name=name, target=target: folder.link(name, target))


def modes(folder, _options):
    for mode in range(0o1000):
        folder.file(b"m%04o" % mode, b"%04o\n" % mode, mode)
    for special in range(0o1000, 0o10000, 0o1000):
        for mode in (0, 0o111, 0o644, 0o755, 0o777):
            folder.file(b"m%04o" % (special + mode), b"special\n", special + mode)
    for mode in (0, 0o100, 0o300, 0o400, 0o500, 0o555, 0o700, 0o755, 0o777, 0o1777, 0o2755, 0o4755, 0o7777):
        with folder.folder(b"folder_%04o" % mode) as inner:
            inner.file(b"inside", b"in a folder of mode %04o\n" % mode)


def set_folder_modes(root):
    """Last of all, since some of these modes keep everybody but root out."""
    for name in names_in(root.descriptor):
        if name.startswith(b"folder_"):
            os.chmod(name, int(name[7:], 8), dir_fd=root.descriptor)


def empty(folder, _options):
    folder.file(b"empty_file", b"")
    folder.file(b"empty.py", b"")
    folder.file(b"one_byte", b"\0")
    folder.file(b"no_newline", b"text")
    folder.file(b"only_newline", b"\n")
    folder.folder(b"empty_folder").__exit__()
    with folder.folder(b"nested") as a, a.folder(b"empty") as b:
        b.folder(b"folders").__exit__()


def big(folder, _options):
    """Around the sizes at which programs change their ways, incompressible and compressible."""
    generator = random.Random(1)
    noise = generator.getrandbits(8 * 9 * MIB).to_bytes(9 * MIB, "little")
    folder.file(b"noise.bin", noise)
    folder.file(b"text.txt", b"".join(b"line %d of a long text\n" % index for index in range(400_000)))
    folder.file(b"same_twice.bin", noise[:MIB] * 4)
    folder.file(b"shifted.bin", b"!" + noise)
    for power in (12, 16, 20, 22, 23):
        for extra in (-1, 0, 1):
            folder.file(b"size_2_%d_%+d" % (power, extra), noise[: (1 << power) + extra])


def sparse(folder, options):
    size = options.sparse_bytes
    generator = random.Random(2)
    for name, places in ((b"middle", (size // 2,)), (b"ends", (0, size - 5000)), (b"hole_only", ()), (b"start", (0,))):
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder.descriptor)
        os.ftruncate(descriptor, size)
        for place in places:
            os.pwrite(descriptor, generator.getrandbits(40_000).to_bytes(5000, "little"), place)
        os.close(descriptor)
    folder.file(b"written_zeros", bytes(3 * MIB))


def special(folder, _options):
    folder.file(b"between")
    folder.attempt("a FIFO", lambda: os.mkfifo(b"fifo", dir_fd=folder.descriptor))
    folder.attempt("a FIFO", lambda: os.mkfifo(b"looks_like_code.py", dir_fd=folder.descriptor))
    folder.attempt("a socket", lambda: bind_socket(folder))
    for name, kind, number in ((b"null", stat.S_IFCHR, (1, 3)), (b"disk", stat.S_IFBLK, (7, 250))):
        node = lambda name=name, kind=kind, number=number: os.mknod(
            name, kind | 0o600, os.makedev(*number), dir_fd=folder.descriptor)
        folder.attempt("a device", node)


def bind_socket(folder):
    # A socket's path is limited to about a hundred bytes: it is bound from within the folder.
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchdir(folder.descriptor)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as endpoint:
            endpoint.bind("socket")
    finally:
        os.fchdir(before)
        os.close(before)


def hard(folder, _options):
    folder.file(b"first", b"one file, three names\n")
    with folder.folder(b"inner") as inner:
        os.link(b"first", b"third", src_dir_fd=folder.descriptor, dst_dir_fd=inner.descriptor)
    os.link(b"first", b"second", src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)
    folder.link(b"link", b"first")
    folder.attempt("a hard link to a link", lambda: os.link(
        b"link", b"link_too", src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor, follow_symlinks=False))


TIMES = {
    b"1901": (-(1 << 31), 0), b"1969_last_nanosecond": (-1, 999_999_999), b"1970": (0, 0),
    b"1970_first_nanosecond": (0, 1), b"nanoseconds": (1_234_567_890, 123_456_789), b"2038": (1 << 31, 0),
    b"2106": (1 << 32, 999_999_999),
    b"2446": (15_032_385_535, 0), b"future": (4_000_000_000, 5),
}


def times(folder, _options):
    for name, (second, nanos) in TIMES.items():
        folder.file(name)
        folder.link(name + b"_link", name)
        folder.folder(name + b"_folder").__exit__()
        for ending in (b"", b"_link", b"_folder"):
            stamp = second * 10**9 + nanos
            work = lambda: os.utime(name + ending, ns=(stamp, stamp), dir_fd=folder.descriptor, follow_symlinks=False)
            folder.attempt(f"the time {name.decode()}", work)


def git(folder, _options):
    """Git's own names at places where they are not the project's repository."""
    with folder.folder(b"submodule") as inner:
        inner.file(b".git", b"gitdir: ../../nowhere\n")
        inner.file(b"code.py")
    with folder.folder(b"nested") as inner:
        with inner.folder(b".git") as store:
            store.file(b"HEAD", b"ref: refs/heads/main\n")
            store.file(b"config", b"[core]\n\tbare = false\n")
            store.folder(b"objects").__exit__()
            store.folder(b"refs").__exit__()
            with store.folder(b"hooks") as hooks:
                hooks.file(b"post-checkout", b"#!/bin/sh\ntouch /tmp/this-must-not-run\n", 0o755)
        inner.file(b"code.py")
    with folder.folder(b"spelled") as inner:
        for name in (b".GIT", b".gitt", b"git~1", b".git ", b".gitmodules", b".gitattributes", ".g\u200cit".encode()):
            inner.attempt(f"the name {name!r}", lambda name=name: inner.file(name))
    with folder.folder(b"rules") as inner:
        # A rule file that is itself hostile: bytes, a byte order mark, a rule without an end.
        inner.file(b".gitignore", b"\xef\xbb\xbf*.log\n\xff*\n[unclosed\n\\\n!keep.log\n/anchored/\n")
        for name in (b"a.log", b"keep.log", b"kept.txt", b"\xffgone"):
            inner.file(name)


def secrets(folder, _options):
    """Values that look like credentials and are none; put together here so that no scanner trips over this file."""
    folder.file(b".env", b"API_" + b"KEY=" + b"sk-" + b"q8Zr2mXw7Lp4Vt9Ks3Nd6Hy1" * 2 + b"\nDEBUG=1\n", 0o600)
    body = b"user: me\npass" + b"word: correct-horse-battery-9\naws: AK" + b"IA" + b"Q7Z2" * 4 + b"\n"
    folder.file(b"settings.yaml", body)
    folder.file(b"client.py", b'TOK' + b'EN = "gh' + b'p_' + b"aB3dE5gH7jK9mN1pQ3sT5vX7zA9cE1gH3jK5" + b'"\n')
    body = b"".join(b"MIIEowIBAAKCAQEA%04dbase64base64base64base64base64base64\n" % line for line in range(12))
    mark = b"RSA PRIVATE" + b" KEY-----\n"
    folder.file(b"id_rsa", b"-----BEGIN " + mark + body + b"-----END " + mark, 0o600)
    folder.file(b"not_a_secret.py", b"password = input()\ntoken_count = 12345678901234567890\n")


WRITERS = {writer.__name__: writer for writer in (
    names, case, long, deep, links, modes, empty, big, sparse, special, hard, times, git, secrets)}


def write(root, options):
    os.makedirs(root, exist_ok=True)
    with Folder(os.open(root, os.O_RDONLY | os.O_DIRECTORY)) as top:
        for kind in options.kinds:
            with top.folder(kind.encode()) as folder:
                WRITERS[kind](folder, options)
        settle(root)
        if "modes" in options.kinds:
            with top.folder(b"modes") as folder:
                set_folder_modes(folder)


def settle(root):
    """Give everything a time that depends on nothing but its place, nanoseconds included."""
    kept = {b"times/" + name + ending for name in TIMES for ending in (b"", b"_link", b"_folder")}
    for count, (path, name, folder, _, _) in enumerate(walk(root)):
        if path not in kept:
            stamp = (SECOND + count) * 10**9 + count * 7919 % 10**9
            os.utime(name, ns=(stamp, stamp), dir_fd=folder, follow_symlinks=False)


def remove(root):
    """Like `rm -rf`, for trees of any depth, and for folders that shut their owner out."""
    opened = True
    while opened:
        opened = False
        for _, name, folder, info, error in walk(root):
            if error is not None:
                os.chmod(name, 0o700, dir_fd=folder)
                opened = True
    for _, name, folder, info, _ in walk(root):
        if stat.S_ISDIR(info.st_mode):
            os.rmdir(name, dir_fd=folder)
            continue
        try:
            os.unlink(name, dir_fd=folder)
        except PermissionError:
            os.fchmod(folder, 0o700)
            os.unlink(name, dir_fd=folder)
    os.rmdir(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", metavar="DIR")
    parser.add_argument("--kinds", default=",".join(WRITERS), help="only these, with commas between (all: %(default)s)")
    parser.add_argument("--sparse-bytes", type=int, default=10**9)
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"))
    parser.add_argument("--limit", type=int, default=100, help="differences to print (default: %(default)s)")
    parser.add_argument("--ignore-special", action="store_true")
    parser.add_argument("--remove", metavar="DIR")
    options = parser.parse_args()
    options.kinds = options.kinds.split(",")
    unknown = set(options.kinds) - set(WRITERS)
    if unknown:
        parser.error(f"there is no kind {', '.join(sorted(unknown))}")
    os.umask(0o022)
    if options.compare:
        lines = compare(*options.compare, options.ignore_special)
        print("\n".join(lines[: options.limit]) if lines else "no difference")
        if len(lines) > options.limit:
            print(f"… and {len(lines) - options.limit} more")
        return 1 if lines else 0
    if options.remove:
        remove(options.remove)
        return 0
    if not options.folder:
        parser.error("DIR is missing")
    write(options.folder, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
