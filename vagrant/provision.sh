#!/bin/sh
# What the README says, done in a machine: packages, a venv, and `accel` on the path. A box of
# ours brings all of that with it.
set -eu
cd /checkout
grep -qw "$(hostname)" /etc/hosts || echo "127.0.1.1 $(hostname)" >>/etc/hosts # for sudo
python=python3
if ! $python -c 'import bcc, grpc, scapy' 2>/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	apt-get install -qq -y --no-install-recommends make >/dev/null
	make setup
	python=/checkout/.venv/bin/python
fi
mkdir -p /var/cache/accel # what was compiled
for command in accel=accel.cli.main acceld=accel.control.daemon; do
	printf '#!/bin/sh\ncd /checkout && exec sudo ACCEL_CACHE=/var/cache/accel %s -m %s "$@"\n' $python ${command#*=} \
		>/usr/local/bin/${command%=*}
	chmod +x /usr/local/bin/${command%=*}
done
accel check || true # says what it found; an old kernel's warnings are no failure here
