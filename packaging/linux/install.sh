#!/bin/sh
# Installs what lies beside this script: ./install.sh [PREFIX], by default into ~/.local.
# Takes it away again:                   ./install.sh --remove [PREFIX]
set -eu
cd "$(dirname "$0")"
remove=no
if [ "${1:-}" = --remove ]; then remove=yes; shift; fi
prefix=${1:-$HOME/.local}
case $prefix in
    # Menu entries and units would need each of these in a quoting of its own.
    *[\ \"\'\`\&\|\$\%\\]*) echo "the prefix has a character that menu entries cannot have: $prefix" >&2; exit 2 ;;
    /*) ;;
    *) echo "the prefix must be an absolute path: $prefix" >&2; exit 2 ;;
esac
find bin share -type f | while IFS= read -r file; do
    target=$prefix/$file
    if [ $remove = yes ]; then
        rm -f "$target"
        # Directories that others use too stay: they are not empty.
        rmdir -p "$(dirname "$target")" 2>/dev/null || true
        continue
    fi
    mkdir -p "$(dirname "$target")"
    # Beside the old file and then over it: a program that runs keeps what it runs.
    case $file in
        *.desktop) sed "s|^\(Try\)\{0,1\}Exec=|&$prefix/bin/|" "$file" > "$target.new" ;;
        *.service) sed "s|=/usr/bin/|=$prefix/bin/|" "$file" > "$target.new" ;;
        *) cp "$file" "$target.new" ;;
    esac
    case $file in bin/*) chmod 755 "$target.new" ;; *) chmod 644 "$target.new" ;; esac
    mv -f "$target.new" "$target"
done
# Caches of menus and file types, where the desktop has such; they go when nothing is left that they are made from.
mime=$prefix/share/mime applications=$prefix/share/applications
if [ -d "$mime/packages" ]; then
    update-mime-database "$mime" >/dev/null 2>&1 || true
elif [ $remove = yes ]; then
    rm -rf "$mime"
fi
if find "$applications" -name '*.desktop' 2>/dev/null | grep -q .; then
    update-desktop-database -q "$applications" 2>/dev/null || true
elif [ $remove = yes ]; then
    rm -f "$applications/mimeinfo.cache"
    rmdir "$applications" 2>/dev/null || true
fi
rmdir -p "$prefix/share" 2>/dev/null || true
if [ $remove = yes ]; then echo "lab is removed from $prefix; notebooks stay"; exit 0; fi
echo "lab is installed in $prefix"
case :$PATH: in *:"$prefix/bin":*) ;; *) echo "put $prefix/bin on your PATH" ;; esac
