#!/bin/sh
# Process 1 of a machine. The console has the kernel's words; what is asked for goes to ttyS1: the
# preflight, the tests' output, and between marks the files that the host reads.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 CI=true ACCEL_COMPILED=/checkout/.vm/compiled
export ACCEL_WIRED_PAIR=eth0,eth1 # both are this machine's own, with nothing but a wire in between
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
ln -sf /proc/self/fd /dev/fd
hostname accel
ip link set lo up
modprobe -qa virtio_net fou tun # those that nothing asks for by name
ulimit -l unlimited # a map counts as locked memory before 5.11
stty -F /dev/ttyS1 raw -echo
exec </dev/null >/dev/ttyS1 2>&1

part() { # NAME FILE: a file for the host
	printf '\n==== %s\n' "$1"
	cat "$2"
	printf '\n==== end\n'
}

cd /checkout || exit 1
ACCEL_KNOWN_SKIPS=$(sed -n 's/.* accel.kernel=\([^ ]*\).*/\1/p' /proc/cmdline)
export ACCEL_KNOWN_SKIPS
echo "accel-vm: up"
python3 -m accel.cli.main check --output json >/tmp/check.json 2>/tmp/check.err
part check /tmp/check.json
python3 -m pytest -v --color=no -p no:cacheprovider --junitxml=/tmp/junit.xml --durations=25 -o timeout="$(cat .vm/timeout)" \
	$(cat .vm/tests)
echo $? >/tmp/status
part junit /tmp/junit.xml
part status /tmp/status
sync
echo b >/proc/sysrq-trigger
sleep 60
