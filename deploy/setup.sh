#!/bin/sh
# Installs what the gateway, its demo and its tests need from Debian's or Ubuntu's packages, and
# nothing that is there already. More packages may be named; those after --where-available are left
# out where the distribution has none of that name. Servers come without being started.
set -eu

wanted="python3-bpfcc python3-venv python3-dev gcc libc6-dev linux-libc-dev
iproute2 ethtool nftables nginx-light haproxy curl openssl clang-format"
extra=
while [ $# -gt 0 ] && [ "$1" != --where-available ]; do
	wanted="$wanted $1"
	shift
done
[ $# = 0 ] || { shift && extra=$*; }

missing() { # PACKAGE...: those that are not installed
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
			echo "$package"
	done
}
available() { # PACKAGE...: those that the distribution has, by the lists of its packages
	for package; do
		apt-cache policy "$package" | grep -q '^  Candidate: [^(]' && echo "$package" ||
			echo "setup: $package is in none of this distribution's packages" >&2
	done
}

# shellcheck disable=SC2046,SC2086
{
	wanted=$(missing $wanted)
	extra=$(missing $extra)
}
[ -n "$wanted$extra" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "setup: install these first, under your distribution's names:" $wanted $extra >&2
	exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update -qq
# shellcheck disable=SC2086
wanted="$wanted $(available $extra)"
wanted=$(echo $wanted)
[ -n "$wanted" ] || exit 0
echo "setup: installing $wanted"
exec 9</usr/sbin # one at a time: the policy of the first one is not the second one's to remove
flock 9
policy=/usr/sbin/policy-rc.d
ours="accel's deploy/setup.sh" # what one left that was killed is removed by the next
if [ ! -e $policy ] && [ ! -L $policy ] || grep -qs "$ours" $policy; then
	# A server that is installed for tests must not start by itself.
	trap '$sudo rm -f $policy' EXIT
	trap 'exit 130' HUP INT TERM # dash runs no EXIT trap when a signal ends it
	printf '#!/bin/sh\n# Of %s, while it installs.\nexit 101\n' "$ours" | $sudo tee $policy >/dev/null
	$sudo chmod +x $policy
fi
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $wanted >/dev/null
