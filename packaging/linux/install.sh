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
# Caches of menus and file types, where the desktop has such.
if command -v update-mime-database >/dev/null && [ -d "$prefix/share/mime" ]; then
    update-mime-database "$prefix/share/mime" || true
fi
if command -v update-desktop-database >/dev/null && [ -d "$prefix/share/applications" ]; then
    update-desktop-database -q "$prefix/share/applications" || true
fi
if [ $remove = yes ]; then echo "lab is removed from $prefix; notebooks stay"; exit 0; fi
echo "lab is installed in $prefix"
case :$PATH: in *:"$prefix/bin":*) ;; *) echo "put $prefix/bin on your PATH" ;; esac
