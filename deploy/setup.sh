#!/bin/sh
# Installs what the gateway, its demo and its tests need from Debian's or Ubuntu's packages, and
# nothing that is there already; more packages may be named. Servers come without being started.
set -eu

wanted="python3-bpfcc python3-venv python3-dev gcc libc6-dev linux-libc-dev
iproute2 ethtool nftables nginx-light haproxy curl openssl clang-format $*"

missing=
for package in $wanted; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "setup: install these first, under your distribution's names:$missing" >&2
	exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "setup: installing$missing"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then # a server that is installed for tests must not start by itself
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
	$sudo chmod +x $policy
	trap '$sudo rm -f $policy' EXIT
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
