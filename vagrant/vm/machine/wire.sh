#!/bin/sh
# A wire between two taps of many queues, in a network namespace of the machine's own: nothing of
# it is left when the machine has ended. Run by `unshare --net`, then runs what it is told to.
set -eu
sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip link add wire type bridge mcast_snooping 0
for tap in near far; do
	ip tuntap add dev $tap mode tap multi_queue
	ip link set $tap master wire up
	ip link set $tap type bridge_slave learning off # a frame goes to the other end, whatever it says
done
ip link set wire up
exec "$@"
