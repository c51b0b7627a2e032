// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode cookie-backend: a SYN is answered with a SYN cookie of our own and leaves no trace here.
 * What acknowledges it goes to a backend, which makes the connection of it
 * (programs/cookie_acceptor.bpf.c). docs/syn-cookies.md has what is in the cookie.
 */
#pragma once

#include "lib/clock.h"
#include "lib/syn_cookie.h"
#include "maps/gateway.h"
#include "packet/reply.h"
#include "packet/tcp_options.h"

#define COOKIE_WINDOW 64240 /* what Linux starts with: more than a client sends at first */

/* In milliseconds or so (RFC 7323 5.4). The backend goes on from the one that the client echoes. */
INLINE __u32 timestamp_now(void)
{
	return bpf_jiffies64() * (1000 / TICKS_PER_SECOND);
}

/* Each option in a place of its own: MSS, window scale, SACK, timestamps. */
INLINE void answer_options(struct reply *r, const struct syn_options *o, __u16 mss, __u8 wscale)
{
	const int scales = o->wscale != NO_WSCALE;

	r->option[0] = __cpu_to_be32(WORD_MSS << 16 | mss);
	r->option[1] = scales ? __cpu_to_be32(WORD_NOP_WSCALE << 8 | wscale) : HTONL(WORD_NOPS);
	r->option[2] = !o->timestamps ? HTONL(WORD_NOP_NOP_SACK)
		       : o->sack      ? HTONL(WORD_SACK_TIMESTAMPS)
				      : HTONL(WORD_NOP_NOP_TIMESTAMPS);
	r->option[3] = __cpu_to_be32(timestamp_now());
	r->option[4] = o->time;
	r->options = o->timestamps ? 5 : o->sack ? 3 : scales ? 2 : 1;
}

/* GO_ON for a client whose MSS is less than any cookie can say. */
INLINE int answer_cookie(struct packet *p, const struct guard *g)
{
	struct tcphdr *tcp = p->transport;
	struct syn_options *o = read_options(p);
	struct reply r = {};
	__u32 zero = 0, generation, options, isn;
	struct guard_keys *keys;
	int ecn, mss;

	keys = guard_keys.lookup(&zero);
	if (!o || !keys || (void *)(tcp + 1) > p->end)
		return VERDICT_BAD_TRANSPORT;
	mss = cookie_mss_index(p->version, o->mss);
	if (mss < 0)
		return GO_ON;
	/* RFC 3168 6.1.1: ECN is asked for by both flags, and granted by ECE alone. */
	ecn = (p->tcp_flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);
	options = mss << COOKIE_MSS_SHIFT | o->wscale << COOKIE_WSCALE_SHIFT |
		  (o->sack ? COOKIE_SACK : 0) | (ecn ? COOKIE_ECN : 0);
	isn = __be32_to_cpu(tcp->seq);
	generation = keys->generation % KEY_GENERATIONS;
	r.seq = __cpu_to_be32(
		make_cookie(p, keys->cookie[generation], generation, isn, options, g->wscale));
	r.ack = __cpu_to_be32(isn + 1);
	r.window = HTONS(COOKIE_WINDOW);
	r.flags = TCP_SYN | TCP_ACK | (ecn ? TCP_ECE : 0);
	answer_options(&r, o, p->version == 4 ? g->mss4 : g->mss6, g->wscale);
	return reply(p, &r) ? VERDICT_NO_ROOM : VERDICT_COOKIE;
}

/* Whether it acknowledges a cookie that we made, by the current key or the one before. */
INLINE int has_cookie(const struct packet *p, const struct guard *g)
{
	const struct tcphdr *tcp = p->transport;
	__u32 zero = 0, cookie, generation;
	struct guard_keys *keys = guard_keys.lookup(&zero);

	if (!keys || (void *)(tcp + 1) > p->end)
		return 0;
	cookie = __be32_to_cpu(tcp->ack_seq) - 1;
	generation = generation_of(cookie);
	if (generations_ago(keys->generation, generation) > 1)
		return 0;
	return make_cookie(p, keys->cookie[generation], generation, __be32_to_cpu(tcp->seq) - 1,
			   cookie_options(cookie), g->wscale) == cookie;
}
