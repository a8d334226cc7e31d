#!/bin/sh
# Makes an AppImage from the archive of `cargo xtask package`: packaging/appimage/make.sh [DIR]
#
# DIR holds the archive and takes the image (default: target/package). Needs `mksquashfs` (Debian: squashfs-tools) and
# the file that an AppImage starts with, the type 2 runtime, named by APPIMAGE_RUNTIME; its project publishes it as
# `runtime-x86_64` and so on. An AppImage is that file followed by a SquashFS file system.
#
# How far it was tested: see packaging/README.md.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-target/package}
runtime=${APPIMAGE_RUNTIME:?names the AppImage type 2 runtime}
archive=$(find "$out" -maxdepth 1 -name 'lab-*-linux-gnu.tar.gz' | sort | tail -n 1)
[ -n "$archive" ] || { echo "there is no archive in $out: cargo xtask package makes it" >&2; exit 1; }
name=$(basename "$archive" .tar.gz)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree/usr"
tar -xzf "$archive" -C "$tree/usr" --strip-components=1
rm "$tree/usr/install.sh"
[ -x "$tree/usr/bin/lab-desktop" ] || { echo "the archive has no lab-desktop: an AppImage is for the window" >&2; exit 1; }
cp "$tree/usr/share/applications/lab-desktop.desktop" "$tree/usr/share/icons/hicolor/256x256/apps/lab-desktop.png" "$tree/"
ln -s lab-desktop.png "$tree/.DirIcon"
# One image, two programs: `lab.AppImage lab ls` is the command line, everything else opens the window.
cat > "$tree/AppRun" <<'RUN'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
case ${1:-} in
    lab) shift; exec "$here/usr/bin/lab" "$@" ;;
    *) exec "$here/usr/bin/lab-desktop" "$@" ;;
esac
RUN
chmod 755 "$tree/AppRun"

time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
unset SOURCE_DATE_EPOCH
mksquashfs "$tree" "$work/image" -root-owned -noappend -quiet -no-progress -all-time "$time" -mkfs-time "$time"
cat "$runtime" "$work/image" > "$out/$name.AppImage"
chmod 755 "$out/$name.AppImage"
echo "$out/$name.AppImage"
