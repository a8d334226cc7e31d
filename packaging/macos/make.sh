#!/bin/sh
# Makes lab.app on a Mac: packaging/macos/make.sh [DIR], by default into target/package.
#
# Set LAB_SIGN to the name of a certificate to have it signed; without one it is signed for this Mac alone.
# How far it was tested: see packaging/README.md.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-target/package}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
# A trial elsewhere names a directory with programs that are built already.
programs=${LAB_PROGRAMS:-}
if [ -z "$programs" ]; then
    cargo build --release --locked --package lab-cli --package lab-desktop
    programs=target/release
fi

app=$out/lab.app/Contents
rm -rf "$out/lab.app"
mkdir -p "$app/MacOS" "$app/Resources/man/man1" "$app/Resources/completions"
cp "$programs/lab" "$programs/lab-desktop" "$app/MacOS/"
cp assets/icon/lab.icns LICENSE-MIT LICENSE-APACHE assets/fonts/OFL.txt "$app/Resources/"
sed "s/@VERSION@/$version/" packaging/macos/Info.plist > "$app/Info.plist"
printf 'APPL????' > "$app/PkgInfo"
"$programs/lab" man --out "$app/Resources/man/man1"
for shell in bash zsh fish; do
    "$programs/lab" completions "$shell" > "$app/Resources/completions/lab.$shell"
done
if command -v codesign >/dev/null; then
    codesign --force --deep --options runtime --sign "${LAB_SIGN:--}" "$out/lab.app"
fi
echo "$out/lab.app"
echo "the command line: ln -s '/Applications/lab.app/Contents/MacOS/lab' /usr/local/bin/lab"
