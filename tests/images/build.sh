#!/bin/sh
# Builds the image that the container tests run in, from Debian's own packages: no registry is needed.
#
# usage: build.sh TAG
#
# The root file system is cached below $PODIUM_TEST_CACHE (default: ~/.cache/podium-tests), named by the digest of what
# goes into it, so that it is made again when the list changes and only then. Podman's own settings (CONTAINERS_CONF,
# CONTAINER storage) are those of the caller.
set -eu

tag=${1:?usage: build.sh TAG}
suite=bookworm
packages=python3,python3-numpy

cache=${PODIUM_TEST_CACHE:-$HOME/.cache/podium-tests}
key=$(printf '%s %s %s' "$suite" "$packages" "$(dpkg --print-architecture)" | sha256sum | cut -c1-16)
archive=$cache/image-$key.tar

mkdir -p "$cache"
# One builder at a time; whoever waited finds the archive.
exec 9>"$cache/image.lock"
flock 9

if [ ! -f "$archive" ]; then
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        exit 1
    }
    # Programs are called by either name.
    ln -sf python3 "$work/root/usr/bin/python"
    rm -rf "$work/root/var/cache/apt" "$work/root/var/lib/apt/lists" "$work/root/usr/share/doc" "$work/root/usr/share/man"
    mkdir -p "$work/root/var/lib/apt/lists/partial" "$work/root/var/cache/apt/archives/partial" "$work/root/app"
    tar -C "$work/root" -c . >"$work/image.tar"
    mv "$work/image.tar" "$archive"
fi

# The archive's own digest is the image's label, so importing again makes the same image known under a tag.
if ! podman image exists "$tag" || [ "$(podman image inspect --format '{{index .Labels "podium.tests.key"}}' "$tag")" != "$key" ]; then
    podman import --quiet --change "LABEL podium.tests.key=$key" "$archive" "$tag" >/dev/null
fi
