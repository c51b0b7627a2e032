// SPDX-License-Identifier: GPL-2.0-only
/*
 * The backend's side of guard mode cookie-backend, at TC ingress: a segment that acknowledges a
 * gateway's SYN cookie comes for a listener that has seen no SYN. It gets a request socket with
 * what the cookie says of the client, and the kernel goes on as if it had sent the cookie itself.
 * docs/syn-cookies.md has the whole way.
 */
#include "headers.h"
#include "accept_verdicts.h"
#include "accept_maps.h"
#include "packet.h"
#include "accept_packet.h"
#include "accept_request.h"
#include "accept_waiting.h"

/* enum tcx_action_base of linux/bpf.h */
#define TCX_NEXT -1
#define TCX_DROP 2
#define STATE_TIME_WAIT 6 /* include/net/tcp_states.h */
#define STATE_LISTEN 10

/* The state of the socket that the segment is for, with a reference to it in `found`. */
INLINE struct bpf_sock *find_socket(struct __sk_buff *skb, const struct segment *s)
{
	struct bpf_sock_tuple tuple = {};

	if (s->p.version == 4) {
		tuple.ipv4.saddr = s->p.source.word[3];
		tuple.ipv4.daddr = s->p.destination.word[3];
		tuple.ipv4.sport = s->p.source_port;
		tuple.ipv4.dport = s->p.destination_port;
		return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	copy_address(tuple.ipv6.saddr, &s->p.source);
	copy_address(tuple.ipv6.daddr, &s->p.destination);
	tuple.ipv6.sport = s->p.source_port;
	tuple.ipv6.dport = s->p.destination_port;
	return bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
}

INLINE int give_request(struct __sk_buff *skb, const struct segment *s, void *listener)
{
	struct bpf_tcp_req_attrs attrs = {};
	__u32 cookie = __be32_to_cpu(s->tcp.ack_seq) - 1;
	struct accept_keys *keys = keys_of_cookie(s, cookie);

	if (!keys)
		return ACCEPT_BAD_COOKIE;
	if (!listener)
		return end_left_over(s);
	take_timestamps(skb, s, &attrs);
	fill_request(s, keys, cookie, &attrs);
	if (bpf_sk_assign_tcp_reqsk(skb, listener, &attrs, sizeof(attrs)))
		return ACCEPT_REFUSED;
	wait_no_more(s);
	return ACCEPT_ACCEPTED;
}

INLINE int accept_segment(struct __sk_buff *skb, const struct segment *s)
{
	struct bpf_sock *found = find_socket(skb, s);
	int verdict = ACCEPT_KNOWN, no_cookie = ACCEPT_BAD_COOKIE;

	if (!found)
		return ACCEPT_NO_LISTENER;
	if (found->state == STATE_LISTEN) {
		void *listener = bpf_skc_to_tcp_sock(found);

		verdict = listener ? give_request(skb, s, listener) : ACCEPT_REFUSED;
	} else if (found->state == STATE_TIME_WAIT) {
		/* Most are of the connection that ended. */
		verdict = give_request(skb, s, 0);
		no_cookie = ACCEPT_KNOWN;
	}
	bpf_sk_release(found);
	return verdict == ACCEPT_BAD_COOKIE ? wait_for_cookie(s, no_cookie) : verdict;
}

INLINE int accept_finish(struct __sk_buff *skb, __u32 verdict)
{
	const int PASS = TCX_NEXT, DROP = TCX_DROP;
	struct accept_counter *counter = verdicts.lookup(&verdict);

	if (counter) {
		counter->packets += 1;
		counter->bytes += skb->len;
	}
	switch (verdict) {
#define V(name, action, expected, meaning)                                                         \
	case ACCEPT_##name: return action;
		ACCEPT_VERDICTS(V)
#undef V
	}
	return TCX_NEXT;
}

int accept_cookie(struct __sk_buff *skb)
{
	struct segment s = {};

	return accept_finish(skb, read_segment(skb, &s) ?: accept_segment(skb, &s));
}
