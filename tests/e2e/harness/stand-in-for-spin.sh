#!/bin/sh
# A stand-in for Spin, which is not here. Of all that Spin does it knows one thing: how `spin registry push` has the HTTP
# trigger compose one component. It refuses to be called in any other way, keeps what it was given for the test to look
# at, and then does what the test says.
set -eu
here=$(dirname "$0")

refuse() {
    echo "stand-in for Spin: $1" >&2
    exit 64
}

# The only escape that it knows is that of a space.
path() {
    printf '%s' "${1#file://}" | sed 's/%20/ /g'
}

[ $# -eq 5 ] && [ "$1 $2 $3 $4" = "trigger http --precompose-only --precompose-component-id" ] ||
    refuse "called with: $*"
[ "$SPIN_PLUGINS_SUPPRESS_COMPATIBILITY_WARNINGS" = 1 ] || refuse "warnings are wanted"
locked=$(path "$SPIN_LOCKED_URL")
[ "$locked" = "$SPIN_WORKING_DIR/spin.lock" ] || refuse "$SPIN_LOCKED_URL is not in $SPIN_WORKING_DIR"

# Fails where it is asked for the same component twice.
asked=$here/asked/$5
mkdir -p "$here/asked"
mkdir "$asked" "$asked/files"
cp "$locked" "$asked/spin.lock"
env | sed -n 's/^\(SPIN_[A-Z_]*\)=.*/\1/p' | sort > "$asked/variables"
sed -n 's/.*"source": "\(file:[^"]*\)".*/\1/p' "$locked" | sort -u > "$asked/urls"
number=0
while read -r url; do
    cp "$(path "$url")" "$asked/files/$number"
    number=$((number + 1))
done < "$asked/urls"

. "$here/then"
