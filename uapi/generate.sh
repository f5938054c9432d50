#!/bin/sh
# Writes src/bindings.rs from the amdxdna and DRM headers in Debian's linux-libc-dev.
#
#   uapi/generate.sh           rewrite src/bindings.rs
#   uapi/generate.sh --check   exit 1 if a fresh run would change a byte; exit 0 saying
#                              "skipped" when Debian no longer serves the pinned version
#
# The package is fetched with a private apt configuration: the machine's own sources, lists and cache
# are not touched. What is missing of bindgen-cli (pinned, by cargo, into XDNA_UAPI_TOOLS or the target directory)
# and libclang (by apt) is installed.
set -eu
PATH=$PATH:/usr/sbin:/sbin

suite=trixie-backports
version='7.3.4-1~bpo13+1'
bindgen_version=0.73.2
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tools=${XDNA_UAPI_TOOLS:-${CARGO_TARGET_DIR:-$here/../target}/uapi-tools}
check=no
case ${1-} in
    '') ;;
    --check) check=yes ;;
    *) echo "usage: generate.sh [--check]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

need() { # package, for what
    echo "generate.sh: installing $1 ($2)" >&2
    as_root apt-get install -y -q --no-install-recommends "$1" >&2
}

[ -e "$keyring" ] || need debian-archive-keyring "Debian's signing keys"

mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
echo "deb [signed-by=$keyring] http://deb.debian.org/debian $suite main" > "$work/apt/sources.list"
cat > "$work/apt/apt.conf" <<EOF
Dir::State "$work/apt";
Dir::State::status "/dev/null";
Dir::State::lists "$work/apt/lists";
Dir::Cache "$work/apt/cache";
Dir::Etc::sourcelist "$work/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "";
EOF
private_apt() {
    command=$1
    shift
    APT_CONFIG="$work/apt/apt.conf" "$command" "$@"
}

private_apt apt-get -q update >&2
if ! private_apt apt-cache madison linux-libc-dev | grep -qF " $version "; then
    if [ "$check" = yes ]; then
        echo "skipped: $suite no longer serves linux-libc-dev $version"
        exit 0
    fi
    echo "generate.sh: $suite does not serve linux-libc-dev $version; it serves:" >&2
    private_apt apt-cache madison linux-libc-dev >&2
    exit 1
fi
(cd "$work" && private_apt apt-get -q download "linux-libc-dev=$version" >&2)
dpkg-deb -x "$work"/linux-libc-dev_*.deb "$work/root"

ldconfig -p | grep -q 'libclang[-0-9.]*\.so' || [ -n "${LIBCLANG_PATH-}" ] || need libclang1 "bindgen reads C with it"

bindgen=$tools/bin/bindgen
if [ "$("$bindgen" --version 2>/dev/null || true)" != "bindgen $bindgen_version" ]; then
    cargo install bindgen-cli --version "$bindgen_version" --locked --root "$tools" >&2
fi

printf '#include <drm/drm.h>\n#include <drm/amdxdna_accel.h>\n' > "$work/xdna.h"
plain='amdxdna_(qos_info|cu_config|async_error)|amdxdna_drm_(create|destroy|config|get|sync|exec|wait|set|bo|va_entry|attribute|hwctx)_?.*'
plain="$plain|amdxdna_drm_query_(aie|clock|sensor|hwctx|firmware).*|drm_(get_cap|gem_close|prime_handle|syncobj_.*|set_client_name)"
derives='zerocopy::FromBytes,zerocopy::IntoBytes,zerocopy::KnownLayout,zerocopy::Immutable'
{
    echo "// drm/amdxdna_accel.h and the used parts of drm/drm.h of linux-libc-dev $version"
    echo "// (Debian $suite). Written by uapi/generate.sh; do not edit."
    "$bindgen" "$work/xdna.h" \
        --formatter prettyplease --use-core --rust-edition 2024 --rust-target 1.85 \
        --default-enum-style consts --no-prepend-enum-name --no-doc-comments --no-layout-tests \
        --with-derive-default \
        --allowlist-type 'amdxdna_.*|drm_(version|get_cap|gem_close|prime_handle|syncobj_.*|set_client_name)' \
        --allowlist-var 'AMDXDNA_.*|DRM_AMDXDNA_.*|SYNC_DIRECT_.*|POWER_MODE_.*' \
        --allowlist-var 'DRM_CAP_PRIME|DRM_PRIME_CAP_.*|DRM_CAP_SYNCOBJ.*|DRM_SYNCOBJ_.*' \
        --allowlist-var 'DRM_COMMAND_BASE|DRM_CLIENT_NAME_MAX_LEN' \
        --blocklist-var 'AMDXDNA_INVALID_(CMD_HANDLE|ADDR|DOORBELL_OFFSET)' \
        --with-derive-custom-struct "$plain=$derives" \
        -- -nostdinc --target=x86_64-unknown-linux-gnu \
        -isystem "$work/root/usr/include" -isystem "$work/root/usr/include/x86_64-linux-gnu"
} > "$work/bindings.rs"

if [ "$check" = yes ]; then
    if ! cmp -s "$work/bindings.rs" "$here/src/bindings.rs"; then
        diff -u "$here/src/bindings.rs" "$work/bindings.rs" || true
        echo "generate.sh: src/bindings.rs is not what linux-libc-dev $version gives" >&2
        exit 1
    fi
    echo "unchanged: src/bindings.rs is linux-libc-dev $version"
else
    cp "$work/bindings.rs" "$here/src/bindings.rs"
    echo "wrote src/bindings.rs from linux-libc-dev $version"
fi
