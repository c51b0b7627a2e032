#!/bin/sh
# The two machines on real interfaces: `gateway` steers, `backend` answers, and the clients are on
# another interface of the second one, in a namespace. `ask COUNT` requests from there.
set -eu
network=192.168.57
service=$network.100
case $1 in
gateway)
	accel service list >/dev/null 2>&1 ||
		setsid acceld --interface eth1 </dev/null >/var/log/acceld.log 2>&1 &
	tries=600
	until accel service list >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { cat /var/log/acceld.log >&2; exit 1; }
		sleep 1
	done
	cat >/tmp/api.yaml <<-YAML
		services:
		  - name: api
		    address: $service
		    port: 80
		    protocol: tcp
		    mode: ipip
		    backends:
		      - {name: backend, address: $network.20}
	YAML
	tries=10 # a busy machine is still compiling, and does not answer in time
	until accel apply -f /tmp/api.yaml; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || exit 1
	done
	;;
backend)
	ip netns add client 2>/dev/null || true
	ip link set eth2 netns client 2>/dev/null || true
	ip -n client address replace $network.30/24 dev eth2
	ip -n client link set lo up
	ip -n client link set eth2 up
	ip -n client route replace $service via $network.10
	sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
	sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0
	ip address replace $service/32 dev lo
	echo backend >/var/www/html/index.html
	systemctl start nginx
	setsid accel backend run --interface eth1 --allow $network.10/32 \
		</dev/null >/var/log/accel-backend.log 2>&1 &
	tries=600
	until grep -q unwrapping /var/log/accel-backend.log; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { cat /var/log/accel-backend.log >&2; exit 1; }
		sleep 1
	done
	;;
ask)
	urls=$(yes "url = http://$service/" | head -n "$2")
	echo "$urls" | ip netns exec client curl --config - --silent --show-error --max-time 60 \
		--header 'Connection: close' | sort | uniq -c
	;;
esac
