// SPDX-License-Identifier: GPL-2.0-only
/* A segment with a valid cookie for a listener: the listener gets the connection. */
#pragma once

#include "backend/cookie_check.h"
#include "backend/request.h"
#include "backend/segment.h"
#include "backend/time_wait.h"
#include "maps/cookie_acceptor.h"
#include "packet/packet.h"

#define STATE_TIME_WAIT 6 /* include/net/tcp_states.h */
#define STATE_LISTEN 10

/* What is there for the segment, if the client's port were this one; with a reference to it. */
INLINE struct bpf_sock *find_socket(struct __sk_buff *skb, const struct segment *s, __be16 port)
{
	struct bpf_sock_tuple tuple = {};

	if (s->p.version == 4) {
		tuple.ipv4.saddr = s->p.source.word[3];
		tuple.ipv4.daddr = s->p.destination.word[3];
		tuple.ipv4.sport = port;
		tuple.ipv4.dport = s->p.destination_port;
		return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	copy_address(tuple.ipv6.saddr, &s->p.source);
	copy_address(tuple.ipv6.daddr, &s->p.destination);
	tuple.ipv6.sport = port;
	tuple.ipv6.dport = s->p.destination_port;
	return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

INLINE int give_request(struct __sk_buff *skb, struct bpf_sock *found,
			struct bpf_tcp_req_attrs *attrs)
{
	void *listener = found->state == STATE_LISTEN ? bpf_skc_to_tcp_sock(found) : 0;

	if (!listener)
		return ACCEPT_REFUSED;
	return bpf_sk_assign_tcp_reqsk(skb, listener, attrs, sizeof(*attrs)) ? ACCEPT_REFUSED
									     : ACCEPT_ACCEPTED;
}

INLINE int accept_segment(struct __sk_buff *skb, const struct segment *s)
{
	__u32 cookie = __be32_to_cpu(s->tcp.ack_seq) - 1;
	struct bpf_sock *found = find_socket(skb, s, s->p.source_port);
	struct bpf_tcp_req_attrs attrs = {};
	struct accept_keys *keys;
	int verdict, waits;

	if (!found)
		return ACCEPT_NO_LISTENER;
	waits = found->state == STATE_TIME_WAIT;
	if (!waits && found->state != STATE_LISTEN) {
		bpf_sk_release(found);
		return ACCEPT_KNOWN;
	}
	keys = keys_of_cookie(s, cookie);
	if (!keys || waits)
		bpf_sk_release(found);
	if (!keys) /* In TIME-WAIT most are of the connection that ended. */
		return wait_for_cookie(s, waits ? ACCEPT_KNOWN : ACCEPT_BAD_COOKIE);
	take_timestamps(skb, s, &attrs);
	fill_request(s, keys, cookie, &attrs);
	if (waits) {
		end_left_over(s, &attrs);
		/* The listener: no connection has port 0. */
		found = find_socket(skb, s, 0);
		if (!found)
			return ACCEPT_HELD_BACK;
	}
	verdict = give_request(skb, found, &attrs);
	bpf_sk_release(found);
	if (waits)
		return verdict == ACCEPT_ACCEPTED ? ACCEPT_TIME_WAIT : ACCEPT_HELD_BACK;
	if (verdict == ACCEPT_ACCEPTED)
		wait_no_more(s);
	return verdict;
}
