// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode cookie-local: the connection ends on this host, whose kernel makes it of the client's ACK as
 * if it had sent the SYN cookie itself. So the cookie is the kernel's own, and its options are where
 * the kernel looks for them: in the lowest bits of the timestamp that the client echoes
 * (cookie_timestamp_decode() of net/ipv4/syncookies.c). docs/local-cookies.md has the whole of it.
 * The loader defines LOCAL_COOKIES, 0 on kernels without the helpers (before 6.0).
 */
#pragma once

#include "guard/cookie_backend.h"
#include "lib/kernel_helpers.h"
#include "maps/gateway.h"
#include "packet/reply.h"
#include "packet/tcp_options.h"

#if LOCAL_COOKIES

#define STAMP_SACK (1u << 4)
#define STAMP_ECN (1u << 5)
#define STAMP_OPTIONS 63u /* and in the lowest four the client's window scale */
#define NS_PER_STAMP 1000000

/* Of the SYN what goes into a cookie; the kernel wants it as headers. */
struct syn_headers {
	union {
		struct iphdr ipv4;
		struct ipv6hdr ipv6;
	};
	struct tcphdr tcp;
	__be32 mss;
};
#define SYN_HEADER (sizeof(struct tcphdr) + sizeof(__be32))

INLINE void make_headers(const struct packet *p, const struct tcphdr *tcp, __u16 mss,
			 struct syn_headers *h)
{
	if (p->version == 4) {
		*(__be16 *)&h->ipv4 = HTONS(0x4500);
		h->ipv4.saddr = p->source.word[3];
		h->ipv4.daddr = p->destination.word[3];
	} else {
		*(__be32 *)&h->ipv6 = HTONL(6u << 28);
		copy_address(&h->ipv6.saddr, &p->source);
		copy_address(&h->ipv6.daddr, &p->destination);
	}
	h->tcp.source = p->source_port;
	h->tcp.dest = p->destination_port;
	h->tcp.seq = tcp->seq;
	((__u8 *)&h->tcp)[12] = SYN_HEADER / 4 << 4;
	((__u8 *)&h->tcp)[13] = TCP_SYN;
	h->mss = __cpu_to_be32(WORD_MSS << 16 | mss);
}

/* Not ahead of the kernel's clock, or the client takes what the kernel sends for old (RFC 7323 5). */
INLINE __u32 stamp_of(const struct syn_options *o, int ecn)
{
	__u32 now = bpf_ktime_get_coarse_ns() / NS_PER_STAMP;
	__u32 stamp = (now & ~STAMP_OPTIONS) | o->wscale | (o->sack ? STAMP_SACK : 0) |
		      (ecn ? STAMP_ECN : 0);

	return (__s32)(stamp - now) > 0 ? stamp - (STAMP_OPTIONS + 1) : stamp;
}

/* Only what the kernel will know again: without a timestamp it is nothing but the MSS. */
INLINE void keep_options(struct syn_options *o, __u8 options)
{
	if (!o->timestamps || !(options & OFFER_TIMESTAMPS))
		options = 0;
	o->timestamps = !!options;
	o->sack = o->sack && options & OFFER_SACK;
	if (!(options & OFFER_SCALE))
		o->wscale = NO_WSCALE;
}

INLINE int answer_local_cookie(struct packet *p, const struct guard *g)
{
	struct tcphdr *tcp = p->transport;
	struct syn_options *o = read_options(p);
	struct syn_headers h = {};
	struct reply r = {};
	__s64 cookie;
	int ecn;

	if (!o || (void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	make_headers(p, tcp, o->mss, &h);
	if (p->version == 4)
		cookie = make_raw_cookie_ipv4(&h.ipv4, &h.tcp, SYN_HEADER);
	else
		cookie = make_raw_cookie_ipv6(&h.ipv6, &h.tcp, SYN_HEADER);
	if (cookie < 0)
		return GO_ON;
	keep_options(o, g->options);
	/* RFC 3168 6.1.1: ECN is asked for by both flags, and granted by ECE alone. */
	ecn = o->timestamps && g->options & OFFER_ECN &&
	      (p->tcp_flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
	r.seq = __cpu_to_be32(cookie);
	r.ack = __cpu_to_be32(__be32_to_cpu(h.tcp.seq) + 1);
	r.window = HTONS(COOKIE_WINDOW);
	r.flags = TCP_SYN | TCP_ACK | (ecn ? TCP_ECE : 0);
	answer_options(&r, o, p->version == 4 ? g->mss4 : g->mss6, g->wscale);
	r.option[3] = __cpu_to_be32(stamp_of(o, ecn));
	return reply(p, &r) ? VERDICT_NO_ROOM : VERDICT_COOKIE;
}

/* Whether it acknowledges a cookie of this kernel. */
INLINE int has_local_cookie(const struct packet *p)
{
	struct tcphdr *tcp = p->transport;
	struct iphdr *ipv4 = p->network;
	struct ipv6hdr *ipv6 = p->network;

	if ((void *)(tcp + 1) > p->end)
		return 0;
	if (p->version == 4)
		return (void *)(ipv4 + 1) <= p->end && !check_raw_cookie_ipv4(ipv4, tcp);
	return (void *)(ipv6 + 1) <= p->end && !check_raw_cookie_ipv6(ipv6, tcp);
}

/*
 * A listener takes cookies only for two minutes after it had to send one, and would reset the client
 * that comes with another's. Asking it for one counts as that; what it says is thrown away.
 */
INLINE void mark_listener(const struct packet *p)
{
	struct tcphdr *tcp = p->transport;
	struct bpf_sock_tuple tuple = {};
	struct syn_headers h = {};
	struct bpf_sock *listener;
	__u32 size;

	if (p->dry || (void *)(tcp + 1) > p->end)
		return;
	if (p->version == 4) {
		tuple.ipv4.saddr = p->source.word[3];
		tuple.ipv4.daddr = p->destination.word[3];
		tuple.ipv4.sport = p->source_port;
		tuple.ipv4.dport = p->destination_port;
		size = sizeof(tuple.ipv4);
	} else {
		copy_address(tuple.ipv6.saddr, &p->source);
		copy_address(tuple.ipv6.daddr, &p->destination);
		tuple.ipv6.sport = p->source_port;
		tuple.ipv6.dport = p->destination_port;
		size = sizeof(tuple.ipv6);
	}
	listener = bpf_skc_lookup_tcp(p->ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!listener)
		return;
	make_headers(p, tcp, 0, &h);
	bpf_tcp_gen_syncookie(listener, &h, sizeof(h.ipv6), &h.tcp, SYN_HEADER);
	bpf_sk_release(listener);
}

#else

/* User space refuses the mode. */
INLINE int answer_local_cookie(struct packet *p, const struct guard *g)
{
	return GO_ON;
}

INLINE int has_local_cookie(const struct packet *p)
{
	return 0;
}

INLINE void mark_listener(const struct packet *p)
{
}

#endif
